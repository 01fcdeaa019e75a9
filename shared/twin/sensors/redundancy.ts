import {
  chiSquareSurvival,
  cholesky,
  invertLower,
  normalQuantile,
  symmetricEigen,
} from '../../kalman/index.js';
import { predictOutputs } from '../filter/linearise.js';
import { offsetGain } from '../filter/persistent-error.js';
import type { FilterStep } from '../filter/step.js';
import { studentTQuantile } from '../fit/bands/student-t.js';
import type { CalibratorState, SensorSlopes } from '../types.js';

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
  forget: number = FORGET,
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
  for (let i = 0; i < m; i++) next[i]! *= forget;
  for (let i = m; i < next.length; i++) next[i]! *= forget ** 2;
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

/** How many samples an error that stays has been added up over, by the weight of its channel. */
function countOf(weight: number): number {
  // From Σλ²ᵏ p to Σλᵏ p, as if p were the same at each: how large a mean makes such a sum.
  const share = Math.min(1, weight * (1 - FORGET ** 2));
  return (1 - Math.sqrt(1 - share)) / (1 - FORGET);
}

/** Each channel's offset that would explain its sum, in its noise, and how far that is from chance. */
export function offsetsOf(memory: Float64Array, m: number) {
  return Array.from({ length: m }, (_, channel) => {
    const w = memory[m + channel * m + channel]!;
    const sum = memory[channel]!;
    if (w < ENOUGH) return { channel, size: 0, deviations: 0 };
    return { channel, size: sum / countOf(w), deviations: sum / Math.sqrt(w) };
  });
}

/**
 * By channel, the share of its error that the others do not let pass: 1 where they tell its value, 0
 * where parameters can follow it. Over the newest samples where a state keeps account of them.
 */
export function redundancyShares(
  { filter: { redundancy }, sampleCount }: CalibratorState,
  slopes: SensorSlopes,
  range: Float64Array,
): Float64Array {
  const m = slopes.noiseStd.length;
  if (redundancy !== undefined) {
    const weight = (1 - FORGET ** (2 * sampleCount)) / (1 - FORGET ** 2);
    return Float64Array.from({ length: m }, (_, c) => redundancy[m + c * m + c]! / weight);
  }
  const { active, slope } = slopes;
  const n = range.length;
  const gain = offsetGain(slopes, active, slopes.noiseStd, range);
  const shares = new Float64Array(m);
  active.forEach((o, k) => {
    let followed = 0;
    for (let i = 0; i < n; i++) {
      followed += (slope[o * n + i]! / slopes.noiseStd[o]!) * gain[i * active.length + k]!;
    }
    shares[o] = 1 - followed;
  });
  return shares;
}

/** Whether an offset, in its channel's noise, would be found once samples have come. */
export function wouldShow(share: number, offset: number): boolean {
  const weight = share / (1 - FORGET ** 2);
  return weight > ENOUGH && (offset * countOf(weight)) / Math.sqrt(weight) > SIGNIFICANT;
}

/** How far the most unusual channel's sum is from chance, in deviations. */
export const largestDeviation = (memory: Float64Array, m: number): number =>
  Math.max(0, ...offsetsOf(memory, m).map((o) => Math.abs(o.deviations)));

/** The sums' squares in their own covariance, and in how many directions they can be told. */
export interface Misfit {
  total: number;
  dimensions: number;
}

/** How far the residuals as a whole are from chance, whose squares would add up to `dimensions`. */
export function misfitOf(memory: Float64Array, m: number): Misfit {
  const { values, vectors } = symmetricEigen(memory.slice(m), m);
  const least = NONE * Math.max(...values);
  let total = 0;
  let dimensions = 0;
  for (let e = 0; e < m; e++) {
    if (values[e]! <= least) continue;
    let along = 0;
    for (let i = 0; i < m; i++) along += vectors[i * m + e]! * memory[i]!;
    total += along ** 2 / values[e]!;
    if (values[e]! > ENOUGH) dimensions++;
  }
  return { total, dimensions };
}

