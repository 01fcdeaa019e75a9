import type { Decisions } from '../../config/index.js';
import type { PickedResponse, Response } from '../forecast/response.js';
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

/** A way that was tried, with its risk and its mean objective by the courses of the search. */
export interface Candidate {
  before: Setting;
  repair?: Repair | undefined;
  after: Setting;
  risk: number;
  mean: number;
}

/** What does not change between ways to go. */
export interface Ground {
  decisions: Decisions;
  /** Places of the decided inputs among the definition's. */
  places: readonly number[];
  limits: readonly PlannedLimit[];
  summed: Summed;
  /** Places of the outputs that limits or the objective look at. */
  looked: readonly number[];
  times: Float64Array;
  /** The machine as it is, and parts as they wear from new: both begin at the first time. */
  worn: TrendPaths;
  fresh: TrendPaths;
  /** Places of the parameters that each maintenance resets. */
  resets: readonly (readonly number[])[];
}

/** Outputs that a plan has to know, of all that the model has. */
export function lookedOutputs(limits: readonly PlannedLimit[], summed: Summed): number[] {
  const outputs = limits.flatMap((l) => (l.output === undefined ? [] : [l.output]));
  return [...new Set(summed.kind === 'output' ? [...outputs, summed.index] : outputs)];
}

/** What becomes of a stretch of time under one setting, course by course. */
export interface Stretch {
  /** Place of the first limit that is passed; −1: none. */
  passed: Int32Array;
  /** What is summed up, until a stop where there is one. */
  sum: Float64Array;
}

/** What a limit is compared with: a parameter or a looked-at output by its place, and its ends. */
interface Gauge {
  isParameter: boolean;
  place: number;
  below: number;
  above: number;
}

function gaugesOf({ limits, looked }: Ground): Gauge[] {
  return limits.map(({ parameter, output, limits: { below, above } }) => ({
    isParameter: parameter !== undefined,
    place: parameter ?? looked.indexOf(output!),
    below: below ?? Number.NEGATIVE_INFINITY,
    above: above ?? Number.POSITIVE_INFINITY,
  }));
}

/** The machine as it wears under a setting. */
export interface Field {
  setting: Setting;
  picked: PickedResponse;
  /** Looked-at outputs at one of the times, by course. */
  at(k: number): Float64Array;
}

/** Runs every course through the response of a setting, once for all ways that have it. */
export function fieldOf({ worn, looked }: Ground, setting: Setting): Field {
  const picked = setting.response.pick(looked);
  const { count, values } = worn;
  const n = values[0]!.length / count;
  const known: Float64Array[] = [];
  return {
    setting,
    picked,
    at(k) {
      const found = known[k];
      if (found !== undefined) return found;
      const out = new Float64Array(count * looked.length);
      for (let p = 0; p < count; p++) picked.at(values[k]!, p * n, out, p * looked.length);
      known[k] = out;
      return out;
    },
  };
}

/**
 * Follows the courses under a setting, from now to each of several times.
 *
 * @param stops places of the times, ascending
 * @returns what has become of the courses by each
 */
export function followTo(ground: Ground, field: Field, stops: readonly number[]): Stretch[] {
  const done: Stretch[] = [];
  walk(ground, field, 0, stops.at(-1) ?? 0, undefined, (k, stretch) => {
    for (const stop of stops) {
      if (stop === k) done.push({ passed: stretch.passed.slice(), sum: stretch.sum.slice() });
    }
  });
  return done;
}

/** Follows the courses from a repair to the end: its parts are new, and the machine stands meanwhile. */
export function followFrom(ground: Ground, field: Field, repair: Repair): Stretch {
  return walk(ground, field, repair.at, ground.times.length - 1, repair);
}

function walk(
  ground: Ground,
  { setting, picked, at }: Field,
  from: number,
  to: number,
  repair?: Repair,
  onTime?: (k: number, stretch: Stretch) => void,
): Stretch {
  const { worn, fresh, times, summed, decisions, looked } = ground;
  const L = looked.length;
  const paths = worn.count;
  const n = worn.values[0]!.length / paths;
  const reset = repair === undefined ? [] : ground.resets[repair.index]!;
  const standsUntilS =
    repair === undefined ? 0 : times[repair.at]! + decisions.maintenance[repair.index]!.takesS;
  const passed = new Int32Array(paths).fill(-1);
  const sum = new Float64Array(paths);
  const stretch = { passed, sum };
  const b = new Float64Array(n);
  const out = new Float64Array(L);
  const money = moneyPerDay(ground, setting.inputs) / DAY_S;
  const ends = endsAtLimit(ground, money);
  const gauges = gaugesOf(ground);
  const rateOf = rateIn(ground, setting.inputs, money);
  // Nothing but limits and sums is asked for: what neither changes is not computed.
  const goesOnBlindly = !ends && summed.kind !== 'parameter' && summed.kind !== 'output';
  for (let k = from; k <= to; k++) {
    const timeS = times[k]!;
    const stepS = k === from ? 0 : timeS - times[k - 1]!;
    const ranS = Math.max(0, Math.min(stepS, timeS - standsUntilS));
    const here = at(k);
    const wornHere = worn.values[k]!;
    const freshHere = repair === undefined ? wornHere : fresh.values[k - repair.at]!;
    for (let p = 0; p < paths; p++) {
      const hasPassed = passed[p]! >= 0;
      if (hasPassed && ends) continue;
      if (!(hasPassed && goesOnBlindly)) {
        for (let i = 0; i < n; i++) b[i] = wornHere[p * n + i]!;
        for (let o = 0; o < L; o++) out[o] = here[p * L + o]!;
        for (const i of reset) {
          picked.add(i, b[i]!, -1, out, 0);
          b[i] = freshHere[p * n + i]!;
          picked.add(i, b[i]!, 1, out, 0);
        }
        if (!hasPassed && timeS >= standsUntilS) {
          passed[p] = firstBeyond(gauges, b, out);
          // The step on which a limit is passed is not earned any more.
          if (passed[p]! >= 0 && ends) continue;
        }
      }
      sum[p]! += ranS * rateOf(b, out);
    }
    onTime?.(k, stretch);
  }
  return stretch;
}

/** Place of the first limit that is passed; −1: none. */
function firstBeyond(gauges: readonly Gauge[], b: Float64Array, out: Float64Array): number {
  for (let g = 0; g < gauges.length; g++) {
    const { isParameter, place, below, above } = gauges[g]!;
    const value = isParameter ? b[place]! : out[place]!;
    if (value > above || value < below) return g;
  }
  return -1;
}

/** What is added up in a second of running. */
function rateIn({ summed, looked }: Ground, inputs: Float64Array, money: number) {
  if (summed.kind === 'cost') return () => money;
  if (summed.kind === 'input') return () => inputs[summed.index]!;
  if (summed.kind === 'parameter') return (b: Float64Array) => b[summed.index]!;
  const place = looked.indexOf(summed.index);
  return (_: Float64Array, out: Float64Array) => out[place]!;
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
