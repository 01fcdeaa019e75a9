import { partitionPoint } from '../../core/index.js';

/** Limits of a quantity. */
export interface Limits {
  above?: number | undefined;
  below?: number | undefined;
}

/** Shares of the intervals that are reported. */
export const INTERVALS = [50, 80, 95] as const;
const QUANTILES = [2.5, 10, 25, 50, 75, 90, 97.5] as const;

/** When a limit is passed for the first time. */
export interface PassageTime {
  /**
   * Seconds from now by which the limit has been passed with this probability; null: not within
   * the horizon.
   */
  timeToLimitS: Record<`p${(typeof QUANTILES)[number]}`, number | null>;
  /** Central intervals of the time to limit; null: beyond the horizon. */
  timeToLimitIntervalsS: Record<`${(typeof INTERVALS)[number]}`, [number | null, number | null]>;
}

/** Whether a value is beyond a limit. */
export function isBeyond(value: number, { above, below }: Limits): boolean {
  return (above !== undefined && value > above) || (below !== undefined && value < below);
}

/** Share of a step after which a straight line from one value to the next passes a limit. */
function crossing(from: number, to: number, { above, below }: Limits): number {
  const share = (limit: number) => Math.min(1, Math.max(0, (limit - from) / (to - from)));
  if (above !== undefined && to > above) return share(above);
  return below !== undefined && to < below ? share(below) : 1;
}

/**
 * When each path passes a limit for the first time.
 *
 * @param aheadS times, from 0
 * @param values by time, then path
 * @returns seconds ahead per path, ascending; `Infinity` where it doesn't pass
 */
export function firstPassages(
  aheadS: ArrayLike<number>,
  values: readonly Float64Array[],
  limits: Limits,
): Float64Array {
  const paths = values[0]!.length;
  const passages = new Float64Array(paths).fill(Number.POSITIVE_INFINITY);
  for (let p = 0; p < paths; p++) {
    for (let k = 0; k < values.length; k++) {
      const here = values[k]![p]!;
      if (!isBeyond(here, limits)) continue;
      const before = k === 0 ? 0 : aheadS[k - 1]!;
      const share = k === 0 ? 1 : crossing(values[k - 1]![p]!, here, limits);
      passages[p] = before + share * (aheadS[k]! - before);
      break;
    }
  }
  return passages.sort();
}

/** The value below which a share of sorted ones lies; linear between neighbours. */
export function sortedQuantile(sorted: ArrayLike<number>, share: number): number {
  const at = share * (sorted.length - 1);
  const low = sorted[Math.floor(at)]!;
  const high = sorted[Math.ceil(at)]!;
  return high === low || !Number.isFinite(high) ? low : low + (at - Math.floor(at)) * (high - low);
}

/** Quantiles and intervals of first passages. */
export function passageTime(passages: Float64Array): PassageTime {
  const at = (percent: number) => {
    const value = sortedQuantile(passages, percent / 100);
    return Number.isFinite(value) ? value : null;
  };
  return {
    timeToLimitS: Object.fromEntries(
      QUANTILES.map((q) => [`p${q}`, at(q)]),
    ) as PassageTime['timeToLimitS'],
    timeToLimitIntervalsS: Object.fromEntries(
      INTERVALS.map((share) => [share, [at(50 - share / 2), at(50 + share / 2)]]),
    ) as PassageTime['timeToLimitIntervalsS'],
  };
}

/** Share of the paths that have passed by a time. */
export function passedBy(passages: Float64Array, aheadS: number): number {
  return partitionPoint(passages.length, (k) => passages[k]! <= aheadS) / passages.length;
}
