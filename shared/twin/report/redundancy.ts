import { chiSquareSurvival, cholesky, invertLower, symmetricEigen } from '../../kalman/index.js';
import { predictOutputs } from '../filter/linearise.js';
import type { FilterStep } from '../filter/step.js';

/** How much of the past counts from sample to sample: about the last 50. */
const FORGET = 0.98;
/** Deviations of a mean from chance that speak: one in two million. */
const SIGNIFICANT = 5;
/** Samples' worth of redundancy that a test needs. */
const ENOUGH = 3;
/** A whitened residual counts with at most so many deviations. */
const CLIP = 5;
/** Twice the log likelihood within which another channel explains the residuals as well. */
const AS_WELL = 6;
/** Share of the largest below which redundancy in a direction is none. */
const NONE = 1e-6;
/** Chance of residuals so large from one biased sensor, below which the model is blamed. */
const NOT_ONE_SENSOR = 1e-6;

/** What sensors that are more than parameters say of each other. */
export type RedundancyFinding =
  | { kind: 'none' }
  | {
      kind: 'sensor';
      /** Channels whose offset alone explains all, the likeliest first. */
      channels: { channel: number; size: number; deviations: number }[];
    }
  | { kind: 'model'; channels: number[] };

/** The memory before any sample: sums of residuals, and of their covariance, for m channels. */
export const initialRedundancy = (m: number): Float64Array => new Float64Array(m + m * m);

/**
 * Takes the part of a sample's residuals that no parameters explain, whatever they have done since
 * the last sample: P r with P = (I + J Λ Jᵀ + Ω)⁻¹, residuals and slopes in the sensors' noise, Λ the
 * squares of the parameters' ranges. Wear, however fast, has no part in it.
 *
 * @param measured `NaN` for channels without a value
 * @see Willsky & Jones 1976; Basseville & Nikiforov, Detection of Abrupt Changes (1993), 7.2
 */
export function updateRedundancy(
  memory: Float64Array,
  filtered: FilterStep,
  measured: Float64Array,
  noiseStd: Float64Array,
  range: Float64Array,
): Float64Array {
  if (filtered.regimeChange || filtered.mode === 'transient') return memory;
  const { linearisation: lin, posterior, noiseScale = 1 } = filtered;
  const used = filtered.active.filter((o) => !filtered.gated.includes(o));
  const k = used.length;
  const n = range.length;
  if (k === 0) return memory;
  const m = noiseStd.length;
  const expected = predictOutputs(lin, posterior.x.slice(0, n));
  const std = used.map((o) => noiseStd[o]! * noiseScale);
  const covariance = new Float64Array(k * k);
  for (let a = 0; a < k; a++) {
    for (let b = 0; b <= a; b++) {
      let sum = lin.omega[used[a]! * lin.mean.length + used[b]!]!;
      for (let i = 0; i < n; i++) {
        sum += lin.slope[used[a]! * n + i]! * lin.slope[used[b]! * n + i]! * range[i]! ** 2;
      }
      covariance[a * k + b] = sum / (std[a]! * std[b]!) + (a === b ? 1 : 0);
      covariance[b * k + a] = covariance[a * k + b]!;
    }
  }
  const inverse = invertLower(cholesky(covariance, k), k);
  const residual = used.map((o, a) =>
    Math.max(-CLIP, Math.min(CLIP, (measured[o]! - expected[o]!) / std[a]!)),
  );
  const next = memory.slice();
  for (let i = 0; i < m; i++) next[i]! *= FORGET;
  for (let i = m; i < next.length; i++) next[i]! *= FORGET ** 2;
  for (let a = 0; a < k; a++) {
    for (let b = 0; b < k; b++) {
      let p = 0;
      for (let r = Math.max(a, b); r < k; r++) p += inverse[r * k + a]! * inverse[r * k + b]!;
      next[used[a]!]! += p * residual[b]!;
      next[m + used[a]! * m + used[b]!]! += p;
    }
  }
  return next;
}

/** What the sums say: nothing, that one sensor is off, or that no one sensor explains them. */
export function redundancyFinding(memory: Float64Array, m: number): RedundancyFinding {
  const sums = memory.subarray(0, m);
  const weight = (i: number, j: number) => memory[m + i * m + j]!;
  // From Σλ²ᵏ p to Σλᵏ p, as if p were the same at each: how large a mean makes such a sum.
  const count = (w: number) => {
    const share = Math.min(1, w * (1 - FORGET ** 2));
    return (1 - Math.sqrt(1 - share)) / (1 - FORGET);
  };
  const all = Array.from({ length: m }, (_, channel) => {
    const w = weight(channel, channel);
    if (w < ENOUGH) return { channel, size: 0, deviations: 0 };
    return { channel, size: sums[channel]! / count(w), deviations: sums[channel]! / Math.sqrt(w) };
  }).sort((a, b) => Math.abs(b.deviations) - Math.abs(a.deviations));
  const most = all[0];
  if (most === undefined || Math.abs(most.deviations) < SIGNIFICANT) return { kind: 'none' };

  const { values, vectors } = symmetricEigen(memory.slice(m), m);
  const least = NONE * Math.max(...values);
  let total = 0;
  let dimensions = 0;
  for (let e = 0; e < m; e++) {
    if (values[e]! <= least) continue;
    let along = 0;
    for (let i = 0; i < m; i++) along += vectors[i * m + e]! * sums[i]!;
    total += along ** 2 / values[e]!;
    if (values[e]! > ENOUGH) dimensions++;
  }
  const rest = total - most.deviations ** 2;
  if (dimensions > 1 && chiSquareSurvival(rest, dimensions - 1) < NOT_ONE_SENSOR) {
    const channels = all.filter((c) => Math.abs(c.deviations) > SIGNIFICANT);
    return { kind: 'model', channels: channels.map((c) => c.channel).sort((a, b) => a - b) };
  }
  const alike = all.filter((c) => c.deviations ** 2 > most.deviations ** 2 - AS_WELL);
  return { kind: 'sensor', channels: alike };
}
