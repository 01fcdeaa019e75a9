import { requireLength, requireShape } from './checks.js';

/**
 * Triangularises A (rows × cols) in place by Householder reflections: afterwards its first
 * min(rows, cols) rows hold the upper triangular R with RᵀR = AᵀA and a diagonal that is never
 * negative, zeros below. With rows of square-root covariances stacked, Rᵀ is the square root of
 * their sum.
 *
 * @param scratch cols
 * @see Golub & Van Loan, Matrix Computations (4th ed.), section 5.2
 */
export function triangularize(
  a: Float64Array,
  rows: number,
  cols: number,
  scratch: Float64Array = new Float64Array(cols),
): Float64Array {
  requireShape(a, rows, cols, 'A');
  requireLength(scratch, cols, 'scratch', `${cols}`);
  const steps = Math.min(rows, cols);
  for (let k = 0; k < steps; k++) reflect(a, k, a, k + 1, rows, cols, k, scratch);
  return a;
}

/**
 * Triangularises [U; B] in place, U (cols × cols) upper triangular already, B (rows × cols): U
 * becomes the R of the stack and B zero. Costs nothing for the zeros of U.
 *
 * @param scratch cols
 */
export function triangularizeOnto(
  u: Float64Array,
  b: Float64Array,
  rows: number,
  cols: number,
  scratch: Float64Array = new Float64Array(cols),
): Float64Array {
  requireShape(u, cols, cols, 'U');
  requireShape(b, rows, cols, 'B');
  requireLength(scratch, cols, 'scratch', `${cols}`);
  for (let k = 0; k < cols; k++) reflect(u, k, b, 0, rows, cols, k, scratch);
  return u;
}

/**
 * One reflection: the vector is column k of row `top` of u and of rows first…last−1 of b. Two
 * passes along rows, four rows of b at a time.
 */
function reflect(
  u: Float64Array,
  top: number,
  b: Float64Array,
  first: number,
  last: number,
  cols: number,
  k: number,
  w: Float64Array,
): void {
  const t = top * cols;
  let largest = 0;
  for (let i = first; i < last; i++) {
    const v = Math.abs(b[i * cols + k]!);
    if (!(v <= largest)) largest = v;
  }
  const head = u[t + k]!;
  if (largest === 0) {
    if (head < 0) for (let j = k; j < cols; j++) u[t + j] = -u[t + j]!;
    return;
  }
  // Scaled, so that squares neither overflow nor vanish.
  const scale = Math.max(largest, Math.abs(head));
  let sum = (head / scale) ** 2;
  for (let i = first; i < last; i++) {
    const v = b[i * cols + k]! / scale;
    sum += v * v;
  }
  const norm = scale * Math.sqrt(sum);
  // R's diagonal shall be +norm: for a positive head, head − norm is computed without cancellation.
  let tail = 0;
  if (head > 0) {
    for (let i = first; i < last; i++) {
      const v = b[i * cols + k]! / scale;
      tail += v * v;
    }
  }
  const v0 = head <= 0 ? head - norm : (-tail * scale * scale) / (head + norm);
  // H = I − tau v vᵀ with v = [v0; column], |v|² = −2 norm v0.
  const tau = -1 / (norm * v0);
  for (let j = k + 1; j < cols; j++) w[j] = v0 * u[t + j]!;
  let i = first;
  for (; i + 3 < last; i += 4) {
    const r0 = i * cols;
    const r1 = r0 + cols;
    const r2 = r1 + cols;
    const r3 = r2 + cols;
    const c0 = b[r0 + k]!;
    const c1 = b[r1 + k]!;
    const c2 = b[r2 + k]!;
    const c3 = b[r3 + k]!;
    for (let j = k + 1; j < cols; j++) {
      w[j]! += c0 * b[r0 + j]! + c1 * b[r1 + j]! + c2 * b[r2 + j]! + c3 * b[r3 + j]!;
    }
  }
  for (; i < last; i++) {
    const r = i * cols;
    const c = b[r + k]!;
    for (let j = k + 1; j < cols; j++) w[j]! += c * b[r + j]!;
  }
  u[t + k] = norm;
  const factor = tau * v0;
  for (let j = k + 1; j < cols; j++) u[t + j]! -= factor * w[j]!;
  for (i = first; i < last; i++) {
    const r = i * cols;
    const c = tau * b[r + k]!;
    b[r + k] = 0;
    if (c === 0) continue;
    for (let j = k + 1; j < cols; j++) b[r + j]! -= c * w[j]!;
  }
}

/**
 * The lower triangular square root of Σ AᵢᵀAᵢ over stacked blocks of rows: S with S Sᵀ = AᵀA.
 *
 * @param a rows × cols, overwritten; rows ≥ cols or the square root is singular
 * @param out cols × cols, lower triangular
 */
export function squareRootOfStack(
  a: Float64Array,
  rows: number,
  cols: number,
  out: Float64Array = new Float64Array(cols * cols),
  scratch: Float64Array = new Float64Array(cols),
): Float64Array {
  triangularize(a, rows, cols, scratch);
  out.fill(0);
  const steps = Math.min(rows, cols);
  for (let i = 0; i < steps; i++) {
    for (let j = i; j < cols; j++) out[j * cols + i] = a[i * cols + j]!;
  }
  return out;
}
