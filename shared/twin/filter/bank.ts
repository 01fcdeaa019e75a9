import { factorMoments, mergeFactored, mixFactored, mixMoments } from '../../kalman/index.js';
import { gateChannels } from './gate.js';
import { type Gaussian, noiseRootOf, type UpdateResult } from './gaussian-update.js';
import type { Linearisation } from './linearise.js';
import type { ModeSet } from './modes.js';
import { excessOf } from './noise.js';
import { type Observation, updateWith } from './observation.js';
import { predict, predictMoments } from './predict.js';
import type { FilterSettings } from './settings.js';

/** What is believed in each mode, and how probable each is. */
export interface Bank {
  readonly weights: Float64Array;
  readonly parts: readonly Gaussian[];
}

/** An update of all modes: of their mixture as one Gaussian, and of each. */
export interface BankUpdate extends UpdateResult {
  bank: Bank;
  /** Channels that most of the probability takes for outliers. */
  gated: number[];
  /** Probability that the parameters have jumped at the sample. */
  jump: number;
  /** Share of the sensor's noise in each active channel's residual. */
  noiseShare: Float64Array;
  /** Size of the noise by the modes that hold, as a factor. */
  noiseScale: number;
  /** What each active channel says about the logarithm of the noise as assumed, twice. */
  noiseExcess: Float64Array;
  /** Square of each active channel's residual under the noise as assumed, clipped at 16. */
  scatter: Float64Array;
}

/** Log probability that one value is an outlier. */
const LOG_OUTLIER = Math.log(1e-2);
/** No mode is ever less probable, so that each can come back. */
const LEAST_WEIGHT = 1e-8;
/** What a mode begins a sample with may lack parts of less than this share of its probability. */
const NEGLIGIBLE = 1e-5;

/** All modes with one belief. */
export function newBank({ start }: ModeSet, belief: Gaussian): Bank {
  return { weights: start.slice(), parts: Array.from(start, () => belief) };
}

/** The same probabilities, the same belief in each mode. */
export function resetBank({ weights }: Bank, belief: Gaussian): Bank {
  return { weights, parts: Array.from(weights, () => belief) };
}

function normalised(weights: Float64Array): Float64Array {
  return normaliseInPlace(weights.slice());
}

function normaliseInPlace(weights: Float64Array): Float64Array {
  let total = 0;
  for (let k = 0; k < weights.length; k++) total += weights[k]!;
  for (let k = 0; k < weights.length; k++) weights[k]! /= total;
  return weights;
}

function isSame(a: Gaussian, b: Gaussian): boolean {
  return a === b || (a.x.every((v, i) => v === b.x[i]) && a.S.every((v, i) => v === b.S[i]));
}

/** Weights without those that do not count, as shares. */
function thinned(weights: Float64Array): Float64Array {
  const shares = normalised(weights);
  for (let k = 0; k < shares.length; k++) if (!(shares[k]! > NEGLIGIBLE)) shares[k] = 0;
  return normaliseInPlace(shares);
}

/** Parts that count, as one Gaussian. */
const merged = (weights: Float64Array, parts: readonly Gaussian[]): Gaussian =>
  mixFactored(thinned(weights), parts);

/**
 * Carries all modes over a time: each begins with the moments of those that may lead to it.
 *
 * @see Blom & Bar-Shalom 1988
 */
export function predictBank(
  set: ModeSet,
  bank: Bank,
  dtS: number,
  settings: FilterSettings,
): { bank: Bank; calm: Gaussian } {
  const K = set.modes.length;
  // Beliefs that are one and the same (after a start or a search) need no mixing.
  const same = bank.parts.every((part) => isSame(part, bank.parts[0]!));
  const weights = new Float64Array(K);
  const shares = new Float64Array(K * K);
  const from = new Float64Array(K);
  for (let k = 0; k < K; k++) {
    for (let j = 0; j < K; j++) {
      from[j] = bank.weights[j]! * set.transition[j * K + k]!;
      weights[k]! += from[j]!;
    }
    shares.set(thinned(from), k * K);
  }
  const mixed = same ? undefined : mixMoments(shares, bank.parts);
  const parts = set.modes.map((mode, k): Gaussian => {
    const moments = mixed?.[k];
    if (moments !== undefined) {
      predictMoments(moments, dtS, settings, mode);
      const factored = factorMoments(moments);
      if (factored !== undefined) return factored;
    }
    const share = shares.subarray(k * K, k * K + K);
    const start = same ? bank.parts[0]! : mergeFactored(share, bank.parts);
    return predict(start, dtS, settings, mode);
  });
  // A jump that may have been would swamp the curvature over which the model is linearised.
  const calm = merged(
    weights.map((w, k) => (set.modes[k]!.jump > 0 ? 0 : w)),
    parts,
  );
  return { bank: { weights: normalised(weights), parts }, calm };
}

