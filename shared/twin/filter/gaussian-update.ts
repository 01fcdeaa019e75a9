import { cholesky, type FactoredUpdate, type SquareRootGaussian } from '../../kalman/index.js';
import type { Linearisation } from './linearise.js';

/** A Gaussian over parameters and trends: mean and lower factor of the covariance. */
export type Gaussian = SquareRootGaussian;

/** What an update says about the data. */
export type UpdateResult = FactoredUpdate;

/** Slope times factor for the chosen outputs: m × N. */
export function slopeTimesFactor(
  lin: Linearisation,
  S: Float64Array,
  active: readonly number[],
  n: number,
): Float64Array {
  const N = 2 * n;
  const hs = new Float64Array(active.length * N);
  active.forEach((o, r) => {
    for (let j = 0; j < n; j++) {
      const a = lin.slope[o * n + j]!;
      for (let k = 0; k < N; k++) hs[r * N + k]! += a * S[j * N + k]!;
    }
  });
  return hs;
}

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
    noise[i * m + i]! += variance[o]!;
  });
  return noise;
}

/** Its square root, m × m lower triangular. */
export function noiseRootOf(...of: Parameters<typeof noiseOf>): Float64Array {
  return cholesky(noiseOf(...of), of[3].length);
}
