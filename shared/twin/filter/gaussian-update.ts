import { cholesky, type FactoredUpdate, type SquareRootGaussian } from '../../kalman/index.js';
import type { Linearisation } from './linearise.js';

/** A Gaussian over parameters and trends: mean and lower factor of the covariance. */
export type Gaussian = SquareRootGaussian;

/** What an update says about the data. */
export type UpdateResult = FactoredUpdate;

/** Slope times lower factor for the chosen outputs: m × N. */
export function slopeTimesFactor(
  lin: Linearisation,
  S: Float64Array,
  active: readonly number[],
  n: number,
): Float64Array {
  const N = 2 * n;
  const { slope } = lin;
  const hs = new Float64Array(active.length * N);
  for (let r = 0; r < active.length; r++) {
    const row = r * N;
    for (let j = 0; j < n; j++) {
      const a = slope[active[r]! * n + j]!;
      for (let k = 0; k <= j; k++) hs[row + k]! += a * S[j * N + k]!;
    }
  }
  return hs;
}

/**
 * Of each variance of the linearisation and each output: what rounding may have done to the matrix it
 * stands in. Where the model bends by far more than a sensor's noise, the noise alone would not keep
 * the sum positive definite.
 *
 * @see Higham, Accuracy and Stability of Numerical Algorithms (2002), theorem 10.7
 */
const ROUNDING = 8 * Number.EPSILON;

/** Covariance of measurement and linearisation for the chosen outputs: m × m. */
export function noiseOf(
  omega: Float64Array,
  outputs: number,
  variance: Float64Array,
  active: readonly number[],
): Float64Array {
  const m = active.length;
  const noise = new Float64Array(m * m);
  active.forEach((o, i) => {
    active.forEach((p, j) => {
      noise[i * m + j] = omega[o * outputs + p]!;
    });
    noise[i * m + i]! += variance[o]! + ROUNDING * m * omega[o * outputs + o]!;
  });
  return noise;
}

/** Its square root, m × m lower triangular. */
export function noiseRootOf(...of: Parameters<typeof noiseOf>): Float64Array {
  return cholesky(noiseOf(...of), of[3].length);
}
