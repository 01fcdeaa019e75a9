import { isUnlikely } from './gate.js';
import { type Gaussian, slopeTimesFactor } from './gaussian-update.js';
import { MISMATCH_SHARE } from './jump-search.js';
import { driveVariance, type Linearisation, predictOutputs } from './linearise.js';
import type { Observation } from './observation.js';
import type { FilterSettings } from './settings.js';

/** Posterior residuals that no approximation excuses, as a multiple of what a change takes. */
const CONTRADICTION = 4;

/** Whether the sample is far from where the posterior expects it. */
export function contradicts(
  { active, measured, settings }: Observation,
  posterior: Gaussian,
  lin: Linearisation,
  variance: Float64Array,
): boolean {
  const n = settings.range.length;
  const expected = predictOutputs(lin, posterior.x.slice(0, n));
  const factor = slopeTimesFactor(lin, posterior.S, active, n);
  const N = posterior.x.length;
  const nis = active.reduce((sum, o, r) => {
    const own = variance[o]! + lin.omega[o * lin.mean.length + o]!;
    const known = factor.subarray(r * N, r * N + N).reduce((v, f) => v + f * f, 0);
    return sum + (measured[o]! - expected[o]!) ** 2 / (own + known);
  }, 0);
  return isUnlikely(nis / CONTRADICTION, active.length);
}

/** Whether a Gaussian's parameters lie no further from another's than its sigma points. */
export function liesWithin(
  g: Gaussian,
  other: Gaussian,
  { range, spread }: FilterSettings,
): boolean {
  const N = g.x.length;
  return range.every((_, i) => {
    const std = Math.hypot(...other.S.subarray(i * N, i * N + N));
    return Math.abs(g.x[i]! - other.x[i]!) <= spread * std;
  });
}

/** Prior standard deviations from where a line was taken, from which it is taken again. */
const FAR = 2;

/** Whether an estimate lies far from where the model was linearised. */
export function isFarFrom(
  { x }: Gaussian,
  centre: Float64Array,
  { S, x: { length: N } }: Gaussian,
  far: number = FAR,
): boolean {
  return centre.some((c, i) => {
    const std = Math.hypot(...S.subarray(i * N, i * N + N));
    return Math.abs(x[i]! - c) > far * std;
  });
}

/** What the straight line misses, in variances of the noise, where that is most. */
export function bendOf(
  { active }: Observation,
  lin: Linearisation,
  variance: Float64Array,
): { ratio: number; worst: number } {
  let ratio = 0;
  let worst = active[0]!;
  for (const o of active) {
    const bend = lin.omega[o * lin.mean.length + o]! - driveVariance(lin, o);
    const here = bend / variance[o]!;
    if (here > ratio) {
      ratio = here;
      worst = o;
    }
  }
  return { ratio, worst };
}

/** Whether a sample is where the last rejected one was, compared with how far both are off. */
export function looksLike(
  rejected: Float64Array | undefined,
  measured: Float64Array,
  lin: Linearisation,
  active: readonly number[],
): boolean {
  if (rejected === undefined) return false;
  const same = active.filter(
    (o) => Math.abs(measured[o]! - rejected[o]!) < 0.1 * Math.abs(measured[o]! - lin.mean[o]!),
  ).length;
  return same >= MISMATCH_SHARE * active.length;
}
