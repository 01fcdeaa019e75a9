import { requireShape } from './checks.js';

// Row-major kernels. Loops run along rows, and several rows share one pass: V8 emits scalar code,
// so what costs is loads and stores, not multiplications.

/** The n × n identity. */
export function identity(n: number): Float64Array {
  return diagonal(new Float64Array(n).fill(1));
}

/** The square matrix with `values` on its diagonal. */
export function diagonal(values: ArrayLike<number>): Float64Array {
  const n = values.length;
  const out: Float64Array = new Float64Array(n * n);
  for (let i = 0; i < n; i++) out[i * n + i] = values[i]!;
  return out;
}

/** Transposes A (rows × cols) into `out` (cols × rows), which must not be `a`. */
export function transpose(
  a: Float64Array,
  rows: number,
  cols: number,
  out: Float64Array = new Float64Array(rows * cols),
): Float64Array {
  requireShape(a, rows, cols, 'A');
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < cols; j++) out[j * rows + i] = a[i * cols + j]!;
  }
  return out;
}

/** Replaces a square matrix by (A + Aᵀ)/2 in place. */
export function symmetrize(a: Float64Array, n: number): Float64Array {
  requireShape(a, n, n, 'A');
  for (let i = 1; i < n; i++) {
    for (let j = 0; j < i; j++) {
      const mean = 0.5 * (a[i * n + j]! + a[j * n + i]!);
      a[i * n + j] = mean;
      a[j * n + i] = mean;
    }
  }
  return a;
}

/** A x for A (rows × cols). */
export function matVec(
  a: Float64Array,
  x: Float64Array,
  rows: number,
  cols: number,
  out: Float64Array = new Float64Array(rows),
): Float64Array {
  requireShape(a, rows, cols, 'A');
  requireShape(x, cols, 1, 'x');
  for (let i = 0; i < rows; i++) {
    const row = i * cols;
    let sum = 0;
    for (let j = 0; j < cols; j++) sum += a[row + j]! * x[j]!;
    out[i] = sum;
  }
  return out;
}

/** Aᵀ x for A (rows × cols). */
export function matTransposedVec(
  a: Float64Array,
  x: Float64Array,
  rows: number,
  cols: number,
  out: Float64Array = new Float64Array(cols),
): Float64Array {
  requireShape(a, rows, cols, 'A');
  requireShape(x, rows, 1, 'x');
  out.fill(0);
  for (let i = 0; i < rows; i++) {
    const row = i * cols;
    const xi = x[i]!;
    for (let j = 0; j < cols; j++) out[j]! += xi * a[row + j]!;
  }
  return out;
}

/**
 * A B for A (rows × inner) and B (inner × cols).
 *
 * @param out receives the product; must be neither `a` nor `b`
 */
export function matMul(
  a: Float64Array,
  b: Float64Array,
  rows: number,
  inner: number,
  cols: number,
  out: Float64Array = new Float64Array(rows * cols),
): Float64Array {
  requireShape(a, rows, inner, 'A');
  requireShape(b, inner, cols, 'B');
  requireShape(out, rows, cols, 'out');
  out.fill(0);
  for (let i = 0; i < rows; i++) {
    accumulateRows(out, i * cols, a, i * inner, 1, b, inner, cols);
  }
  return out;
}

/**
 * Aᵀ B for A (inner × rows) and B (inner × cols).
 *
 * @param out receives the product; must be neither `a` nor `b`
 */
export function matTransposedMul(
  a: Float64Array,
  b: Float64Array,
  rows: number,
  inner: number,
  cols: number,
  out: Float64Array = new Float64Array(rows * cols),
): Float64Array {
  requireShape(a, inner, rows, 'A');
  requireShape(b, inner, cols, 'B');
  requireShape(out, rows, cols, 'out');
  out.fill(0);
  for (let i = 0; i < rows; i++) {
    accumulateRows(out, i * cols, a, i, rows, b, inner, cols);
  }
  return out;
}

/** out[at…] += Σₖ a[start + k·stride] · (row k of b), four rows of b in one pass. */
function accumulateRows(
  out: Float64Array,
  at: number,
  a: Float64Array,
  start: number,
  stride: number,
  b: Float64Array,
  inner: number,
  cols: number,
): void {
  let k = 0;
  for (; k + 3 < inner; k += 4) {
    const a0 = a[start + k * stride]!;
    const a1 = a[start + (k + 1) * stride]!;
    const a2 = a[start + (k + 2) * stride]!;
    const a3 = a[start + (k + 3) * stride]!;
    const b0 = k * cols;
    const b1 = b0 + cols;
    const b2 = b1 + cols;
    const b3 = b2 + cols;
    for (let j = 0; j < cols; j++) {
      out[at + j]! += a0 * b[b0 + j]! + a1 * b[b1 + j]! + a2 * b[b2 + j]! + a3 * b[b3 + j]!;
    }
  }
  for (; k < inner; k++) {
    const ak = a[start + k * stride]!;
    const bk = k * cols;
    for (let j = 0; j < cols; j++) out[at + j]! += ak * b[bk + j]!;
  }
}

