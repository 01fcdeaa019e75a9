import { TwinError } from '../core/index.js';
import { requireShape } from './checks.js';
import { squareRootOfStack } from './qr.js';

/**
 * A lower triangular S with A = S Sᵀ for a positive semidefinite A: zero noise in some directions is
 * fine here, where a Cholesky factorisation refuses it. Pivots on the largest variance left, as a
 * share of its own, so that rounding is never divided by.
 *
 * @param a n × n, symmetric; its lower triangle is read
 * @param tolerance share of a variance that counts as zero
 * @throws TwinError `NUMERIC` naming the row where A is indefinite
 * @see Higham 2002, Accuracy and Stability of Numerical Algorithms, section 10.3
 */
export function semidefiniteSquareRoot(
  a: Float64Array,
  n: number,
  tolerance: number = 1e-13 * n,
): Float64Array {
  requireShape(a, n, n, 'A');
  const std = Float64Array.from({ length: n }, (_, i) => {
    const variance = a[i * n + i]!;
    if (!(variance >= 0 && variance < Number.POSITIVE_INFINITY)) throw indefinite(i, n, variance);
    return Math.sqrt(variance);
  });
  // What is left of the correlations; row p of `columns` is the factor's column of pivot p.
  const left = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      const scale = std[i]! * std[j]!;
      const entry = a[i * n + j]!;
      const value = scale > 0 ? entry / scale : entry;
      if (!Number.isFinite(value)) throw indefinite(i, n, entry);
      left[i * n + j] = value;
      left[j * n + i] = value;
    }
  }
  const columns = new Float64Array(n * n);
  const open = new Set(std.keys());
  while (open.size > 0) {
    let pivot = -1;
    let largest = tolerance;
    for (const i of open) {
      if (left[i * n + i]! > largest) {
        largest = left[i * n + i]!;
        pivot = i;
      }
    }
    if (pivot < 0) break;
    open.delete(pivot);
    const root = Math.sqrt(largest);
    columns[pivot * n + pivot] = root;
    for (const i of open) columns[pivot * n + i] = left[i * n + pivot]! / root;
    for (const i of open) {
      const factor = columns[pivot * n + i]!;
      for (const j of open) left[i * n + j]! -= factor * columns[pivot * n + j]!;
    }
  }
  for (const i of open) {
    for (const j of open) {
      if (!(Math.abs(left[i * n + j]!) <= tolerance)) throw indefinite(i, n, left[i * n + j]!);
    }
  }
  for (let p = 0; p < n; p++) for (let i = 0; i < n; i++) columns[p * n + i]! *= std[i]!;
  return squareRootOfStack(columns, n, n);
}

function indefinite(row: number, n: number, value: number): TwinError {
  return new TwinError(
    'NUMERIC',
    `The covariance (${n} × ${n}) is not positive semidefinite: row ${row} leaves ${value}. Variances must be ≥ 0 and correlations between −1 and 1.`,
  );
}
