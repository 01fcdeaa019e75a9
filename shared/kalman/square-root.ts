import { TwinError } from '../core/index.js';
import { requireLength } from './checks.js';

/**
 * A lower triangular S with A = S Sᵀ for a positive semidefinite A: zero noise in some directions is
 * fine here, where a Cholesky factorisation refuses it.
 *
 * @param a n × n, symmetric; its lower triangle is read
 * @param tolerance what counts as zero, relative to the diagonal
 * @throws TwinError `NUMERIC` naming the pivot where A is indefinite
 */
export function semidefiniteSquareRoot(
  a: Float64Array,
  n: number,
  tolerance = 1e-13,
): Float64Array {
  requireLength(a, n * n, 'A', `${n} × ${n}`);
  const s = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    const row = i * n;
    for (let j = 0; j <= i; j++) {
      const other = j * n;
      let sum = a[row + j]!;
      for (let k = 0; k < j; k++) sum -= s[row + k]! * s[other + k]!;
      const limit = tolerance * Math.sqrt(Math.abs(a[row + i]! * a[other + j]!)) * n;
      if (j < i) {
        const pivot = s[other + j]!;
        if (pivot > 0) s[row + j] = sum / pivot;
        else if (!(Math.abs(sum) <= limit)) throw indefinite(i, n, sum);
      } else if (sum > limit && sum < Number.POSITIVE_INFINITY) s[row + i] = Math.sqrt(sum);
      else if (!(Math.abs(sum) <= limit)) throw indefinite(i, n, sum);
    }
  }
  return s;
}

function indefinite(pivot: number, n: number, value: number): TwinError {
  return new TwinError(
    'NUMERIC',
    `The covariance (${n} × ${n}) is not positive semidefinite: row ${pivot} leaves ${value}. Variances must be ≥ 0 and correlations between −1 and 1.`,
  );
}
