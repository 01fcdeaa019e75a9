import { requireShape } from './checks.js';

/**
 * X with L X = B by forward substitution, L lower triangular.
 *
 * @param b n × cols
 * @param out n × cols; may be `b`
 */
export function solveLower(
  l: Float64Array,
  b: Float64Array,
  n: number,
  cols = 1,
  out: Float64Array = new Float64Array(n * cols),
): Float64Array {
  check(l, b, n, cols, out);
  if (out !== b) out.set(b);
  if (cols === 1) return solveLowerColumn(l, out, n);
  for (let i = 0; i < n; i++) {
    const row = i * cols;
    for (let k = 0; k < i; k++) subtractRow(out, row, l[i * n + k]!, k * cols, cols);
    divideRow(out, row, l[i * n + i]!, cols);
  }
  return out;
}

/** The same for one column, in place: sums are kept in a register. */
function solveLowerColumn(l: Float64Array, x: Float64Array, n: number): Float64Array {
  for (let i = 0; i < n; i++) {
    const row = i * n;
    let sum = x[i]!;
    for (let k = 0; k < i; k++) sum -= l[row + k]! * x[k]!;
    x[i] = sum / l[row + i]!;
  }
  return x;
}

/**
 * X with Lᵀ X = B by back substitution, L lower triangular.
 *
 * @param b n × cols
 * @param out n × cols; may be `b`
 */
export function solveLowerTransposed(
  l: Float64Array,
  b: Float64Array,
  n: number,
  cols = 1,
  out: Float64Array = new Float64Array(n * cols),
): Float64Array {
  check(l, b, n, cols, out);
  if (out !== b) out.set(b);
  for (let i = n - 1; i >= 0; i--) {
    const row = i * cols;
    divideRow(out, row, l[i * n + i]!, cols);
    for (let k = 0; k < i; k++) subtractRow(out, k * cols, l[i * n + k]!, row, cols);
  }
  return out;
}

/**
 * X with U X = B by back substitution, U upper triangular.
 *
 * @param b n × cols
 * @param out n × cols; may be `b`
 */
export function solveUpper(
  u: Float64Array,
  b: Float64Array,
  n: number,
  cols = 1,
  out: Float64Array = new Float64Array(n * cols),
): Float64Array {
  check(u, b, n, cols, out);
  if (out !== b) out.set(b);
  for (let i = n - 1; i >= 0; i--) {
    const row = i * cols;
    for (let k = i + 1; k < n; k++) subtractRow(out, row, u[i * n + k]!, k * cols, cols);
    divideRow(out, row, u[i * n + i]!, cols);
  }
  return out;
}

/**
 * X with A X = B from A's Cholesky factor L.
 *
 * @param b n × cols
 * @param out n × cols; may be `b`
 */
export function choleskySolve(
  l: Float64Array,
  b: Float64Array,
  n: number,
  cols = 1,
  out: Float64Array = new Float64Array(n * cols),
): Float64Array {
  solveLower(l, b, n, cols, out);
  return solveLowerTransposed(l, out, n, cols, out);
}

/** The lower triangular L⁻¹. */
export function invertLower(
  l: Float64Array,
  n: number,
  out: Float64Array = new Float64Array(n * n),
): Float64Array {
  requireShape(l, n, n, 'The triangular matrix');
  requireShape(out, n, n, 'out');
  out.fill(0);
  for (let i = 0; i < n; i++) {
    const row = i * n;
    out[row + i] = 1;
    // Of the rows above, what is left of their diagonal.
    for (let k = 0; k < i; k++) subtractRow(out, row, l[row + k]!, k * n, k + 1);
    divideRow(out, row, l[row + i]!, i + 1);
  }
  return out;
}

/** A⁻¹ from A's Cholesky factor, exactly symmetric: for reports; a solve is better in formulas. */
export function invertFromCholesky(
  l: Float64Array,
  n: number,
  out: Float64Array = new Float64Array(n * n),
): Float64Array {
  const inverse = invertLower(l, n);
  out.fill(0);
  for (let k = 0; k < n; k++) {
    for (let i = 0; i <= k; i++) {
      const factor = inverse[k * n + i]!;
      for (let j = 0; j <= k; j++) out[i * n + j]! += factor * inverse[k * n + j]!;
    }
  }
  return out;
}

function check(t: Float64Array, b: Float64Array, n: number, cols: number, out: Float64Array): void {
  requireShape(t, n, n, 'The triangular matrix');
  requireShape(b, n, cols, 'B');
  requireShape(out, n, cols, 'out');
}

function subtractRow(x: Float64Array, to: number, factor: number, from: number, cols: number) {
  if (factor === 0) return;
  for (let c = 0; c < cols; c++) x[to + c]! -= factor * x[from + c]!;
}

function divideRow(x: Float64Array, row: number, divisor: number, cols: number) {
  for (let c = 0; c < cols; c++) x[row + c]! /= divisor;
}
