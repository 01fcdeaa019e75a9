import { secondsToNs, systemClock } from '../../shared/core/index.js';
import { accountFor, usedBy } from './accounting.js';
import type { Stack } from './stack.js';

const POLL_MS = 200;
/** So many polls without anything new, before what has arrived is counted. */
const QUIET_POLLS = 5;

/**
 * Halts the machine and waits until everything it has shown is in SiteWise, or the time is over. That
 * nothing moves is not enough: an edge component that still looks for its source has an empty queue,
 * too. So the values themselves are counted.
 *
 * @param waitS longest wait, seconds
 */
export async function drain(
  stack: Pick<Stack, 'plant' | 'edge' | 'gateway' | 'reader'> & {
    twin: Pick<Stack['twin'], 'definition'>;
  },
  waitS: number,
  signal?: AbortSignal,
): Promise<void> {
  await stack.plant.halt();
  const endNs = systemClock.nowNs() + secondsToNs(waitS);
  let quiet = 0;
  let before = -1;
  while (systemClock.nowNs() < endNs) {
    await systemClock.sleep(POLL_MS, signal);
    const status = await stack.edge.status();
    const { buffered, received } = stack.gateway.stats();
    const atRest = status?.queueDepth === 0 && buffered === 0 && received === before;
    before = received;
    quiet = atRest ? quiet + 1 : 0;
    if (quiet < QUIET_POLLS) continue;
    const { lost } = await accountFor({
      twin: stack.twin.definition,
      plant: stack.plant,
      reader: stack.reader,
      untilNs: systemClock.nowNs(),
    });
    if (lost === 0) return;
    quiet = 0;
  }
}

/** The newest samples become readable for the worker after its settling time, milliseconds. */
const SETTLED_MS = 2500;
/** Runs of the worker without a step forward, before the rest counts as unused. */
const IDLE_RUNS = 2;

/**
 * Runs the worker until the estimate has used all that SiteWise holds, or a run brings it no further:
 * a run that was under way may have begun before the last values were there.
 */
export async function catchUp(stack: Stack, signal?: AbortSignal): Promise<void> {
  await systemClock.sleep(SETTLED_MS, signal);
  let least = Number.POSITIVE_INFINITY;
  let idle = 0;
  while (idle < IDLE_RUNS) {
    await stack.scheduler.runNow();
    signal?.throwIfAborted();
    const { unused } = await usedBy(stack, systemClock.nowNs());
    if (unused === 0) return;
    idle = unused < least ? 0 : idle + 1;
    least = Math.min(least, unused);
  }
}
