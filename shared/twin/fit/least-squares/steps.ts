import { cholesky, choleskySolve } from '../../../kalman/index.js';
import type { Coordinate } from '../unknowns/coordinates.js';
import { type LeastSquaresProblem, posteriorEquations, type SearchPoint } from './objective.js';

/** Longest step of a search: a factor of e^1.5 of a logarithmic parameter, or so many deviations. */
const LONGEST_STEP = 1.5;

/** A share of the coordinate's span, in units of u. */
export const stepOf = (c: Coordinate, relative: number): number => (relative * c.span) / c.scale;

/**
 * Marquardt's step: the normal equations with their diagonal raised, no longer than the longest.
 *
 * @param held coordinates that stay where they are
 */
export function dampedStep(
  information: Float64Array,
  gradient: Float64Array,
  damping: number,
  held: readonly boolean[],
  coordinates: readonly Coordinate[],
): Float64Array {
  const n = gradient.length;
  const a = information.slice();
  const g = gradient.slice();
  for (let j = 0; j < n; j++) {
    a[j * n + j]! *= 1 + damping;
    if (!held[j]) continue;
    g[j] = 0;
    for (let k = 0; k < n; k++) {
      if (k === j) continue;
      a[j * n + k] = 0;
      a[k * n + j] = 0;
    }
  }
  const step = choleskySolve(cholesky(a, n), g, n);
  let share = 1;
  coordinates.forEach((c, j) => {
    const longest = stepOf(c, c.transform === 'log' ? LONGEST_STEP : 2 * LONGEST_STEP);
    share = Math.min(share, longest / Math.max(Math.abs(step[j]!), 1e-300));
  });
  return step.map((d) => share * d);
}

/**
 * The whole step to where a straight model has its optimum, which a search ends a little before.
 *
 * @returns the step, and the factor of the matrix that it solves
 */
export function gaussNewtonStep(
  problem: Pick<LeastSquaresProblem, 'coordinates' | 'data' | 'channels'>,
  columns: readonly Float64Array[],
  point: SearchPoint,
): { step: Float64Array; L: Float64Array } {
  const n = columns.length;
  const { information, gradient } = posteriorEquations(problem, columns, point);
  const L = cholesky(information, n);
  return { step: choleskySolve(L, gradient, n), L };
}

/** Residuals as a straight model leaves them after a step, samples × channels. */
export function residualsAfter(
  step: Float64Array,
  data: Float64Array,
  prediction: Float64Array,
  columns: readonly Float64Array[],
): Float64Array {
  return data.map((v, i) =>
    columns.reduce((left, g, j) => left - g[i]! * step[j]!, v - prediction[i]!),
  );
}

/** What a step would gain if the model were straight, nats. */
export function promisedGain(
  information: Float64Array,
  gradient: Float64Array,
  step: Float64Array,
): number {
  const n = step.length;
  let gain = 0;
  for (let j = 0; j < n; j++) {
    gain += gradient[j]! * step[j]!;
    for (let k = 0; k < n; k++) gain -= 0.5 * step[j]! * information[j * n + k]! * step[k]!;
  }
  return gain;
}
