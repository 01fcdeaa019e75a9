import type { Twin } from '../types.js';
import { withInputOff } from './input-error.js';
import type { FitRecord } from './record.js';
import { type RunEnd, twoSided } from './two-sided.js';

/** An error that lasts along a record, and that the definition says may be there. */
export interface StatedError {
  of: 'sensors' | 'inputs';
  /** Place among the definition's measured variables, or its inputs. */
  index: number;
  kind: 'zero' | 'drift' | 'scale';
  /** Its standard deviation: of a scale a share, otherwise in the signal's unit, of a drift from first sample to last. */
  std: number;
}

/** All that a definition states, errors of size 0 left out. */
export function statedErrors({ definition }: Pick<Twin, 'definition'>): StatedError[] {
  const { measured, inputs } = definition;
  const all: StatedError[] = [
    ...measured.flatMap(({ offsetStd = 0, scaleStd = 0 }, index) =>
      (
        [
          ['zero', offsetStd],
          ['drift', offsetStd],
          ['scale', scaleStd],
        ] as const
      ).map(([kind, std]) => ({ of: 'sensors' as const, index, kind, std })),
    ),
    ...inputs.flatMap(({ offsetStd = 0, scaleStd = 0 }, index) =>
      (
        [
          ['zero', offsetStd],
          ['scale', scaleStd],
        ] as const
      ).map(([kind, std]) => ({ of: 'inputs' as const, index, kind, std })),
    ),
  ];
  return all.filter(({ std }) => std > 0);
}

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
