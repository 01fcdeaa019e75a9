import type { TwinDefinition } from '../config/index.js';
import type { FilterStep } from './filter.js';
import type { Sample } from './types.js';

/** Share of a value's size that a sensor's noise is taken for while nothing is known. */
const UNKNOWN_NOISE = 1e-4;
/** Successive differences that an estimate needs. */
const FEWEST_DIFFERENCES = 8;

/**
 * Sensor noise to begin with: from the definition, or else from the median absolute difference of
 * successive samples (robust against outliers and steps, blind to slow changes).
 *
 * @returns standard deviation per measured variable
 */
export function initialNoise(definition: TwinDefinition, samples: readonly Sample[]): Float64Array {
  return Float64Array.from(definition.measured, (channel, i) => {
    if (channel.noiseStd !== undefined) return channel.noiseStd;
    const values = samples.map((s) => s.measured[i]!).filter(Number.isFinite);
    const size = Math.max(...values.map(Math.abs), 0) || 1;
    const differences = values.slice(1).map((v, k) => Math.abs(v - values[k]!));
    differences.sort((a, b) => a - b);
    // 1.4826 turns a Gaussian's median absolute deviation into σ; a difference has twice the variance.
    const sigma = (1.4826 / Math.SQRT2) * (differences[differences.length >> 1] ?? 0);
    return differences.length >= FEWEST_DIFFERENCES
      ? Math.max(sigma, 1e-7 * size)
      : UNKNOWN_NOISE * size;
  });
}

/** How fast the assumed noise follows the residuals, per sample. */
const NOISE_GAIN = 0.005;
/** A residual counts with at most so many standard deviations. */
const CLIP = 4;

/**
 * The assumed noise after a sample: what is left of each channel once all others are known,
 * squared, against what it should be, weighted by the share that the sensor's noise has in it.
 * So a trend's noise that is too large or too small is not taken for the sensors'. Channels whose
 * noise the definition gives keep their ratio to each other.
 *
 * @param noiseStd standard deviations so far, per measured variable
 * @param sampleCount samples before this one
 * @see Mohamed & Schwarz, Adaptive Kalman filtering for INS/GPS, Journal of Geodesy 73 (1999),
 *   for the residual-based form
 */
export function adaptNoise(
  definition: TwinDefinition,
  noiseStd: Float64Array,
  filtered: FilterStep,
  sampleCount: number,
): Float64Array {
  const excess = filtered.z.map(
    (z, i) => filtered.noiseShare[i]! * (Math.min(CLIP, Math.abs(z)) ** 2 - 1),
  );
  const given = filtered.active.filter((o) => definition.measured[o]!.noiseStd !== undefined);
  const mean =
    filtered.active.reduce((sum, o, i) => sum + (given.includes(o) ? excess[i]! : 0), 0) /
    Math.max(1, given.length);
  return noiseStd.map((std, o) => {
    const i = filtered.active.indexOf(o);
    const own = definition.measured[o]!.noiseStd === undefined;
    if (own && i < 0) return std;
    const gain = own ? Math.max(NOISE_GAIN, 1 / (10 + sampleCount)) : NOISE_GAIN;
    return std * Math.exp(0.5 * gain * (own ? excess[i]! : mean));
  });
}
