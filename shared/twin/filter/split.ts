import { mergeFactored, squareRootOfStack, updateFactored } from '../../kalman/index.js';
import { type Gaussian, slopeTimesFactor, type UpdateResult } from './gaussian-update.js';
import type { EvaluatePoints, Linearisation } from './linearise.js';

const SPLIT_STEP = 0.5;
const SPLIT_HALF = 6;
/** Fewer usable parts do not stand for the prior. */
const SPLIT_LEAST = 7;

/**
 * Splits the prior into 13 narrower Gaussians along the direction that the most bent output sees,
 * updates each with the model's values along that line, and merges them by their likelihoods.
 *
 * @returns without `merged` where no parameter moves that output along a straight line, or where
 *   the model fails at too many of the points
 * @see Alspach & Sorenson, Nonlinear Bayesian estimation using Gaussian sums (1972)
 */
export async function splitUpdate(
  prior: Gaussian,
  lin: Linearisation,
  worst: number,
  active: readonly number[],
  measured: Float64Array,
  variance: Float64Array,
  evaluate: EvaluatePoints,
): Promise<{ merged?: Gaussian; modelRuns: number }> {
  const N = prior.x.length;
  const n = N / 2;
  // The direction in the prior's own coordinates, where it is a unit Gaussian.
  const u = new Float64Array(n);
  for (let k = 0; k < n; k++) {
    for (let j = k; j < n; j++) u[k]! += lin.slope[worst * n + j]! * prior.S[j * N + k]!;
  }
  const length = Math.hypot(...u);
  if (!(length > 1e-9 * Math.sqrt(variance[worst]!))) return { modelRuns: 0 };
  for (let k = 0; k < n; k++) u[k]! /= length;
  const su = new Float64Array(N);
  for (let i = 0; i < N; i++) for (let k = 0; k < n; k++) su[i]! += prior.S[i * N + k]! * u[k]!;

  const offsets: number[] = [];
  for (let k = -SPLIT_HALF; k <= SPLIT_HALF; k++) offsets.push(k * SPLIT_STEP);
  const values = await evaluate(
    offsets.map((c) => Float64Array.from({ length: n }, (_, i) => prior.x[i]! + c * su[i]!)),
  );
  const usable = offsets.map((_, k) => values[k] instanceof Float64Array);
  const s = SPLIT_STEP;
  const hs = slopeTimesFactor(lin, prior.S, active, n);
  const parts: UpdateResult[] = [];
  const logWeights: number[] = [];
  offsets.forEach((c, k) => {
    if (!usable[k]) return;
    const here = values[k] as Float64Array;
    const before = usable[k - 1] ? (values[k - 1] as Float64Array) : undefined;
    const after = usable[k + 1] ? (values[k + 1] as Float64Array) : undefined;
    if (before === undefined && after === undefined) return;
    const m = active.length;
    const local = new Float64Array(m * N);
    // The sensors' noise over what the bend adds, as a factor: it may be larger by any measure.
    const noise = new Float64Array((m + 1) * m);
    const innovation = new Float64Array(m);
    active.forEach((o, r) => {
      const left = before?.[o] ?? 2 * here[o]! - after![o]!;
      const right = after?.[o] ?? 2 * here[o]! - before![o]!;
      const gradient = (right - left) / (2 * SPLIT_STEP);
      const bend = 0.5 * ((right - 2 * here[o]! + left) / SPLIT_STEP ** 2) * s * s;
      noise[r * m + r] = Math.sqrt(variance[o]!);
      noise[m * m + r] = Math.SQRT2 * bend;
      innovation[r] = measured[o]! - here[o]! - bend;
      let along = 0;
      for (let i = 0; i < n; i++) along += hs[r * N + i]! * u[i]!;
      // Across the line as linearised; along it as found here and narrowed to s.
      for (let i = 0; i < n; i++) {
        local[r * N + i] = hs[r * N + i]! + (s * gradient - along) * u[i]!;
      }
    });
    const S = prior.S.slice();
    for (let i = 0; i < N; i++) {
      for (let j = 0; j < n; j++) S[i * N + j]! -= (1 - s) * su[i]! * u[j]!;
    }
    const part = updateFactored(
      { x: prior.x.map((v, i) => v + c * su[i]!), S },
      local,
      innovation,
      squareRootOfStack(noise, m + 1, m),
    );
    parts.push(part);
    logWeights.push(-(c * c) / (2 * (1 - s * s)) + part.logLikelihood);
  });
  if (parts.length < SPLIT_LEAST) return { modelRuns: offsets.length };
  const top = Math.max(...logWeights);
  const raw = logWeights.map((w) => Math.exp(w - top));
  const total = raw.reduce((a, b) => a + b, 0);
  const merged = mergeFactored(
    raw.map((w) => w / total),
    parts,
  );
  return { merged, modelRuns: offsets.length };
}
