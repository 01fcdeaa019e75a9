import type { TwinDefinition } from '../../config/index.js';
import type { Sample } from '../types.js';
import { FEWEST_DIFFERENCES, initialNoise } from './initial-noise.js';

/**
 * The first values of channels whose noise the definition leaves out, kept until they are enough: a
 * worker's first passes may bring a handful of samples or one, and what is taken for noise then must
 * not last.
 */
export interface FirstValues {
  /** How many values of each channel the noise that is assumed rests on, m. */
  readonly had: Float64Array;
  /** The first values of each channel, one after the other, m × ENOUGH; `NaN` where none has come yet. */
  readonly values: Float64Array;
}

/** Values from which a channel's noise is taken as told. */
export const ENOUGH = 30;
/** What a reading is taken to be off by, as a share of its size, where too few values tell. */
const COARSE = 1e-2;
/** So many values' worth of doubt widens what few values say. */
const DOUBT = 4;

const finite = (samples: readonly Sample[], channel: number) =>
  samples.map((s) => s.measured[channel]!).filter(Number.isFinite);

/**
 * Sensor noise as {@link initialNoise}, but rather too large where values are few: too small a noise
 * makes bands that hold nothing, one that is too large only lasts until more values come.
 *
 * @returns standard deviation per measured variable
 */
export function cautiousNoise(
  definition: TwinDefinition,
  samples: readonly Sample[],
): Float64Array {
  return initialNoise(definition, samples).map((std, channel) => {
    const values = finite(samples, channel);
    const n = values.length;
    if (definition.measured[channel]!.noiseStd !== undefined || n === 0 || n >= ENOUGH) return std;
    if (n > FEWEST_DIFFERENCES) return std * (1 + DOUBT / n);
    const size = Math.max(...values.map(Math.abs)) || 1;
    const steps = values.slice(1).map((v, k) => Math.abs(v - values[k]!));
    return Math.max(std, COARSE * size, ...steps);
  });
}

/** What is kept after a first estimate from `samples`; undefined where they are enough. */
export function firstValues(
  { measured }: TwinDefinition,
  samples: readonly Sample[],
): FirstValues | undefined {
  const had = Float64Array.from(measured, ({ noiseStd }, channel) =>
    noiseStd === undefined ? finite(samples, channel).length : ENOUGH,
  );
  if (had.every((n) => n >= ENOUGH)) return undefined;
  return { had, values: new Float64Array(measured.length * ENOUGH).fill(Number.NaN) };
}

/**
 * Takes a sample's values, and what they with those before say of the noise.
 *
 * @param measured of the sample, `NaN` where a channel has no value
 * @returns `noiseStd` per channel where it is estimated anew, else `NaN`; `first` is undefined once all
 *   channels have told enough
 */
export function withFirstValues(
  definition: TwinDefinition,
  first: FirstValues,
  measured: Float64Array,
): { first: FirstValues | undefined; noiseStd: Float64Array } {
  const m = measured.length;
  const values = first.values.slice();
  const had = first.had.slice();
  const counts = Array.from({ length: m }, (_, o) => {
    const at = o * ENOUGH;
    const free = values.subarray(at, at + ENOUGH).findIndex(Number.isNaN);
    if (free < 0 || had[o]! >= ENOUGH) return ENOUGH;
    if (!Number.isFinite(measured[o]!)) return free;
    values[at + free] = measured[o]!;
    return free + 1;
  });
  const anew = counts.map((n, o) => had[o]! < ENOUGH && n > had[o]!);
  if (!anew.some(Boolean)) {
    return { first: { had, values }, noiseStd: new Float64Array(m).fill(Number.NaN) };
  }
  const samples = Array.from({ length: ENOUGH }, (_, k) => ({
    timeS: k,
    inputs: new Float64Array(),
    measured: Float64Array.from({ length: m }, (__, o) => values[o * ENOUGH + k]!),
  }));
  const noiseStd = cautiousNoise(definition, samples).map((std, o) => {
    if (!anew[o]) return Number.NaN;
    had[o] = counts[o]!;
    return std;
  });
  const done = had.every((n) => n >= ENOUGH);
  return { first: done ? undefined : { had, values }, noiseStd };
}

/**
 * The noise by which a sample's values are taken: of a channel that had none before it is as large as the
 * reading, which tells its size and nothing of its noise.
 *
 * @param noise what is assumed, per channel; the same array where no channel has its first value
 */
export function noiseOfFirstValue(
  first: FirstValues,
  noise: Float64Array,
  measured: Float64Array,
): Float64Array {
  const isFirst = (o: number) => first.had[o] === 0 && Number.isFinite(measured[o]!);
  if (!measured.some((_, o) => isFirst(o))) return noise;
  return noise.map((std, o) => (isFirst(o) ? Math.max(std, Math.abs(measured[o]!) || 1) : std));
}

/** Channels whose noise rests on too few values to be more than a guess. */
export function guessedNoise(first: FirstValues | undefined): number[] {
  return [...(first?.had.keys() ?? [])].filter((o) => first!.had[o]! <= FEWEST_DIFFERENCES);
}
