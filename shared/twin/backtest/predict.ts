import type { Fit } from '../fit/fitting/fit.js';
import { quadratic } from '../fit/fitting/sources.js';
import type { FreeRun } from '../fit/outputs/held-out.js';
import { varianceWithStated } from '../fit/outputs/stated-outputs.js';
import { beginningOf } from '../fit/record/gaps.js';
import { type FitRecord, residualsOf } from '../fit/record/record.js';

/** A prediction of one sample, made some samples before it. */
export interface Prediction {
  row: number;
  mean: number;
  std: number;
  /** Data less mean; `NaN` where the datum is missing, or no prediction could be made. */
  error: number;
}

/** What is known of a channel's disturbance after each sample. */
function filterResiduals(
  fit: Fit,
  channel: number,
  residuals: Float64Array,
  timesS: Float64Array,
): { mean: Float64Array; variance: Float64Array } {
  const { white, ou } = fit.residualModels[channel]!;
  const mean = new Float64Array(residuals.length);
  const variance = new Float64Array(residuals.length);
  let m = 0;
  let P = ou.std ** 2;
  residuals.forEach((e, k) => {
    if (k > 0) {
      const a = Math.exp(-(timesS[k]! - timesS[k - 1]!) / ou.timeConstantS);
      m *= a;
      P = a * a * P + ou.std ** 2 * (1 - a * a);
    }
    if (!Number.isNaN(e)) {
      const gain = P / (P + white ** 2);
      m += gain * (e - m);
      P -= gain * P;
    }
    mean[k] = m;
    variance[k] = P;
  });
  return { mean, variance };
}

/**
 * Predictions of one channel: the free run plus what will be left of the disturbance that was last
 * seen. Parameters' uncertainty counts as far as it moves the run on from where it was seen.
 *
 * @param horizon samples ahead; 0 for the free run, which sees no sample of the test
 * @param fromRow first row of the test: the fit has seen what is before, and origins do not lie there
 */
export function predictions(
  fit: Fit,
  run: FreeRun,
  record: FitRecord,
  channel: number,
  horizon: number,
  fromRow: number,
  toRow: number,
): Prediction[] {
  const { channels, timesS, data } = record;
  const { white, ou } = fit.residualModels[channel]!;
  // Student's factor doubts all at once; a band that is corrected by its errors need not.
  const C = fit.covariance.sandwich;
  const n = run.columns.length;
  const residuals = residualsOf(record, run.prediction, channel);
  const known = filterResiduals(fit, channel, residuals, timesS);
  const found: Prediction[] = [];
  const moved = new Float64Array(n);
  for (let row = fromRow + Math.max(0, horizon - 1); row < toRow; row++) {
    const origin = horizon === 0 ? -1 : row - horizon;
    const i = row * channels + channel;
    const a = origin < 0 ? 0 : Math.exp(-(timesS[row]! - timesS[origin]!) / ou.timeConstantS);
    for (let j = 0; j < n && origin >= 0; j++) {
      const column = run.columns[j]!;
      moved[j] = column[i]! - a * column[origin * channels + channel]!;
    }
    let variance = white ** 2 + ou.std ** 2 * (1 - a * a);
    if (origin >= 0) variance += a * a * known.variance[origin]!;
    if (origin < 0) variance += varianceWithStated(fit, run.columns, run.direct, i);
    else variance += quadratic(C, moved);
    const mean = run.prediction[i]! + (origin < 0 ? 0 : a * known.mean[origin]!);
    // Across a gap nothing is predicted, and after one that the fit has not seen nothing is known.
    const from = beginningOf(record, row);
    const isKnown = from < Math.max(1, fromRow) && (origin < 0 || origin >= from);
    const error = isKnown ? data[i]! - mean : Number.NaN;
    found.push({ row, mean, std: Math.sqrt(variance), error });
  }
  return found;
}
