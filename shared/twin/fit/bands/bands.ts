import { symmetricEigen } from '../../../kalman/index.js';
import type { Twin } from '../../types.js';
import {
  type LeastSquaresProblem,
  posteriorEquations,
  type SearchPoint,
} from '../least-squares/objective.js';
import { residualsOf } from '../record/record.js';
import { isCertain, type LackOfFit, likeliestError } from '../residuals/lack-of-fit.js';
import {
  type Absorbed,
  fitResidualModel,
  leastWhite,
  type ResidualModel,
} from '../residuals/residual-model.js';
import type { Coordinate } from '../unknowns/coordinates.js';
import { type Prior, priorOf } from '../unknowns/prior.js';
import { addAlong, widened } from './loewner.js';

/** Unit vectors and standard deviations of a covariance. */
export function axesOf(C: Float64Array, n: number): { axis: Float64Array; std: number }[] {
  const { values, vectors } = symmetricEigen(C, n);
  return Array.from({ length: n }, (_, k) => ({
    axis: Float64Array.from({ length: n }, (_, j) => vectors[j * n + k]!),
    std: Math.sqrt(Math.max(0, values[k]!)),
  }));
}

/** Adds what moves all unknowns together to a covariance: Σ v s sᵀ, as {@link widened} does. */
export function widen(
  C: Float64Array,
  n: number,
  parts: readonly { shift: Float64Array; variance: number }[],
  prior: Pick<Prior, 'variance'>,
): void {
  if (parts.every(({ variance }) => variance === 0)) return;
  const more = new Float64Array(n * n);
  for (const { shift, variance } of parts) addAlong(more, n, shift, variance);
  C.set(widened(C, more, n, prior));
}

/** What a sensor that shows to read wrong adds to the bands, where nothing is stated of it. */
export function shownErrors(
  { definition }: Twin,
  misfit: LackOfFit,
): { shift: Float64Array; variance: number }[] {
  const shown = likeliestError(misfit);
  if (shown === undefined || !isCertain(shown)) return [];
  const isStated = definition.measured[shown.channel]!.offsetStd !== undefined;
  return isStated ? [] : [{ shift: shown.shift, variance: shown.size ** 2 }];
}

/**
 * What each channel's residuals at a fit are made of.
 *
 * @param prior of the unknowns; default: that of the problem's coordinates
 */
export const residualModelsAt = (
  problem: LeastSquaresProblem,
  timesS: Float64Array,
  columns: readonly Float64Array[],
  best: SearchPoint,
  prior?: Prior,
): ResidualModel[] =>
  Array.from({ length: problem.channels }, (_, c) => {
    const residuals = residualsOf({ ...problem, timesS }, best.prediction, c);
    const least = leastWhite(problem, c, residuals);
    return fitResidualModel(residuals, timesS, least, absorbedBy(problem, columns, best, c, prior));
  });

/** What the unknowns have taken out of one channel's residuals. */
function absorbedBy(
  problem: LeastSquaresProblem,
  columns: readonly Float64Array[],
  best: SearchPoint,
  channel: number,
  prior: Prior = priorOf(problem.coordinates),
): Absorbed {
  const { data, channels } = problem;
  const others = data.map((v, i) => (i % channels === channel ? Number.NaN : v));
  const rest = posteriorEquations({ ...problem, data: others }, columns, best, prior);
  return {
    columns: columns.map((g) =>
      Float64Array.from(
        { length: data.length / channels },
        (_, row) => g[row * channels + channel]!,
      ),
    ),
    precision: rest.information,
    pull: rest.gradient,
  };
}

/**
 * Where a bound keeps the search from its optimum, all parameters are pulled aside: the covariance
 * grows by the square of the step that the bound forbids. So it does by that which a search was kept from
 * that has not converged.
 *
 * @param free the whole step to the optimum that is there without bounds
 * @param underway whether the search ended before it was there
 * @param C covariance, n × n, which is widened
 * @returns the forbidden step per parameter at a bound, in prior deviations
 */
export function widenByStepLeft(
  coordinates: readonly Coordinate[],
  u: Float64Array,
  free: Float64Array,
  underway: boolean,
  C: Float64Array,
): Record<string, number> {
  const beyond: Record<string, number> = {};
  coordinates.forEach((c, j) => {
    const at = u[j]! >= c.upper ? 1 : u[j]! <= c.lower ? -1 : 0;
    if (at !== 0 && at * free[j]! > 1e-6) beyond[c.name] = at * free[j]!;
  });
  if (!underway && Object.keys(beyond).length === 0) return beyond;
  widen(C, coordinates.length, [{ shift: free, variance: 1 }], priorOf(coordinates));
  return beyond;
}

/** The leading block of a square matrix. */
export function block(a: Float64Array, n: number, size: number): Float64Array {
  return Float64Array.from(
    { length: size * size },
    (_, i) => a[Math.floor(i / size) * n + (i % size)]!,
  );
}
