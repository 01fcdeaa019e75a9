import type { TwinDefinition } from '../config/index.js';
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
