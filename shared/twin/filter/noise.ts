import type { TwinDefinition } from '../../config/index.js';
import type { FilterStep } from './step.js';

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
