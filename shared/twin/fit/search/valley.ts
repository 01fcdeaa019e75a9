import { axesOf, block } from '../bands/bands.js';
import { type Fit, fitRecordFrom } from '../fitting/fit.js';
import { sampleWorth } from '../least-squares/objective.js';
import type { FitContext } from '../model/fit-context.js';
import { clampU, isDisturbed, parameterCount } from '../unknowns/coordinates.js';

/** Deviations along the axis from which searches set out. */
const FROM = 2.5;
/** Nats by which an end must be more probable to take the fit's place. */
const GAIN = 0.1;
/**
 * Width of the axis, in prior deviations, at which it is looked along: a narrower one has a bottom that no
 * search misses, and one near the prior's is as wide as a band can be.
 */
export const WIDTH = { least: 0.1, most: 0.75 } as const;

/**
 * Searches once more from both sides of the axis on which the parameters are least known. Where two effects
 * can almost change places (two lags in series, a loss and a gain), the posterior is a bent valley, in
 * which a search ends where its steps gain little: not at the bottom, and with the curvature of the wrong
 * place for a band.
 *
 * @returns the fit, or the more probable one that was found
 */
export async function alongValley(context: FitContext, fit: Fit): Promise<Fit> {
  const { coordinates, covariance, record } = fit;
  const n = coordinates.length;
  const p = parameterCount(coordinates);
  // A search with disturbances costs hundreds of model runs.
  if (isDisturbed(coordinates)) return fit;
  const axes = axesOf(block(covariance.covariance, n, p), p);
  const { axis, std } = axes.reduce((widest, a) => (a.std > widest.std ? a : widest));
  if (!(std >= WIDTH.least && std <= WIDTH.most)) return fit;
  const from = [-FROM, FROM].map((times) =>
    fit.u.map((v, j) => (j < p ? clampU(coordinates[j]!, v + times * std * axis[j]!) : v)),
  );
  let found: Fit;
  try {
    found = await fitRecordFrom(context, coordinates, record, from, true);
  } catch (error) {
    context.signal?.throwIfAborted();
    // The model runs from neither side, and what is there is no better.
    if (error instanceof Error) return fit;
    throw error;
  }
  const problem = { data: record.data, channels: record.channels };
  const worth = sampleWorth(problem, fit.prediction, fit.noiseStd);
  const gained = worth * (fit.objective - found.objective);
  return gained > GAIN ? { ...found, starts: fit.starts } : fit;
}
