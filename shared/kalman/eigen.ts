import { TwinError } from '../core/index.js';
import { requireFinite, requireShape } from './checks.js';

/** Eigenvalues, largest first, and unit eigenvectors: column k of `vectors` belongs to value k. */
export interface SymmetricEigen {
  values: Float64Array;
  /** n × n, row-major, eigenvectors as columns. */
  vectors: Float64Array;
}

const MAX_SWEEPS = 60;

/**
 * Eigenvalues and eigenvectors of a symmetric matrix by cyclic Jacobi rotations: small eigenvalues
 * of a scaled definite matrix keep their relative accuracy, which identifiability depends on.
 *
 * @param a n × n symmetric; not changed
 * @throws TwinError `NUMERIC` when it is not finite
 * @see Golub & Van Loan, Matrix Computations (4th ed.), section 8.5
 */
export function symmetricEigen(a: Float64Array, n: number): SymmetricEigen {
  requireShape(a, n, n, 'A');
  requireFinite(a, 'A');
  const m = a.slice();
  const vectors = new Float64Array(n * n);
  for (let i = 0; i < n; i++) vectors[i * n + i] = 1;
  for (let sweep = 0; ; sweep++) {
    if (sweep === MAX_SWEEPS) throw noConvergence('symmetricEigen', n);
    let rotated = false;
    for (let p = 0; p < n - 1; p++) {
      for (let q = p + 1; q < n; q++) {
        const off = m[p * n + q]!;
        const bound = Math.sqrt(Math.abs(m[p * n + p]! * m[q * n + q]!));
        if (Math.abs(off) <= Number.MIN_VALUE || Math.abs(off) <= 1e-17 * bound) continue;
        rotated = rotateSymmetric(m, vectors, n, p, q, off) || rotated;
      }
    }
    if (!rotated) break;
  }
  const values = new Float64Array(n);
  for (let i = 0; i < n; i++) values[i] = m[i * n + i]!;
  return sortDescending(values, vectors, n);
}

/** Annihilates entry (p, q); false when the rotation is below rounding. */
function rotateSymmetric(
  m: Float64Array,
  vectors: Float64Array,
  n: number,
  p: number,
  q: number,
  off: number,
): boolean {
  const theta = (m[q * n + q]! - m[p * n + p]!) / (2 * off);
  const t = Math.sign(theta || 1) / (Math.abs(theta) + Math.hypot(theta, 1));
  const c = 1 / Math.hypot(t, 1);
  const s = t * c;
  const before = m[p * n + p]!;
  const beforeQ = m[q * n + q]!;
  for (let k = 0; k < n; k++) {
    if (k === p || k === q) continue;
    const kp = m[k * n + p]!;
    const kq = m[k * n + q]!;
    const np = c * kp - s * kq;
    const nq = s * kp + c * kq;
    m[k * n + p] = np;
    m[p * n + k] = np;
    m[k * n + q] = nq;
    m[q * n + k] = nq;
  }
  m[p * n + p] = before - t * off;
  m[q * n + q] = beforeQ + t * off;
  m[p * n + q] = 0;
  m[q * n + p] = 0;
  for (let k = 0; k < n; k++) {
    const kp = vectors[k * n + p]!;
    const kq = vectors[k * n + q]!;
    vectors[k * n + p] = c * kp - s * kq;
    vectors[k * n + q] = s * kp + c * kq;
  }
  return Math.abs(t) > 1e-17;
}

/** A = U diag(σ) Vᵀ with σ largest first. */
export interface Svd {
  /** rows × cols, orthonormal columns where σ > 0, zero columns where it is 0. */
  U: Float64Array;
  /** cols. */
  singularValues: Float64Array;
  /** cols × cols, right singular vectors as columns. */
  V: Float64Array;
}

/**
 * Singular value decomposition of A (rows × cols, rows ≥ cols) by one-sided Jacobi rotations.
 *
 * @throws TwinError `VALUE_INVALID` for rows < cols, `NUMERIC` when it is not finite
 * @see Demmel & Veselić 1992, Jacobi's method is more accurate than QR
 */
export function svd(a: Float64Array, rows: number, cols: number): Svd {
  requireShape(a, rows, cols, 'A');
  requireFinite(a, 'A');
  if (rows < cols) {
    throw new TwinError(
      'VALUE_INVALID',
      `svd: A is ${rows} × ${cols}, expected at least as many rows as columns. Decompose its transpose.`,
    );
  }
  const U = a.slice();
  const V = new Float64Array(cols * cols);
  for (let i = 0; i < cols; i++) V[i * cols + i] = 1;
  for (let sweep = 0; ; sweep++) {
    if (sweep === MAX_SWEEPS) throw noConvergence('svd', cols);
    let rotated = false;
    for (let p = 0; p < cols - 1; p++) {
      for (let q = p + 1; q < cols; q++) {
        let pp = 0;
        let qq = 0;
        let pq = 0;
        for (let i = 0; i < rows; i++) {
          const u = U[i * cols + p]!;
          const v = U[i * cols + q]!;
          pp += u * u;
          qq += v * v;
          pq += u * v;
        }
        if (Math.abs(pq) <= 1e-15 * Math.sqrt(pp * qq)) continue;
        const theta = (qq - pp) / (2 * pq);
        const t = Math.sign(theta || 1) / (Math.abs(theta) + Math.hypot(theta, 1));
        const c = 1 / Math.hypot(t, 1);
        rotateColumns(U, rows, cols, p, q, c, t * c);
        rotateColumns(V, cols, cols, p, q, c, t * c);
        rotated = true;
      }
    }
    if (!rotated) break;
  }
  const values = new Float64Array(cols);
  for (let j = 0; j < cols; j++) {
    let norm = 0;
    for (let i = 0; i < rows; i++) norm = Math.hypot(norm, U[i * cols + j]!);
    values[j] = norm;
    for (let i = 0; i < rows; i++) U[i * cols + j] = norm > 0 ? U[i * cols + j]! / norm : 0;
  }
  const order = Array.from(values.keys()).sort((i, j) => values[j]! - values[i]!);
  return {
    U: pickColumns(U, rows, cols, order),
    singularValues: Float64Array.from(order, (j) => values[j]!),
    V: pickColumns(V, cols, cols, order),
  };
}

function rotateColumns(
  m: Float64Array,
  rows: number,
  cols: number,
  p: number,
  q: number,
  c: number,
  s: number,
): void {
  for (let i = 0; i < rows; i++) {
    const u = m[i * cols + p]!;
    const v = m[i * cols + q]!;
    m[i * cols + p] = c * u - s * v;
    m[i * cols + q] = s * u + c * v;
  }
}

function pickColumns(m: Float64Array, rows: number, cols: number, order: readonly number[]) {
  const out: Float64Array = new Float64Array(rows * cols);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < cols; j++) out[i * cols + j] = m[i * cols + order[j]!]!;
  }
  return out;
}

function sortDescending(values: Float64Array, vectors: Float64Array, n: number): SymmetricEigen {
  const order = Array.from(values.keys()).sort((i, j) => values[j]! - values[i]!);
  return {
    values: Float64Array.from(order, (j) => values[j]!),
    vectors: pickColumns(vectors, n, n, order),
  };
}

function noConvergence(what: string, n: number): TwinError {
  return new TwinError(
    'NUMERIC',
    `${what} did not converge in ${MAX_SWEEPS} sweeps (n = ${n}). Scale the matrix so that its entries are of like size.`,
  );
}