/**
 * A Bᵀ for A (rows × inner) and B (cols × inner), rows against rows.
 *
 * @param out receives the product; must be neither `a` nor `b`
 */
export function matMulTransposed(
  a: Float64Array,
  b: Float64Array,
  rows: number,
  inner: number,
  cols: number,
  out: Float64Array = new Float64Array(rows * cols),
): Float64Array {
  requireShape(a, rows, inner, 'A');
  requireShape(b, cols, inner, 'B');
  requireShape(out, rows, cols, 'out');
  let i = 0;
  for (; i + 3 < rows; i += 4) {
    const a0 = i * inner;
    const a1 = a0 + inner;
    const a2 = a1 + inner;
    const a3 = a2 + inner;
    const o = i * cols;
    for (let j = 0; j < cols; j++) {
      const bj = j * inner;
      let s0 = 0;
      let s1 = 0;
      let s2 = 0;
      let s3 = 0;
      for (let k = 0; k < inner; k++) {
        const v = b[bj + k]!;
        s0 += a[a0 + k]! * v;
        s1 += a[a1 + k]! * v;
        s2 += a[a2 + k]! * v;
        s3 += a[a3 + k]! * v;
      }
      out[o + j] = s0;
      out[o + cols + j] = s1;
      out[o + 2 * cols + j] = s2;
      out[o + 3 * cols + j] = s3;
    }
  }
  for (; i < rows; i++) {
    const ai = i * inner;
    for (let j = 0; j < cols; j++) {
      const bj = j * inner;
      let sum = 0;
      for (let k = 0; k < inner; k++) sum += a[ai + k]! * b[bj + k]!;
      out[i * cols + j] = sum;
    }
  }
  return out;
}

/**
 * out = C + sign · A Aᵀ for A (n × k), computed once per pair and mirrored, so exactly symmetric
 * where C is.
 *
 * @param c n × n, or undefined for zero; may be `out`
 */
export function symmetricRankK(
  a: Float64Array,
  n: number,
  k: number,
  out: Float64Array = new Float64Array(n * n),
  c?: Float64Array,
  sign: 1 | -1 = 1,
): Float64Array {
  requireShape(a, n, k, 'A');
  requireShape(out, n, n, 'out');
  if (c !== undefined) requireShape(c, n, n, 'C');
  const put = (i: number, j: number, value: number) => {
    const total = c === undefined ? sign * value : c[i * n + j]! + sign * value;
    out[i * n + j] = total;
    out[j * n + i] = total;
  };
  let i = 0;
  for (; i + 3 < n; i += 4) {
    const a0 = i * k;
    const a1 = a0 + k;
    const a2 = a1 + k;
    const a3 = a2 + k;
    // Columns up to the tile's last row: the few entries above the diagonal are put twice, equal.
    for (let j = 0; j < i + 4; j += 2) {
      const b0 = j * k;
      const b1 = b0 + k;
      let s00 = 0;
      let s10 = 0;
      let s20 = 0;
      let s30 = 0;
      let s01 = 0;
      let s11 = 0;
      let s21 = 0;
      let s31 = 0;
      for (let p = 0; p < k; p++) {
        const v0 = a[b0 + p]!;
        const v1 = a[b1 + p]!;
        const u0 = a[a0 + p]!;
        const u1 = a[a1 + p]!;
        const u2 = a[a2 + p]!;
        const u3 = a[a3 + p]!;
        s00 += u0 * v0;
        s01 += u0 * v1;
        s10 += u1 * v0;
        s11 += u1 * v1;
        s20 += u2 * v0;
        s21 += u2 * v1;
        s30 += u3 * v0;
        s31 += u3 * v1;
      }
      if (j <= i) put(i, j, s00);
      if (j + 1 <= i) put(i, j + 1, s01);
      if (j <= i + 1) put(i + 1, j, s10);
      if (j + 1 <= i + 1) put(i + 1, j + 1, s11);
      if (j <= i + 2) put(i + 2, j, s20);
      if (j + 1 <= i + 2) put(i + 2, j + 1, s21);
      put(i + 3, j, s30);
      put(i + 3, j + 1, s31);
    }
  }
  for (; i < n; i++) {
    const ai = i * k;
    for (let j = 0; j <= i; j++) {
      const bj = j * k;
      let sum = 0;
      for (let p = 0; p < k; p++) sum += a[ai + p]! * a[bj + p]!;
      put(i, j, sum);
    }
  }
  return out;
}

/**
 * F P Fᵀ for F (rows × n) and symmetric P (n × n): how a covariance passes a linear map.
 *
 * @param scratch rows × n
 */
export function sandwich(
  f: Float64Array,
  p: Float64Array,
  rows: number,
  n: number,
  out: Float64Array = new Float64Array(rows * rows),
  scratch: Float64Array = new Float64Array(rows * n),
): Float64Array {
  matMul(f, p, rows, n, n, scratch);
  matMulTransposed(scratch, f, rows, n, rows, out);
  return symmetrize(out, rows);
}
