import { TwinError } from '../core/index.js';
import { requireLength, requireShape } from './checks.js';

/**
 * The lower triangular L with A = L Lᵀ; only A's lower triangle is read, so an asymmetry of an ulp
 * does no harm. Entries above L's diagonal are set to zero.
 *
 * @param a n × n, symmetric positive definite
 * @param out n × n; may be `a`
 * @param what the matrix's name in an error
 * @throws TwinError `NUMERIC` naming the first pivot that is not positive and finite
 */
export function cholesky(
  a: Float64Array,
  n: number,
  out: Float64Array = new Float64Array(n * n),
  what = 'The matrix',
): Float64Array {
  requireShape(a, n, n, what);
  requireShape(out, n, n, 'out');
  for (let i = 0; i < n; i += 4) {
    const last = Math.min(i + 4, n);
    // Rows i…i+3 against every earlier row in one pass, then the triangle among themselves.
    if (last - i === 4) solveFourRows(a, i * n, n, out, n, i, out, i * n, n);
    else {
      for (let r = i; r < last; r++) solveOneRow(a, r * n, out, n, i, out, r * n);
    }
    for (let r = i; r < last; r++) {
      const row = r * n;
      for (let j = i; j <= r; j++) {
        const other = j * n;
        let sum = a[row + j]!;
        for (let k = i; k < j; k++) sum -= out[row + k]! * out[other + k]!;
        // What rows before i contribute:
        sum -= dot(out, row, out, other, i);
        if (j < r) out[row + j] = sum / out[other + j]!;
        else if (sum > 0 && sum < Number.POSITIVE_INFINITY) out[row + r] = Math.sqrt(sum);
        else throw notPositiveDefinite(what, r, n, sum, a[row + r]!);
      }
      out.fill(0, row + r + 1, row + n);
    }
  }
  return out;
}

function notPositiveDefinite(what: string, pivot: number, n: number, value: number, entry: number) {
  return new TwinError(
    'NUMERIC',
    `${what} (${n} × ${n}) is not positive definite: pivot ${pivot} is ${value} (its diagonal entry ${entry}), expected above 0. Check for zero or negative variances and for linearly dependent rows; the square-root forms bear worse conditioning.`,
  );
}

function dot(a: Float64Array, ai: number, b: Float64Array, bi: number, length: number): number {
  let sum = 0;
  for (let k = 0; k < length; k++) sum += a[ai + k]! * b[bi + k]!;
  return sum;
}

/** One row of X Lᵀ = B for the first `count` columns: x_j = (b_j − Σ_{k<j} x_k L_jk) / L_jj. */
function solveOneRow(
  b: Float64Array,
  bAt: number,
  l: Float64Array,
  n: number,
  count: number,
  x: Float64Array,
  xAt: number,
): void {
  for (let j = 0; j < count; j++) {
    const row = j * n;
    x[xAt + j] = (b[bAt + j]! - dot(x, xAt, l, row, j)) / l[row + j]!;
  }
}

/** Four rows at once: each row of L is loaded once for all of them. */
function solveFourRows(
  b: Float64Array,
  bAt: number,
  bStride: number,
  l: Float64Array,
  n: number,
  count: number,
  x: Float64Array,
  xAt: number,
  xStride: number,
): void {
  const x0 = xAt;
  const x1 = x0 + xStride;
  const x2 = x1 + xStride;
  const x3 = x2 + xStride;
  for (let j = 0; j < count; j++) {
    const row = j * n;
    let s0 = b[bAt + j]!;
    let s1 = b[bAt + bStride + j]!;
    let s2 = b[bAt + 2 * bStride + j]!;
    let s3 = b[bAt + 3 * bStride + j]!;
    for (let k = 0; k < j; k++) {
      const v = l[row + k]!;
      s0 -= x[x0 + k]! * v;
      s1 -= x[x1 + k]! * v;
      s2 -= x[x2 + k]! * v;
      s3 -= x[x3 + k]! * v;
    }
    const d = l[row + j]!;
    x[x0 + j] = s0 / d;
    x[x1 + j] = s1 / d;
    x[x2 + j] = s2 / d;
    x[x3 + j] = s3 / d;
  }
}

/**
 * Rank-one update (sign 1) or downdate (sign −1) in place: L Lᵀ ± v vᵀ. Runs along rows, with the
 * rotations of earlier columns kept.
 *
 * @param l n × n lower triangular, overwritten (undefined after a throw); an update bears zero pivots
 * @param v n
 * @param scratch 2n
 * @throws TwinError `NUMERIC` when a downdate would leave the positive definite matrices
 * @see Golub & Van Loan, Matrix Computations (4th ed.), section 6.5.4
 */
export function choleskyUpdate(
  l: Float64Array,
  v: Float64Array,
  n: number,
  sign: 1 | -1,
  scratch: Float64Array = new Float64Array(2 * n),
  what = 'The downdated matrix',
): Float64Array {
  requireShape(l, n, n, 'L');
  requireShape(v, n, 1, 'v');
  requireLength(scratch, 2 * n, 'scratch', `2 · ${n}`);
  for (let i = 0; i < n; i++) {
    const row = i * n;
    let vi = v[i]!;
    for (let k = 0; k < i; k++) {
      const c = scratch[k]!;
      const s = scratch[n + k]!;
      const old = l[row + k]!;
      // The downdate in mixed form: the new entry first, then v from it, which is stable.
      const updated = sign === 1 ? c * old + s * vi : (old - s * vi) / c;
      vi = c * vi - s * (sign === 1 ? old : updated);
      l[row + k] = updated;
    }
    const d = l[row + i]!;
    if (vi === 0) {
      scratch[i] = 1;
      scratch[n + i] = 0;
      continue;
    }
    const square = sign === 1 ? d * d + vi * vi : (d - vi) * (d + vi);
    if (!(square > 0) || square === Number.POSITIVE_INFINITY) {
      throw notPositiveDefinite(what, i, n, square, d * d);
    }
    const r = sign === 1 ? Math.hypot(d, vi) : Math.sqrt(square);
    l[row + i] = r;
    scratch[i] = sign === 1 ? d / r : r / d;
    scratch[n + i] = sign === 1 ? vi / r : vi / d;
  }
  return l;
}

/** log det A from A's Cholesky factor. */
export function logDeterminant(l: Float64Array, n: number): number {
  requireShape(l, n, n, 'L');
  let sum = 0;
  for (let i = 0; i < n; i++) sum += Math.log(Math.abs(l[i * n + i]!));
  return 2 * sum;
}

/**
 * X with X Lᵀ = B, row by row: Pxz L⁻ᵀ is the gain times the innovation's square root.
 *
 * @param b rows × n
 * @param out rows × n; may be `b`
 */
export function solveRightTransposed(
  l: Float64Array,
  b: Float64Array,
  n: number,
  rows: number,
  out: Float64Array = new Float64Array(rows * n),
): Float64Array {
  requireShape(l, n, n, 'L');
  requireShape(b, rows, n, 'B');
  requireShape(out, rows, n, 'out');
  let r = 0;
  for (; r + 3 < rows; r += 4) solveFourRows(b, r * n, n, l, n, n, out, r * n, n);
  for (; r < rows; r++) solveOneRow(b, r * n, l, n, n, out, r * n);
  return out;
}
