import { requireFinite } from './checks.js';
import { symmetricRankK } from './matrix.js';
import type { SigmaPoints } from './sigma-points.js';
import type { Space } from './space.js';
import type { VectorFunction } from './types.js';
import type { RowViews, Workspace } from './workspace.js';

/** Sends every point through a model function. */
export function propagate(f: VectorFunction, points: RowViews, out: RowViews, what: string): void {
  for (let k = 0; k < points.rows.length; k++) f(points.rows[k]!, out.rows[k]!);
  requireFinite(out.data, what);
}

/** The weighted mean of the points. */
export function weightedMean(
  points: RowViews,
  Wm: Float64Array,
  size: number,
  out: Float64Array,
  space?: Space,
): void {
  if (space?.mean !== undefined) {
    space.mean(points.rows, Wm, out);
    return;
  }
  out.fill(0);
  const { data } = points;
  for (let k = 0; k < Wm.length; k++) {
    const w = Wm[k]!;
    const row = k * size;
    for (let i = 0; i < size; i++) out[i]! += w * data[row + i]!;
  }
}

/** Replaces points by their deviations from `mean`, in place. */
export function deviations(
  points: RowViews,
  mean: Float64Array,
  size: number,
  space?: Space,
): void {
  const { data, rows } = points;
  if (space?.residual !== undefined) {
    const scratch = new Float64Array(size);
    for (const row of rows) {
      space.residual(row, mean, scratch);
      row.set(scratch);
    }
    return;
  }
  for (let k = 0; k < rows.length; k++) {
    const row = k * size;
    for (let i = 0; i < size; i++) data[row + i]! -= mean[i]!;
  }
}

/**
 * Σ Wc dₖ dₖᵀ + noise of deviations: the equal weights as one symmetric product, the centre, whose
 * weight may be negative, added after.
 */
export function weightedCovariance(
  rule: SigmaPoints,
  d: Float64Array,
  size: number,
  noise: Float64Array | undefined,
  out: Float64Array,
  workspace: Workspace,
): Float64Array {
  const first = rule.centre ? 1 : 0;
  const pairs = rule.count - first;
  const transposed = workspace.array(`deviationsT${size}`, size * pairs);
  const root = Math.sqrt(rule.Wc[first]!);
  for (let k = 0; k < pairs; k++) {
    const row = (first + k) * size;
    for (let i = 0; i < size; i++) transposed[i * pairs + k] = root * d[row + i]!;
  }
  symmetricRankK(transposed, size, pairs, out, noise);
  if (rule.centre) {
    const w = rule.Wc[0]!;
    for (let i = 0; i < size; i++) {
      const wi = w * d[i]!;
      const row = i * size;
      for (let j = 0; j < i; j++) {
        const value = out[row + j]! + wi * d[j]!;
        out[row + j] = value;
        out[j * size + i] = value;
      }
      out[row + i]! += wi * d[i]!;
    }
  }
  return out;
}

/**
 * Σ Wc aₖ bₖᵀ of two sets of deviations, n × m.
 *
 * @param a count × n
 * @param b count × m
 */
export function weightedCrossCovariance(
  Wc: Float64Array,
  a: Float64Array,
  n: number,
  b: Float64Array,
  m: number,
  out: Float64Array,
): Float64Array {
  out.fill(0);
  for (let k = 0; k < Wc.length; k++) {
    const w = Wc[k]!;
    const bk = k * m;
    for (let i = 0; i < n; i++) {
      const wa = w * a[k * n + i]!;
      if (wa === 0) continue;
      const row = i * m;
      for (let j = 0; j < m; j++) out[row + j]! += wa * b[bk + j]!;
    }
  }
  return out;
}

/**
 * The odd part of the deviations of a redrawn set: row i is Wc · spread · (d₊ᵢ − d₋ᵢ), so that
 * Pxz = L · odd, and the part of S that the state explains is oddᵀ odd.
 *
 * @param d count × m
 * @param out n × m
 */
export function oddPart(rule: SigmaPoints, d: Float64Array, m: number, out: Float64Array): void {
  const first = rule.centre ? 1 : 0;
  const factor = rule.Wc[first]! * rule.spread;
  const half = rule.n * m;
  const start = first * m;
  for (let k = 0; k < half; k++) {
    out[k] = factor * (d[start + k]! - d[start + half + k]!);
  }
}
