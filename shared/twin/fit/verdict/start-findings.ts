import type { Finding } from '../../report/verdict.js';
import type { Fit } from '../fitting/fit.js';
import type { FitModel } from '../model/fit-model.js';

/** Prior deviations from which a start state is what the search began at, and not what the record tells. */
const UNTOLD = 0.5;

/**
 * What speaks against where a fit lets the machine begin. A search that begins where nothing says that the machine
 * was is a doubt only where the record does not tell it either: a vessel that fills never rests, and its level is read.
 */
export function startFindings(model: FitModel, fit: Fit): Finding[] {
  const { coordinates, covariance } = fit;
  const n = coordinates.length;
  const isUntold = coordinates.some(
    ({ kind }, j) =>
      kind === 'start-state' && Math.sqrt(covariance.covariance[j * n + j]!) >= UNTOLD,
  );
  return [
    ...(model.startDoubt === undefined ? [] : [model.startDoubt]),
    ...(model.restDoubt === undefined || !isUntold ? [] : [model.restDoubt]),
  ].map((reason) => ({ grade: 'care', reason }));
}
