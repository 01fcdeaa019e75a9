import type { StepResult } from '../types.js';

/** A span in which readings left what the model explains, seconds of the machine's time. */
export interface MachineEvent {
  sinceS: number;
  /** The last sample of it. */
  untilS?: number;
  /** The sample at which it was found. */
  foundS: number;
}

/** A time without samples in which nothing tells what drove the machine, seconds of its time. */
export interface MachineGap {
  /** The last sample before it. */
  sinceS: number;
  /** The first sample after it. */
  untilS: number;
}

/** The gaps of a moving machine's run, from its steps. */
export const gapsOf = (steps: readonly Pick<StepResult, 'timeS' | 'gapS'>[]): MachineGap[] =>
  steps.flatMap(({ timeS, gapS }) =>
    gapS === undefined ? [] : [{ sinceS: timeS - gapS, untilS: timeS }],
  );

/** The events of a run, from its steps. */
export function eventsOf(
  steps: readonly Pick<StepResult, 'timeS' | 'eventSinceS' | 'skipped'>[],
): MachineEvent[] {
  const events: MachineEvent[] = [];
  let open: MachineEvent | undefined;
  for (const { timeS, eventSinceS, skipped } of steps) {
    // A sample that was left out says nothing of events.
    if (eventSinceS === undefined && skipped !== undefined) continue;
    if (open !== undefined && open.sinceS !== eventSinceS) {
      open = undefined;
    }
    if (eventSinceS === undefined) continue;
    if (open === undefined) {
      open = { sinceS: eventSinceS, foundS: timeS };
      events.push(open);
    }
    open.untilS = timeS;
  }
  if (open !== undefined) delete open.untilS;
  return events;
}
