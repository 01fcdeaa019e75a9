import { upperMedian } from '../../../core/index.js';

/** A channel of fewer distinct values than this share of its samples is quantised. */
const QUANTISED = 1 / 3;

/**
 * The step between values that a sensor can show: of a channel whose values repeat, the median
 * difference between neighbouring ones (sums and roundings differ by less); of any other, 0.
 */
export function resolutionOf(values: Float64Array): number {
  const sorted = values.filter(Number.isFinite).sort();
  const steps: number[] = [];
  for (let i = 1; i < sorted.length; i++) {
    const step = sorted[i]! - sorted[i - 1]!;
    // Sums of binary fractions differ in the last digits only.
    if (step > 1e-9 * Math.max(Math.abs(sorted[i]!), 1e-300)) steps.push(step);
  }
  if (steps.length === 0 || steps.length > QUANTISED * sorted.length) return 0;
  return upperMedian(steps);
}

/** Noise from second differences, robust against steps: what runs straight has none. */
export function roughNoise(values: Float64Array): number {
  const v = values.filter(Number.isFinite);
  const bends = Float64Array.from({ length: Math.max(0, v.length - 2) }, (_, i) =>
    Math.abs(v[i]! - 2 * v[i + 1]! + v[i + 2]!),
  );
  const median = bends.length === 0 ? 0 : upperMedian(bends);
  return median / 0.6745 / Math.sqrt(6);
}
