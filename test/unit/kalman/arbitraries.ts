import fc from 'fast-check';
import { Matrix } from 'ml-matrix';
import { createRng, type Rng } from '../../../shared/core/index.js';
import { matMulTransposed } from '../../../shared/kalman/index.js';

/** A matrix of standard normals, row-major. */
export function randomMatrix(rng: Rng, rows: number, cols: number): Float64Array {
  return Float64Array.from({ length: rows * cols }, () => rng.normal());
}

/** A well-conditioned random covariance: G Gᵀ/n + floor · I. */
export function randomCovariance(rng: Rng, n: number, floor = 0.1): Float64Array {
  const g = randomMatrix(rng, n, n);
  const p = matMulTransposed(g, g, n, n, n).map((v) => v / n);
  for (let i = 0; i < n; i++) p[i * n + i]! += floor;
  return p;
}

/** Seeds for generators and sizes: shrinks to small problems. */
export const problem = (maxN = 12, maxM = 8) =>
  fc.record({
    seed: fc.integer({ min: 1, max: 2 ** 31 - 1 }),
    n: fc.integer({ min: 1, max: maxN }),
    m: fc.integer({ min: 1, max: maxM }),
  });

export function rngOf(seed: number): Rng {
  return createRng(seed);
}

/** ml-matrix's view of a row-major array. */
export function toMatrix(a: Float64Array, rows: number, cols: number): Matrix {
  return Matrix.from1DArray(rows, cols, a);
}

export function fromMatrix(m: Matrix): Float64Array {
  return Float64Array.from(m.to1DArray());
}

/** The largest |a − b| over the largest |b| (or 1 where b vanishes). */
export function relativeDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) throw new Error(`lengths ${a.length} and ${b.length} differ`);
  let scale = 0;
  let worst = 0;
  for (let i = 0; i < a.length; i++) {
    const difference = Math.abs(a[i]! - b[i]!);
    if (Number.isNaN(difference)) return Number.NaN;
    scale = Math.max(scale, Math.abs(b[i]!));
    worst = Math.max(worst, difference);
  }
  return worst / (scale || 1);
}