/**
 * Updates each mode on one linearisation; outliers, jumps, ramps and noise compete by their
 * probabilities.
 */
export function updateBank(
  set: ModeSet,
  predicted: Bank,
  observation: Observation,
  lin: Linearisation,
  nominal: Float64Array,
): BankUpdate {
  const { active, settings } = observation;
  // One root for all modes of a noise.
  const noises = new Map<number, { noise: Float64Array; root: Float64Array }>();
  for (const { noiseScale } of set.modes) {
    if (noises.has(noiseScale)) continue;
    const noise = nominal.map((v) => v * noiseScale ** 2);
    noises.set(noiseScale, {
      noise,
      root: noiseRootOf(lin.omega, lin.mean.length, noise, active),
    });
  }
  const updates = predicted.parts.map((part, k) => {
    const { noise, root } = noises.get(set.modes[k]!.noiseScale)!;
    const variance = noise.slice();
    const plain = updateWith(observation, part, lin, variance, root);
    const noiseShare = plain.precision.map((p, i) => p * variance[active[i]!]!);
    const { update, gated } = settings.gate
      ? gateChannels(plain, active, variance, (v) => updateWith(observation, part, lin, v))
      : { update: plain, gated: [] };
    return { plain, update, gated, noiseShare };
  });
  const logs = updates.map(
    ({ update, gated }, k) =>
      Math.log(predicted.weights[k]!) + update.logLikelihood + gated.length * LOG_OUTLIER,
  );
  const top = Math.max(...logs);
  const raw = logs.map((l) => Math.exp(l - top));
  const total = raw.reduce((a, b) => a + b, 0);
  const weights = Float64Array.from(raw, (w) => w / total);
  const mean = (f: (k: number) => number) => weights.reduce((sum, w, k) => sum + w * f(k), 0);
  const means = (f: (k: number) => Float64Array) => {
    const sum = new Float64Array(active.length);
    for (let k = 0; k < weights.length; k++) {
      const of = f(k);
      for (let i = 0; i < sum.length; i++) sum[i]! += weights[k]! * of[i]!;
    }
    return sum;
  };
  const parts = updates.map(({ update }) => ({ x: update.x, S: update.S }));
  return {
    ...merged(weights, parts),
    innovation: means((k) => updates[k]!.update.innovation),
    z: means((k) => updates[k]!.plain.z),
    precision: means((k) => updates[k]!.plain.precision),
    own: means((k) => updates[k]!.update.own),
    nis: mean((k) => updates[k]!.update.nis),
    logLikelihood: top + Math.log(total),
    bank: { weights: normalised(weights.map((w) => Math.max(LEAST_WEIGHT, w))), parts },
    gated: active.filter((o) => mean((k) => (updates[k]!.gated.includes(o) ? 1 : 0)) > 0.5),
    jump: mean((k) => (set.modes[k]!.jump > 0 ? 1 : 0)),
    noiseShare: means((k) => updates[k]!.noiseShare),
    // Under each mode's own noise: a factor that holds leaves nothing to explain.
    noiseExcess: means((k) => {
      const { plain, noiseShare } = updates[k]!;
      return plain.z.map((z, i) => noiseShare[i]! * excessOf(z));
    }),
    scatter: means((k) =>
      updates[k]!.plain.z.map((z) => Math.min(16, (z * set.modes[k]!.noiseScale) ** 2)),
    ),
    noiseScale: Math.sqrt(mean((k) => set.modes[k]!.noiseScale ** 2)),
  };
}
