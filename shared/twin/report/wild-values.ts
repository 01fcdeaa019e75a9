import type { TwinDefinition } from '../../config/index.js';
import type { Sample } from '../types.js';
import { instantText } from './time-axis.js';

/** Readings so far from all others of their sensor that they are faults of the reading, not noise. */
export interface WildValues {
  variable: string;
  values: { timeS: number; value: number }[];
  /** The range of all others. */
  from: number;
  to: number;
}

/** Ranges of all other values that a wild one lies outside of theirs. */
export const RANGES = 10;
/** Share of the values that may be wild. */
const FEW = 0.01;
/** Fewer values have no range to speak of. */
const LEAST = 8;

/**
 * Lone values that lie ten ranges of all others outside of theirs: what a broken message, a sensor's
 * error code or an overflow leaves. One of them in a fit by squares outweighs all the rest. What comes
 * twice in a row, or where an input is outside of its own range as well, may be the machine.
 *
 * @param values of one channel; `NaN` where there is none
 * @returns where they are
 */
export function wildIn(
  values: Float64Array,
  inputs: readonly Float64Array[],
): { places: number[]; from: number; to: number } | undefined {
  const sorted = values.filter(Number.isFinite).sort();
  const n = sorted.length;
  if (n < LEAST) return;
  const most = Math.max(1, Math.floor(FEW * n));
  // The most at both ends that are that far from the rest: fewer would hide behind each other.
  for (let left = most; left > 0; left--) {
    for (let low = 0; low <= left; low++) {
      const [from, to] = [sorted[low]!, sorted[n - 1 - (left - low)]!];
      const reach = RANGES * (to - from || Math.abs(to));
      const isWild = (v: number) => v < from - reach || v > to + reach;
      if (low > 0 && !isWild(sorted[low - 1]!)) continue;
      if (low < left && !isWild(sorted[n - (left - low)]!)) continue;
      const places = [...values.keys()].filter((i) => isWild(values[i]!));
      const wild = places.every(
        (i, k) => isLone(values, i, places[k + 1]) && !isDriven(inputs, i, places),
      );
      return wild ? { places, from, to } : undefined;
    }
  }
  return;
}

/** The wild values of each measured variable of a recording that has some. */
export function wildValues(
  { measured, inputs }: TwinDefinition,
  samples: readonly Sample[],
): WildValues[] {
  const columns = inputs.map((_, i) => Float64Array.from(samples, (s) => s.inputs[i]!));
  return measured.flatMap(({ variable }, c) => {
    const found = wildIn(
      Float64Array.from(samples, (s) => s.measured[c]!),
      columns,
    );
    if (found === undefined) return [];
    const { places, from, to } = found;
    const values = places.map((i) => ({
      timeS: samples[i]!.timeS,
      value: samples[i]!.measured[c]!,
    }));
    return [{ variable, values, from, to }];
  });
}

/** Whether another value lies between a wild one and the next. */
const isLone = (values: Float64Array, i: number, next: number | undefined): boolean =>
  next === undefined || values.subarray(i + 1, next).some(Number.isFinite);

/** Whether an input, then or just before, is where it is nowhere else. */
const isDriven = (inputs: readonly Float64Array[], i: number, places: readonly number[]): boolean =>
  inputs.some((input) => {
    let [least, greatest] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
    input.forEach((v, k) => {
      if (places.some((p) => p === k || p === k + 1)) return;
      least = Math.min(least, v);
      greatest = Math.max(greatest, v);
    });
    return [i - 1, i].some((k) => input[k]! < least || input[k]! > greatest);
  });

/** What is to be said of a sensor's wild values. */
export function wildText({ variable, values, from, to }: WildValues): string {
  const [first, ...more] = values;
  const setAside =
    more.length > 0
      ? `and ${more.length} more were set aside as outliers`
      : 'was set aside as an outlier';
  return `${variable}: ${first!.value} at ${instantText(first!.timeS)} ${setAside}: all others lie between ${from.toPrecision(4)} and ${to.toPrecision(4)}`;
}
