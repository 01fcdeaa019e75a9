import { cholesky, invertFromCholesky, symmetricEigen } from '../../../kalman/index.js';
import { block } from '../bands/bands.js';
import { type Fit, fitRecordFrom } from '../fitting/fit.js';
import type { FitContext } from '../model/fit-context.js';
import { type Coordinate, parameterCount, valueAt, withDoubt } from '../unknowns/coordinates.js';
import { fromPrior, priorOf } from '../unknowns/prior.js';

/**
 * Takes from a fit what it was never told: where the states were when the record began, and priors of
 * parameters that the data prove to be too narrow.
 */
export async function freeUntold(context: FitContext, found: Fit): Promise<Fit> {
  return freePriors(context, await freeStarts(context, found));
}

/** Widths of a start's prior from which it is moved to where the data want it. */
const FAR_START = 1.5;
/** Times that it may be. */
const MOST_MOVES = 3;

/**
 * Where the data want a start state far from where the model would rest, its prior is moved there and
 * widened: nobody said that the machine was at rest.
 */
async function freeStarts(context: FitContext, found: Fit): Promise<Fit> {
  let fit = found;
  for (let k = 0; k < MOST_MOVES; k++) {
    const far = (c: Coordinate, j: number) =>
      c.kind === 'start-state' && Math.abs(fit.u[j]!) > FAR_START;
    if (!fit.coordinates.some(far)) return fit;
    const coordinates = fit.coordinates.map((c, j) =>
      far(c, j)
        ? { ...c, centre: valueAt(c, fit.u[j]!), scale: c.scale * (1 + Math.abs(fit.u[j]!)) }
        : c,
    );
    const u = fit.u.map((v, j) => (far(fit.coordinates[j]!, j) ? 0 : v));
    const { starts } = fit;
    fit = { ...(await fitRecordFrom(context, coordinates, fit.record, [u], true)), starts };
  }
  return fit;
}

/** Twice the gain in evidence, nats, from which priors are doubted: chance gives it in a hundredth of fits. */
const DOUBT = 6;
/** Widest that they are made, times as they were stated. */
const MOST_DOUBT = 10;
/** Fits with wider priors: with the first of them, residuals that narrow ones had made are gone. */
const MOST_WIDENINGS = 3;
/** Less of a change is none. */
const LEAST_CHANGE = 1.1;
/** Information, in stated prior deviations, below which an axis says nothing of the priors. */
const LEAST_INFORMATION = 0.01;

/**
 * Where the data want parameters further from their priors than these allow for, all priors of the
 * twin are widened alike: who was wrong about some by so much is to be doubted about the others too.
 *
 * Narrow priors that pull make residuals that follow each other, which look like what a model lacks.
 * So white residuals raise the doubt, and those of the fit with wider priors must bear it out.
 */
async function freePriors(context: FitContext, found: Fit): Promise<Fit> {
  let fit = found;
  for (let k = 0; k < MOST_WIDENINGS; k++) {
    const doubt = doubtOf(fit, fit.covariance.white);
    const by = doubt / doubtTaken(fit.coordinates);
    if (!(doubt > 1) || Math.abs(Math.log(by)) < Math.log(LEAST_CHANGE)) return fit;
    const isParameter = (c: Coordinate) => c.kind === 'parameter';
    const coordinates = fit.coordinates.map((c) => (isParameter(c) ? withDoubt(c, by) : c));
    const u = fit.u.map((v, j) => (isParameter(coordinates[j]!) ? v / by : v));
    const wider = await fitRecordFrom(context, coordinates, fit.record, [u], true);
    if (doubtOf(wider, wider.covariance.sandwich) === 1) return fit;
    fit = { ...wider, starts: fit.starts };
  }
  return fit;
}

/** The factor by which the priors of all parameters are widened already; parameters come first. */
const doubtTaken = ([first]: readonly Coordinate[]): number => first?.doubt ?? 1;

/**
 * The most probable factor on the priors' deviations as they were stated: along the axes of their
 * information h, what the data alone say of the parameters is N(0, λ² + 1/h).
 *
 * @param covariance of the fit's coordinates, n × n
 * @returns 1 where chance explains the distance
 */
function doubtOf(
  { coordinates, u }: Pick<Fit, 'coordinates' | 'u'>,
  covariance: Float64Array,
): number {
  const n = coordinates.length;
  const p = parameterCount(coordinates);
  if (p === 0) return 1;
  const widened = doubtTaken(coordinates);
  const precision = invertFromCholesky(cholesky(block(covariance, n, p), p), p);
  const { values, vectors } = symmetricEigen(precision, p);
  const v = fromPrior(priorOf(coordinates), u);
  const seen: { square: number; variance: number }[] = [];
  for (let k = 0; k < p; k++) {
    // The posterior's precision less the prior's is the data's.
    const h = values[k]! - 1;
    if (!(h > LEAST_INFORMATION * widened ** 2)) continue;
    let along = 0;
    for (let j = 0; j < p; j++) along += vectors[j * p + k]! * v[j]!;
    seen.push({ square: (widened * (1 + 1 / h) * along) ** 2, variance: widened ** 2 / h });
  }
  const cost = (factor: number) =>
    seen.reduce((sum, { square, variance }) => {
      const v = factor ** 2 + variance;
      return sum + Math.log(v) + square / v;
    }, 0);
  let best = 1;
  for (let factor = 1; factor <= MOST_DOUBT; factor *= 1.05) {
    if (cost(factor) < cost(best)) best = factor;
  }
  return cost(1) - cost(best) > DOUBT ? best : 1;
}
