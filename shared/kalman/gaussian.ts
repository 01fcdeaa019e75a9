import { requireShape } from './checks.js';
import { cholesky, logDeterminant } from './cholesky.js';
import { solveLower } from './triangular.js';

const LOG_2PI = Math.log(2 * Math.PI);

/** yᵀ S⁻¹ y from S's Cholesky factor: a squared Mahalanobis distance, a NIS, a NEES. */
export function mahalanobisSquared(y: Float64Array, l: Float64Array, n = y.length): number {
  const e = solveLower(l, y, n);
  let sum = 0;
  for (let i = 0; i < n; i++) sum += e[i]! * e[i]!;
  return sum;
}

/** log N(y; 0, S) from S's Cholesky factor `l`, natural logarithm. */
export function gaussianLogLikelihood(y: Float64Array, l: Float64Array, n = y.length): number {
  return -0.5 * (mahalanobisSquared(y, l, n) + logDeterminant(l, n) + n * LOG_2PI);
}

/**
 * The covariance of a Gaussian mixture and its mean: moment matching.
 *
 * @param weights k, summing to 1
 * @param means k arrays of n
 * @param covariances k arrays of n × n
 */
export function mergeGaussians(
  weights: ArrayLike<number>,
  means: readonly Float64Array[],
  covariances: readonly Float64Array[],
): { x: Float64Array; P: Float64Array } {
  const n = means[0]?.length ?? 0;
  const x = new Float64Array(n);
  const P = new Float64Array(n * n);
  for (const [k, mean] of means.entries()) {
    requireShape(mean, n, 1, `means[${k}]`);
    for (let i = 0; i < n; i++) x[i]! += weights[k]! * mean[i]!;
  }
  for (const [k, mean] of means.entries()) {
    const w = weights[k]!;
    const covariance = covariances[k] ?? new Float64Array(0);
    requireShape(covariance, n, n, `covariances[${k}]`);
    for (let i = 0; i < n; i++) {
      const di = mean[i]! - x[i]!;
      for (let j = 0; j < n; j++) {
        P[i * n + j]! += w * (covariance[i * n + j]! + di * (mean[j]! - x[j]!));
      }
    }
  }
  return { x, P };
}

/** yᵀ S⁻¹ y for a covariance S (n × n) that is not factored yet. */
export function mahalanobisSquaredOf(y: Float64Array, S: Float64Array, n = y.length): number {
  return mahalanobisSquared(y, cholesky(S, n, undefined, 'The covariance'), n);
}
