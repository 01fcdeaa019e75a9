import type { StatedError } from '../../definition/stated-errors.js';
import type { FitRecord } from '../record/record.js';
import { withInputOff } from './input-error.js';
import { type RunEnd, twoSided } from './two-sided.js';

/** A record whose input reads wrong by so many of its stated deviations. */
export const withStatedError = (
  record: FitRecord,
  { index, kind, std }: StatedError,
  times: number,
): FitRecord =>
  kind === 'scale'
    ? withInputOff(record, index, times * std, 0)
    : withInputOff(record, index, 0, times * std);

/** What a stated deviation of an input's error adds to outputs; or why that is unknown. */
export async function inputErrorDirection(
  run: (record: FitRecord) => Promise<RunEnd>,
  record: FitRecord,
  error: StatedError,
  base: Float64Array,
): Promise<Float64Array | Error> {
  return twoSided(
    (side) => run(withStatedError(record, error, side)),
    () => base,
  );
}

/**
 * What a stated deviation of a sensor's error adds to its readings, samples × channels.
 *
 * @param prediction what the model has it read along a record
 * @param at the times of that record
 * @param fitted the record that was fitted: a drift goes from its first sample to its last
 */
export function sensorErrorDirection(
  { index, kind, std }: StatedError,
  prediction: Float64Array,
  at: Float64Array,
  { timesS, channels }: Pick<FitRecord, 'timesS' | 'channels'>,
): Float64Array {
  const mean = timesS.reduce((sum, t) => sum + t, 0) / timesS.length;
  const spanS = timesS.at(-1)! - timesS[0]! || 1;
  return prediction.map((y, i) => {
    if (i % channels !== index) return 0;
    if (kind === 'scale') return std * y;
    return kind === 'zero' ? std : (std * (at[Math.floor(i / channels)]! - mean)) / spanS;
  });
}
