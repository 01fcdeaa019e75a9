/**
 * The middle of some numbers, the upper of two; NaN of none.
 *
 * @param values in any order, none of them NaN
 */
export function upperMedian(values: ArrayLike<number>): number {
  const sorted = Float64Array.from(values).sort();
  return sorted[sorted.length >> 1] ?? Number.NaN;
}
