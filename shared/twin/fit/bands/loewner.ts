import { TwinError } from '../../../core/index.js';
import {
  cholesky,
  solveLower,
  symmetricEigen,
  symmetrize,
  transpose,
} from '../../../kalman/index.js';
import type { Prior } from '../unknowns/prior.js';

// Covariances against each other in every direction (the Loewner order). To raise or lower the variance of
// one unknown alone, its correlations as they are, loses what data tell across a ridge: a fit that knew a
// level to 0.02 m handed it over as known to 0.05 m, and the next sample's level was taken to tell of
// everything along the ridge.

/** Share of a variance in which rounding may hide a direction that is known a million times better. */
const ROUNDING = 1e-12;

/**
 * Keeps every variance at the prior's. Where one is cut, the largest excess first, the others go back as they
 * hang together with it, so that no direction that data tell becomes wider.
 */
export function capAtPrior(
  C: Float64Array,
  n: number,
  { variance }: Pick<Prior, 'variance'>,
): void {
  // The first cut may have done for others; each leaves its own at the prior's for good.
  for (let cuts = 0; cuts < n; cuts++) {
    let most = 1 + ROUNDING;
    let at = -1;
    for (let j = 0; j < n; j++) {
      const excess = C[j * n + j]! / variance[j]!;
      if (excess > most) [most, at] = [excess, j];
    }
    if (at < 0) return;
    addToVariance(C, n, at, variance[at]! - C[at * n + at]!);
  }
}

/** Adds v s sᵀ. */
export function addAlong(C: Float64Array, n: number, s: Float64Array, v: number): void {
  for (let j = 0; j < n; j++) {
    for (let k = 0; k < n; k++) C[j * n + k]! += v * s[j]! * s[k]!;
  }
}

/** Adds to the variance of one unknown, which takes the others along as they hang together with it. */
function addToVariance(C: Float64Array, n: number, j: number, more: number): void {
  const own = C[j * n + j]!;
  const along = Float64Array.from({ length: n }, (_, k) => C[k * n + j]! / own);
  addAlong(C, n, along, more);
}

/**
 * Deviations multiplied, but none beyond the prior's. Each unknown takes the others along as they hang
 * together with it, so that no direction is widened by more than the factors together.
 *
 * @param factor at least 1, per unknown
 */
export function widenBy(
  C: Float64Array,
  n: number,
  factor: Float64Array,
  { variance }: Pick<Prior, 'variance'>,
): Float64Array {
  const out = C.slice();
  factor.forEach((f, j) => {
    const own = out[j * n + j]!;
    const more = Math.min(f * f * C[j * n + j]!, variance[j]!) - own;
    if (own > 0 && more > 0) addToVariance(out, n, j, more);
  });
  return out;
}

/** Most that is added to variances for it. */
const MOST_ROUNDING = 1e-3;

/**
 * The lower factor of a covariance that is definite but for rounding: its variances grow by as small a share as
 * makes it so.
 *
 * @throws TwinError `NUMERIC` where a thousandth does not
 */
export function safeCholesky(A: Float64Array, n: number): Float64Array {
  for (let share = ROUNDING; ; share *= 1000) {
    const safe = A.slice();
    for (let j = 0; j < n; j++) safe[j * n + j]! *= 1 + share;
    try {
      return cholesky(safe, n);
    } catch (error) {
      if (!(error instanceof TwinError) || share >= MOST_ROUNDING) throw error;
    }
  }
}

/**
 * The smallest covariance that is in no direction below either: for A = L Lᵀ and L⁻¹ B L⁻ᵀ = U d Uᵀ it is
 * L U max(d, 1) Uᵀ Lᵀ.
 *
 * @param A,B n × n, A definite but for rounding; not changed
 */
export function larger(A: Float64Array, B: Float64Array, n: number): Float64Array {
  const L = safeCholesky(A, n);
  const half = transpose(solveLower(L, B, n, n), n, n);
  const E = symmetrize(solveLower(L, half, n, n, half), n);
  const { values, vectors } = symmetricEigen(E, n);
  const out = A.slice();
  for (let k = 0; k < n && values[k]! > 1; k++) {
    const axis = new Float64Array(n);
    for (let j = 0; j < n; j++) {
      for (let i = 0; i <= j; i++) axis[j]! += L[j * n + i]! * vectors[i * n + k]!;
    }
    addAlong(out, n, axis, values[k]! - 1);
  }
  return out;
}

/**
 * A covariance and what is added to it: no variance beyond the prior's that was not so before, which has its
 * reason.
 *
 * @param more n × n, semidefinite
 */
export function widened(
  C: Float64Array,
  more: Float64Array,
  n: number,
  prior: Pick<Prior, 'variance'>,
): Float64Array {
  const sum = C.map((v, i) => v + more[i]!);
  capAtPrior(sum, n, prior);
  return larger(C, sum, n);
}
