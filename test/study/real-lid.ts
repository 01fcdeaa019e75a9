import type { Estimate, StepResult } from '../../shared/twin/index.js';
import { eventsOf, type MachineEvent } from '../../shared/twin/report/machine-events.js';

/**
 * Epoch seconds at which the laboratory opened and closed the lid of the heated box, and when its
 * record begins.
 */
const BEGIN_S = 1614859007.12;
export const LID: readonly { openS: number; closeS: number }[] = (
  [
    [1614861060, 1614861220],
    [1614862680, 1614862770],
    [1614864190, 1614864280],
    [1614865680, 1614865770],
    [1614867210, 1614867300],
    [1614868710, 1614868800],
    [1614876660, 1614876750],
  ] as const
).map(([open, close]) => ({ openS: open - BEGIN_S, closeS: close - BEGIN_S }));

/** An event within so many seconds after the lid was closed is the lid's. */
const AFTER_S = 300;

/** What a run made of the lid. */
export interface LidScore {
  /** Seconds from each opening until its event was found; undefined where it was not. */
  delaysS: (number | undefined)[];
  /** Events that are not the lid's. */
  others: MachineEvent[];
  /** Per opening: the largest move of a parameter from before it to 300 s after closing, in its sd. */
  moves: number[];
  events: MachineEvent[];
}

/** Scores the steps of a run over the record of the lid. */
export function scoreLid(steps: readonly StepResult[]): LidScore {
  const events = eventsOf(steps);
  const ofLid = ({ foundS }: MachineEvent) =>
    LID.some(({ openS, closeS }) => foundS >= openS - 3 && foundS <= closeS + AFTER_S);
  const at = (timeS: number) => steps.findLast((s) => s.timeS <= timeS)?.parameters ?? {};
  const moved = (from: Record<string, Estimate>, to: Record<string, Estimate>) =>
    Math.max(...Object.entries(from).map(([k, e]) => Math.abs(to[k]!.mean - e.mean) / e.std));
  return {
    delaysS: LID.map(({ openS, closeS }) => {
      const found = events.find((e) => e.foundS >= openS - 3 && e.foundS <= closeS + 30);
      return found === undefined ? undefined : found.foundS - openS;
    }),
    others: events.filter((e) => !ofLid(e)),
    moves: LID.map(({ openS, closeS }) => moved(at(openS - 10), at(closeS + AFTER_S))),
    events,
  };
}
