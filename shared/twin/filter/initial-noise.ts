import type { TwinDefinition } from '../../config/index.js';
import { upperMedian } from '../../core/index.js';
import type { Sample } from '../types.js';
import { leftOfInputs } from './left-of-inputs.js';

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

/** A share of the noise by which less is no chance of the many ways to look at it. */
const CLEARLY_LESS = 0.7;

/**
 * Sensor noise to begin with: from the definition, or else from the median absolute difference of
 * successive samples (robust against outliers and steps, blind to slow changes); of a moving
 * machine's samples, or under inputs that change, from the order of differences up to the fourth that
 * gives the least. At rest, what inputs that change from sample to sample do is taken off as well. Where one value stands for long the noise does not show, so that such rows are left
 * out; and no noise is below what the sensor's resolution lets through.
 *
 * @returns standard deviation per measured variable
 */
export function initialNoise(definition: TwinDefinition, samples: readonly Sample[]): Float64Array {
  return Float64Array.from(definition.measured, (channel, i) => {
    if (channel.noiseStd !== undefined) return channel.noiseStd;
    const used = samples.filter((s) => Number.isFinite(s.measured[i]!));
    const values = used.map((s) => s.measured[i]!);
    const stands = plateaus(values);
    const size = Math.max(...values.map(Math.abs), 0) || 1;
    // What a moving machine or its inputs do is smooth: higher differences see less of them.
    const rests = definition.simulation.mode === 'steady-state';
    const still = rests && definition.inputs.every((input) => input.value !== undefined);
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
    let found = sigmas.length > 0 ? Math.min(...sigmas) : UNKNOWN_NOISE * size;
    if (rests && !still && sigmas.length > 0) {
      for (const left of leftOfInputs(values, used, stands)) {
        const sigma = medianDeviation(left) / Math.sqrt(GAIN[0]);
        if (sigma < CLEARLY_LESS * found) found = sigma;
      }
    }
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

/** Standard deviation of a Gaussian about zero, from the median of its absolute values. */
function medianDeviation(values: readonly number[]): number {
  return 1.4826 * upperMedian(values.map(Math.abs));
}