/** The chance of residuals so large where one channel's offset is allowed for. */
export const chanceBeside = ({ total, dimensions }: Misfit, of: { deviations: number }): number =>
  dimensions > 1 ? chiSquareSurvival(total - of.deviations ** 2, dimensions - 1) : 1;

/** Chance of the residuals below which the model is taken to lack something: each sample looks anew. */
const LACKING = 1e-4;

/**
 * The variance of a constant error of each output, in its noise squared, that makes the sensors
 * contradict each other as they do, with Student's factor for the few directions in which that shows.
 * It is taken to be as large in those where parameters hide it.
 *
 * @returns 0 where chance explains the residuals, and where no direction is left to tell
 */
export function structuralVariance(memory: Float64Array, m: number): number {
  const { total, dimensions } = misfitOf(memory, m);
  if (dimensions === 0 || chiSquareSurvival(total, dimensions) > LACKING) return 0;
  let trace = 0;
  for (let i = 0; i < m; i++) trace += memory[m + i * m + i]!;
  // From Σλ²ᵏ to Σλᵏ: how often an error that stays has been added up.
  const squares = Math.min(trace / dimensions, 1 / (1 - FORGET ** 2));
  const count = (1 - Math.sqrt(Math.max(0, 1 - squares * (1 - FORGET ** 2)))) / (1 - FORGET);
  const student = studentTQuantile(0.975, dimensions) / normalQuantile(0.975);
  return ((Math.max(0, total - dimensions) * squares) / count ** 2 / dimensions) * student ** 2;
}

/** Cosine between what two channels' offsets leave in the residuals, from which they are not told apart. */
const ALIKE = 0.95;

/** Channels whose offset would leave the same residuals as one's, with other parameters. */
export function alikeOf(memory: Float64Array, m: number, channel: number): number[] {
  const at = (i: number, j: number) => memory[m + i * m + j]!;
  return Array.from({ length: m }, (_, c) => c).filter(
    (c) =>
      c !== channel &&
      Math.abs(at(channel, c)) > ALIKE * Math.sqrt(at(channel, channel) * at(c, c)),
  );
}

/** What the sums say: nothing, that one sensor is off, or that no one sensor explains them. */
export function redundancyFinding(memory: Float64Array, m: number): RedundancyFinding {
  const all = offsetsOf(memory, m).sort((a, b) => Math.abs(b.deviations) - Math.abs(a.deviations));
  const most = all[0];
  if (most === undefined || Math.abs(most.deviations) < SIGNIFICANT) return { kind: 'none' };
  if (chanceBeside(misfitOf(memory, m), most) < NOT_ONE_SENSOR) {
    const channels = all.filter((c) => Math.abs(c.deviations) > SIGNIFICANT);
    return { kind: 'model', channels: channels.map((c) => c.channel).sort((a, b) => a - b) };
  }
  const alike = all.filter((c) => c.deviations ** 2 > most.deviations ** 2 - AS_WELL);
  return { kind: 'sensor', channels: alike };
}

/** Of watching channels that are left out: about the last twenty samples. */
export const WATCH = 0.95;
/** Deviations that an offset as large as found would show by, before its absence says anything. */
const WOULD_SHOW = 4;
/** Share of those within which there is none, … */
const SHOWS_NOT = 0.4;
/** … and no more of them than chance gives a sensor that is right. */
const AT_MOST = 2;

/** Whether a channel no longer shows the offset for which it was left out, though it would show. */
export function agreesAgain(
  memory: Float64Array,
  m: number,
  channel: number,
  offset: number,
): boolean {
  const root = Math.sqrt(memory[m + channel * m + channel]!);
  const would = Math.abs(offset) * root;
  const shows = Math.abs(memory[channel]! / root);
  return would > WOULD_SHOW && shows < Math.min(AT_MOST, SHOWS_NOT * would);
}
