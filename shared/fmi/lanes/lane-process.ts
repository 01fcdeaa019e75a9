/** The process that an FMU runs in: one job per message, nothing else. Started by the pool. */
import { writeSync } from 'node:fs';
import { messageOf, TwinError } from '../../core/index.js';
import { dieWithParent } from '../binding/native.js';
import { FmiCallError } from '../binding/status.js';
import { FmuRunner } from '../running/runner.js';
import {
  type FromLane,
  type LaneError,
  type LaneHello,
  type LaneJob,
  TELLING_FD,
  type ToLane,
  type Told,
} from './lane-protocol.js';

let runner: FmuRunner | undefined;

let told = 0;

function send(message: FromLane): void {
  process.send?.(message);
}

/** Writes one line, however long the reader takes. */
function tell(line: Told): void {
  let rest = Buffer.from(`${JSON.stringify(line)}\n`);
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(TELLING_FD, rest));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') return;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
    }
  }
  told++;
}

function describe(error: unknown): LaneError {
  return {
    code: error instanceof TwinError ? error.code : 'INTERNAL',
    message:
      error instanceof TwinError
        ? error.message
        : `${messageOf(error)}${error instanceof Error ? `\n${error.stack}` : ''}`,
    ...(error instanceof FmiCallError && { function: error.function, status: error.status }),
  };
}

/**
 * After Error and Fatal nothing of this process may be used again: what a library keeps in static
 * memory survives its instances. A discarded step is no fault.
 */
function isFatal(error: unknown): boolean {
  return error instanceof FmiCallError && error.status !== 'Discard';
}

/** The results of runs up to the first that fails, which is asked for again by itself. */
function performMany(jobs: readonly LaneJob[]): unknown[] {
  const results: unknown[] = [];
  for (const job of jobs) {
    try {
      results.push(perform(job));
    } catch (error) {
      if (isFatal(error)) throw error;
      break;
    }
  }
  return results;
}

function perform(message: ToLane): unknown {
  if (message.type === 'open') {
    runner = new FmuRunner(message.fmu, {
      loggingOn: message.loggingOn,
      habits: message.habits,
      onLog: (log) => tell({ log }),
      onProgress: (progressS) => tell({ progressS }),
      ...(message.fmiLogging && { onCall: (call: string) => tell({ call }) }),
    });
    runner.load();
    return undefined;
  }
  if (message.type === 'many') return performMany(message.jobs);
  if (runner === undefined) throw new TwinError('INTERNAL', 'No FMU was opened.');
  switch (message.type) {
    case 'settle':
      return runner.settle(message.request);
    case 'simulate':
      return runner.simulate(message.request);
    case 'advance':
      return runner.advance(message.request);
    case 'propagate':
      return runner.propagate(message.request);
    case 'trajectory':
      return runner.trajectory(message.request);
    case 'jacobian':
      return runner.jacobian(message.request);
  }
}

function handle(message: ToLane): void {
  try {
    const result = perform(message);
    send({ type: 'done', id: message.id, result, rssBytes: process.memoryUsage.rss(), told });
  } catch (error) {
    const fatal = isFatal(error) || message.type === 'open';
    send({ type: 'failed', id: message.id, error: describe(error), fatal, told });
  }
}

dieWithParent();
process.send?.({ type: 'hello' } satisfies LaneHello);
// The terminal signals the whole group; when and how lanes end is the pool's business.
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => undefined);
process.on('disconnect', () => process.exit(0));
process.on('message', (message) => handle(message as ToLane));
