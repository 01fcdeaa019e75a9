import type { Decisions } from '../../config/index.js';
import { isBeyond } from '../forecast/first-passage.js';
import type { Response } from '../forecast/response.js';
import type { TrendPaths } from '../forecast/trend-paths.js';
import type { PlannedLimit, Summed } from './limits.js';

const DAY_S = 86_400;

/** Values of all inputs, in the definition's order, and the model's response under them. */
export interface Setting {
  inputs: Float64Array;
  response: Response;
}

/** A repair at one of the times. */
export interface Repair {
  /** Place among the decisions' maintenance. */
  index: number;
  /** Place of its beginning among the times. */
  at: number;
}

/** What does not change between ways to go. */
export interface Ground {
  decisions: Decisions;
  /** Places of the decided inputs among the definition's. */
  places: readonly number[];
  limits: readonly PlannedLimit[];
  summed: Summed;
  times: Float64Array;
  /** The machine as it is, and parts as they wear from new: both begin at the first time. */
  worn: TrendPaths;
  fresh: TrendPaths;
  /** Places of the parameters that each maintenance resets. */
  resets: readonly (readonly number[])[];
}

/** What becomes of a stretch of time under one setting, course by course. */
export interface Stretch {
  /** Place of the first limit that is passed; −1: none. */
  passed: Int32Array;
  /** What is summed up, until a stop where there is one. */
  sum: Float64Array;
}

/**
 * Follows the courses from one time to another under a setting.
 *
 * @param from place of the first time
 * @param to place of the last one
 * @param repair what has been repaired before: its parts are as new from then on, and the machine
 *   stands meanwhile
 */
export function follow(
  ground: Ground,
  { inputs, response }: Setting,
  from: number,
  to: number,
  repair?: Repair,
): Stretch {
  const { worn, fresh, times, limits, summed, decisions } = ground;
  const paths = worn.count;
  const n = worn.values[0]!.length / paths;
  const reset = repair === undefined ? [] : ground.resets[repair.index]!;
  const standsUntilS =
    repair === undefined ? 0 : times[repair.at]! + decisions.maintenance[repair.index]!.takesS;
  const passed = new Int32Array(paths).fill(-1);
  const sum = new Float64Array(paths);
  const b = new Float64Array(n);
  const out = new Float64Array(response.error.length);
  const money = moneyPerDay(ground, inputs) / DAY_S;
  const ends = endsAtLimit(ground, money);
  for (let k = from; k <= to; k++) {
    const timeS = times[k]!;
    const stepS = k === from ? 0 : timeS - times[k - 1]!;
    const ranS = Math.max(0, Math.min(stepS, timeS - standsUntilS));
    for (let p = 0; p < paths; p++) {
      const hasPassed = passed[p]! >= 0;
      if (hasPassed && ends) continue;
      b.set(worn.values[k]!.subarray(p * n, p * n + n));
      for (const i of reset) b[i] = fresh.values[k - repair!.at]![p * n + i]!;
      response.at(b, out);
      if (!hasPassed && timeS >= standsUntilS) {
        passed[p] = limits.findIndex((l) =>
          isBeyond(l.parameter === undefined ? out[l.output!]! : b[l.parameter]!, l.limits),
        );
        // The step on which a limit is passed is not earned any more.
        if (passed[p]! >= 0 && ends) continue;
      }
      sum[p]! += ranS * rateOf(summed, inputs, b, out, money);
    }
  }
  return { passed, sum };
}

function rateOf(
  summed: Summed,
  inputs: Float64Array,
  parameters: Float64Array,
  outputs: Float64Array,
  money: number,
): number {
  if (summed.kind === 'cost') return money;
  if (summed.kind === 'input') return inputs[summed.index]!;
  return summed.kind === 'parameter' ? parameters[summed.index]! : outputs[summed.index]!;
}

/**
 * Whether a course adds nothing up after a limit: what is gained ends with the machine's stop, what is
 * paid or is to be small goes on.
 */
export function endsAtLimit({ decisions, summed }: Ground, moneyRate: number): boolean {
  if (decisions.objective.atLimit === 'continue') return false;
  return summed.kind === 'cost' ? moneyRate < 0 : decisions.objective.sense === 'maximise';
}

/** What the decided inputs cost in a day of running; below 0 where they earn. */
export function moneyPerDay({ decisions, places }: Ground, inputs: Float64Array): number {
  return decisions.inputs.reduce((sum, d, i) => sum + d.cost * inputs[places[i]!]!, 0);
}
