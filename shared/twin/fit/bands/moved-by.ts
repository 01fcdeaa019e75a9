import { matVec } from '../../../kalman/index.js';
import { normalEquations } from '../least-squares/objective.js';
import type { FitRecord } from '../record/record.js';
import type { FitCovariance } from './covariance.js';

/** A fit as a straight model about its optimum. */
export interface StraightFit {
  record: FitRecord;
  /** Free run at the fit, samples × channels. */
  prediction: Float64Array;
  /** Its sensitivities, a column per unknown. */
  columns: readonly Float64Array[];
  noiseStd: Float64Array;
  covariance: Pick<FitCovariance, 'white'>;
}

/**
 * What the unknowns of a fit make of outputs that its machine would have and its model has not.
 *
 * @param outputs samples × channels; the free run is taken off
 * @param from,to rows that count
 */
export function movedBy(
  { record, columns, noiseStd, prediction, covariance: { white } }: StraightFit,
  outputs: Float64Array,
  from = 0,
  to = record.timesS.length,
): Float64Array {
  const { channels } = record;
  const data = record.data.map((v, k) => {
    const row = Math.floor(k / channels);
    return Number.isNaN(v) || row < from || row >= to ? Number.NaN : outputs[k]!;
  });
  const { gradient } = normalEquations({ data, channels }, columns, noiseStd, prediction);
  const n = gradient.length;
  return matVec(white, gradient, n, n);
}
