import type { Estimate } from '../types.js';
import type { LimitDriver } from './drivers.js';
import {
  firstPassages,
  INTERVALS,
  isBeyond,
  type Limits,
  type PassageTime,
  passageTime,
  passedBy,
  sortedQuantile,
} from './first-passage.js';

/**
 * An estimate with the intervals of a fan chart. Courses may part ways, so that few of them, far off, draw
 * the mean out of the interval of 95 %: the median is where most go on.
 */
export interface ForecastEstimate extends Estimate {
  median: number;
  lower50: number;
  upper50: number;
  lower80: number;
  upper80: number;
}

/** What is to come for one parameter or virtual sensor. */
export interface ForecastSeries extends Partial<PassageTime> {
  estimates: ForecastEstimate[];
  /** Where an alarm limit is set: the probability of being beyond it at each time … */
  beyondLimit?: number[];
  /** … and of having passed it by then. */
  passedLimit?: number[];
  /** Of a virtual sensor with a limit: which parameters move it, the strongest first. */
  drivers?: LimitDriver[];
}

/** Share of the courses that must lie within a parameter's bounds to stand for it there. */
const LEAST_WITHIN = 0.05;

type Intervals = Pick<
  ForecastEstimate,
  'lower50' | 'upper50' | 'lower80' | 'upper80' | 'lower95' | 'upper95'
>;

function intervalsOf(interval: (share: number) => [number, number]): Intervals {
  return Object.fromEntries(
    INTERVALS.flatMap((percent) => {
      const [lower, upper] = interval(percent / 100);
      return [
        [`lower${percent}`, lower],
        [`upper${percent}`, upper],
      ];
    }),
  ) as unknown as Intervals;
}

/** Mean, deviation, median and central intervals of values drawn. */
function drawnEstimate(values: Float64Array): ForecastEstimate {
  const sorted = values.slice().sort();
  const mean = sorted.reduce((sum, v) => sum + v, 0) / sorted.length;
  const variance = sorted.reduce((sum, v) => sum + (v - mean) ** 2, 0) / (sorted.length - 1);
  return {
    mean,
    std: Math.sqrt(variance),
    median: sortedQuantile(sorted, 0.5),
    ...intervalsOf((share) => [
      sortedQuantile(sorted, 0.5 - share / 2),
      sortedQuantile(sorted, 0.5 + share / 2),
    ]),
  };
}

/** Values within bounds; where hardly any are, all at the nearer bound. */
export function within(
  values: Float64Array,
  lower = Number.NEGATIVE_INFINITY,
  upper = Number.POSITIVE_INFINITY,
): Float64Array {
  const inside = values.filter((v) => v >= lower && v <= upper);
  if (inside.length >= LEAST_WITHIN * values.length) return inside;
  return values.map((v) => Math.min(upper, Math.max(lower, v)));
}

/** When courses are drawn, and which of these times are reported. */
export interface Grid {
  /** Seconds after now, the first 0. */
  times: Float64Array;
  /** Times to the next that is reported. */
  substeps: number;
}

/**
 * Courses drawn as a fan, with when they pass their limits.
 *
 * @param values by time, one per course
 * @param reported those at the times that are reported, where what is reported of them differs
 */
export function fanOf(
  values: readonly Float64Array[],
  { times, substeps }: Grid,
  limits: Limits | undefined,
  reported: (at: Float64Array) => Float64Array = (at) => at,
): ForecastSeries {
  const told = values.filter((_, k) => k % substeps === 0);
  const estimates = told.map((at) => drawnEstimate(reported(at)));
  if (limits === undefined) return { estimates };
  const passages = firstPassages(times, values, limits);
  return {
    estimates,
    beyondLimit: told.map(
      (at) => at.reduce((sum, v) => sum + (isBeyond(v, limits) ? 1 : 0), 0) / at.length,
    ),
    passedLimit: told.map((_, k) => passedBy(passages, times[k * substeps]!)),
    ...passageTime(passages),
  };
}
