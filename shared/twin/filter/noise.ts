import type { TwinDefinition } from '../../config/index.js';
import { upperMedian } from '../../core/index.js';
import type { Sample } from '../types.js';
import type { FilterStep } from './step.js';

/** Share of a value's size that a sensor's noise is taken for while nothing is known. */
const UNKNOWN_NOISE = 1e-4;
/** Successive differences that an estimate needs. */
export const FEWEST_DIFFERENCES = 8;
/** A value repeated so often to its last bit is a machine at rest or a register that stands. */
const PLATEAU = 10;
/** A uniform error as wide as one step of a sensor's resolution has this standard deviation. */
const OF_RESOLUTION = 1 / Math.sqrt(12);
/** How far from a whole number of steps rounding may leave a value. */
const OFF_STEP = 0.01;
/** Variance of white noise's successive differences of order 1, 2, 3, …: C(2k, k) times its own. */
const GAIN = [2, 6, 20, 70] as const;
const MOST_DIFFERENCES = GAIN.length;

/**
 * Sensor noise to begin with: from the definition, or else from the median absolute difference of
 * successive samples (robust against outliers and steps, blind to slow changes); of a moving
 * machine's samples, or under inputs that change, from the order of differences up to the fourth that
 * gives the least. Where one value stands for long the noise does not show, so that such rows are left
 * out; and no noise is below what the sensor's resolution lets through.
 *
 * @returns standard deviation per measured variable
 */
export function initialNoise(definition: TwinDefinition, samples: readonly Sample[]): Float64Array {
  return Float64Array.from(definition.measured, (channel, i) => {
    if (channel.noiseStd !== undefined) return channel.noiseStd;
    const values = samples.map((s) => s.measured[i]!).filter(Number.isFinite);
    const stands = plateaus(values);
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
      // Only a difference between rows that move tells of noise.
      const moving = differences.filter((_, k) => !stands.slice(k, k + order + 1).some(Boolean));
      if (moving.length < FEWEST_DIFFERENCES) break;
      sigmas.push(medianDeviation(moving) / Math.sqrt(GAIN[order - 1]!));
    }
    const found = sigmas.length > 0 ? Math.min(...sigmas) : UNKNOWN_NOISE * size;
    return Math.max(found, OF_RESOLUTION * resolution(values), 1e-7 * size);
  });
}

/** Which values are part of a run of one and the same, too long for chance. */
function plateaus(values: readonly number[]): boolean[] {
  const stands = values.map(() => false);
  for (let from = 0; from < values.length; ) {
    let to = from + 1;
    while (to < values.length && values[to] === values[from]) to++;
    if (to - from >= PLATEAU) stands.fill(true, from, to);
    from = to;
  }
  return stands;
}

/** The sensor's step, where all values that came lie whole steps apart; else 0. */
function resolution(values: readonly number[]): number {
  const distinct = [...new Set(values)].sort((a, b) => a - b);
  if (distinct.length < FEWEST_DIFFERENCES) return 0;
  let least = Number.POSITIVE_INFINITY;
  for (let k = 1; k < distinct.length; k++) {
    least = Math.min(least, distinct[k]! - distinct[k - 1]!);
  }
  const isWhole = (v: number) => {
    const steps = (v - distinct[0]!) / least;
    return Math.abs(steps - Math.round(steps)) < OFF_STEP;
  };
  return distinct.every(isWhole) ? least : 0;
}

/** How fast the assumed noise follows the residuals, per sample. */
const NOISE_GAIN = 0.005;
/** A residual counts with at most so many standard deviations: up and down alike. */
const CLIP = 2;
/** What the square of a standard Gaussian clipped there falls short of 1. */
const CLIPPED = 0.0795;
/** How strongly noise returns to what it was taken for, where the residuals tell nothing about it. */
const RETURN = 0.1;
/** Noise is at most so many times what it was taken for, or as little. */
const MOST = 10;

/** By how much a residual's square is beyond its expectation: 0 on average for the right noise. */
export function excessOf(z: number): number {
  return Math.min(CLIP, Math.abs(z)) ** 2 + CLIPPED - 1;
}

/**
 * The assumed noise after a sample: what is left of each channel once all others are known,
 * squared, against what it should be, weighted by the share that the sensor's noise has in it.
 * So a trend's noise that is too large or too small is not taken for the sensors'. Where that share
 * is small the data say little of the noise, and it returns to what it was taken for at first; it never
 * leaves a tenth to ten times that. Squares are clipped where they pull up by 3 and down by 1, so that no
 * burst raises the noise further than as many calm samples lower it. Channels whose noise the
 * definition gives keep their ratio to each other.
 *
 * @param noiseStd standard deviations so far, per measured variable
 * @param first what they were taken for at first, where the definition does not say
 * @param sampleCount samples before this one
 * @see Mohamed & Schwarz, Adaptive Kalman filtering for INS/GPS, Journal of Geodesy 73 (1999),
 *   for the residual-based form
 */
export function adaptNoise(
  definition: TwinDefinition,
  noiseStd: Float64Array,
  filtered: FilterStep,
  sampleCount: number,
  first?: Float64Array,
): Float64Array {
  const stated = (o: number) => definition.measured[o]!.noiseStd ?? first?.[o];
  const excess = filtered.z.map((z, i) => {
    const share = filtered.noiseShare[i]!;
    const o = filtered.active[i]!;
    const away = 2 * Math.log(noiseStd[o]! / (stated(o) ?? noiseStd[o]!));
    return (filtered.noiseExcess?.[i] ?? share * excessOf(z)) - RETURN * (1 - share) * away;
  });
  const given = filtered.active.filter((o) => definition.measured[o]!.noiseStd !== undefined);
  const mean =
    filtered.active.reduce((sum, o, i) => sum + (given.includes(o) ? excess[i]! : 0), 0) /
    Math.max(1, given.length);
  return noiseStd.map((std, o) => {
    const i = filtered.active.indexOf(o);
    const own = definition.measured[o]!.noiseStd === undefined;
    if (own && i < 0) return std;
    const gain = own ? Math.max(NOISE_GAIN, 1 / (10 + sampleCount)) : NOISE_GAIN;
    const next = std * Math.exp(0.5 * gain * (own ? excess[i]! : mean));
    const from = stated(o);
    return from === undefined ? next : Math.min(MOST * from, Math.max(from / MOST, next));
  });
}

/** Standard deviation of a Gaussian about zero, from the median of its absolute values. */
function medianDeviation(values: readonly number[]): number {
  return 1.4826 * upperMedian(values.map(Math.abs));
}
