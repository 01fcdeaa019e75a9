import type { TwinDefinition } from '../../config/index.js';
import type { Sample } from '../types.js';
import type { FilterStep } from './step.js';

/** Share of a value's size that a sensor's noise is taken for while nothing is known. */
const UNKNOWN_NOISE = 1e-4;
/** Successive differences that an estimate needs. */
const FEWEST_DIFFERENCES = 8;
/** Variance of white noise's successive differences of order 1, 2, 3, …: C(2k, k) times its own. */
const GAIN = [2, 6, 20, 70] as const;
const MOST_DIFFERENCES = GAIN.length;

/**
 * Sensor noise to begin with: from the definition, or else from the median absolute difference of
 * successive samples (robust against outliers and steps, blind to slow changes); of a moving
 * machine's samples, or under inputs that change, from the order of differences up to the fourth that gives the least.
 *
 * @returns standard deviation per measured variable
 */
export function initialNoise(definition: TwinDefinition, samples: readonly Sample[]): Float64Array {
  return Float64Array.from(definition.measured, (channel, i) => {
    if (channel.noiseStd !== undefined) return channel.noiseStd;
    const values = samples.map((s) => s.measured[i]!).filter(Number.isFinite);
    const size = Math.max(...values.map(Math.abs), 0) || 1;
    // What a moving machine or its inputs do is smooth: higher differences see less of them.
    const still =
      definition.simulation.mode === 'steady-state' &&
      definition.inputs.every((input) => input.value !== undefined);
    const orders = still ? 1 : MOST_DIFFERENCES;
    const sigmas: number[] = [];
    let differences = values;
    for (let order = 1; order <= orders; order++) {
      const before = differences;
      differences = before.slice(1).map((v, k) => v - before[k]!);
      if (differences.length < FEWEST_DIFFERENCES) break;
      sigmas.push(medianDeviation(differences) / Math.sqrt(GAIN[order - 1]!));
    }
    return sigmas.length > 0 ? Math.max(Math.min(...sigmas), 1e-7 * size) : UNKNOWN_NOISE * size;
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

/** Standard deviation of a Gaussian about zero, from the median of its absolute values. */
function medianDeviation(values: readonly number[]): number {
  const sorted = values.map(Math.abs).sort((a, b) => a - b);
  return 1.4826 * sorted[sorted.length >> 1]!;
}
