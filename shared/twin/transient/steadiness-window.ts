import { type Steadiness, steadiness } from './steadiness.js';

/** Samples that a window keeps at most; closer ones are thinned out. */
const MOST_SAMPLES = 64;

/**
 * The newest samples of a recording, as far back as the machine takes to settle: rows of time and
 * channels, flat, so that a checkpoint can carry it.
 *
 * @param rows from the sample before, oldest first
 * @param channels per row beside the time
 * @param spanS seconds that the window is to cover
 * @returns the rows with the newest sample; what is no longer needed is left out
 */
export function extendWindow(
  rows: Float64Array,
  timeS: number,
  values: ArrayLike<number>,
  spanS: number,
): Float64Array {
  const width = values.length + 1;
  const kept: Float64Array[] = [];
  for (let at = 0; at < rows.length; at += width) kept.push(rows.slice(at, at + width));
  const closest = spanS / (MOST_SAMPLES - 2);
  const [beforeLast, last] = [kept.at(-2), kept.at(-1)];
  if (beforeLast !== undefined && last![0]! - beforeLast[0]! < closest) kept.pop();
  kept.push(Float64Array.of(timeS, ...Array.from(values)));
  // One row at the span's beginning or before it shows that the span is covered.
  while (kept.length > 1 && kept[1]![0]! <= timeS - spanS) kept.shift();
  const flat = new Float64Array(kept.length * width);
  for (const [k, row] of kept.entries()) flat.set(row, k * width);
  return flat;
}

/**
 * Whether the window shows a machine at rest: it covers the time to settle, and no test speaks
 * against rest.
 *
 * @param noiseStd per channel; `NaN` where it is not known
 * @param spanS seconds that the machine takes to settle
 */
export function windowAtRest(
  rows: Float64Array,
  noiseStd: Float64Array,
  spanS: number,
  falseAlarm: number,
): Steadiness {
  const channels = noiseStd.length;
  const width = channels + 1;
  const samples = rows.length / width;
  const timeS = Float64Array.from({ length: samples }, (_, k) => rows[k * width]!);
  const covered = samples > 1 && timeS[samples - 1]! - timeS[0]! >= spanS * (1 - 1e-9);
  if (!covered) return { steady: false, pValue: 0, channel: -1 };
  const values = new Float64Array(samples * channels);
  for (let k = 0; k < samples; k++) {
    values.set(rows.subarray(k * width + 1, (k + 1) * width), k * channels);
  }
  return steadiness({ timeS, values, noiseStd }, falseAlarm);
}
