import type { RecordingColumn } from '../../recordings/index.js';

/** What clocks count: units a second, from days to nanoseconds. */
const RATES = [1 / 86_400, 1 / 3600, 1 / 60, 1, 1e3, 1e6, 1e9];
/** Of the record's length, by how much a clock may be off. */
const OFF = 0.01;
const LOOKS = 20;

/**
 * Whether a column tells the time, e.g. of a sensor's own reading, and measures nothing.
 *
 * @param timeS of the rows, ascending
 */
export function isClock({ values }: Pick<RecordingColumn, 'values'>, timeS: Float64Array): boolean {
  const rows: number[] = [];
  for (let i = 0; i < values.length; i++) if (Number.isFinite(values[i])) rows.push(i);
  const [first, last] = [rows[0], rows.at(-1)];
  if (rows.length < LOOKS || first === undefined || last === undefined) return false;
  const lengthS = timeS[last]! - timeS[first]!;
  return RATES.some((rate) =>
    Array.from({ length: LOOKS + 1 }, (_, k) => rows[Math.round((k / LOOKS) * (rows.length - 1))]!)
      .map((i) => (values[i]! - values[first]!) / rate - (timeS[i]! - timeS[first]!))
      .every((offS) => Math.abs(offS) <= OFF * lengthS),
  );
}
