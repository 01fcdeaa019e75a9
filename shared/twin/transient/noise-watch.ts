import type { TwinDefinition } from '../../config/index.js';
import { BAND_OF_NIS, countedNis, isNisOff } from '../filter/nis.js';
import type { FilterState } from '../state/filter-state.js';
import type { EventMemory } from './events.js';
import { isEvent, isSumCalm } from './events.js';

/**
 * What innovations of the states alone say of the noise since the newest fit found it, as a vector that
 * states store: see the fields below.
 */
export type NoiseWatch = Float64Array;

/** Weighted sums of NIS, of channels, and of the channels' squared weights, over the newest samples … */
const [NIS, CHANNELS, SQUARES] = [0, 1, 2] as const;
/** … the samples counted, and since when their mean has been out of its band, s; `NaN` while it is not. */
const [COUNT, SINCE] = [3, 4] as const;
/** Logarithm of the factor on standard deviations that follows. */
const TRUST = 5;
/** NIS, channels and samples of what may turn out to be the beginning of an event. */
const [HELD_NIS, HELD_CHANNELS, HELD_COUNT] = [6, 7, 8] as const;
const FIELDS = 9;

/** About so many of the newest samples count. */
const SPAN = 500;
const FORGET = 1 - 1 / SPAN;
/** Samples that a word about the noise needs. */
const FEWEST = 100;
/** Noise returns to what the fit found with this share of the speed at which it follows the innovations. */
const RETURN = 0.1;
/** Noise is at most so many times what the fit found, or as little. */
const MOST = 3;

/** Before any sample, and after a fit that found the noise. */
export function newNoiseWatch(): NoiseWatch {
  const watch = new Float64Array(FIELDS);
  watch[SINCE] = Number.NaN;
  return watch;
}

/** Factor on the standard deviations that a fit found. */
export const trustOf = (watch: NoiseWatch | undefined): number =>
  watch?.length === FIELDS ? Math.exp(watch[TRUST]!) : 1;

/** The sensors' noise with what innovations said of it since the newest fit found it; as stated where it is. */
export function trustedNoise(
  { measured }: Pick<TwinDefinition, 'measured'>,
  { noiseStd, transient }: Pick<FilterState, 'noiseStd' | 'transient'>,
): Float64Array {
  const trust = trustOf(transient?.noiseWatch);
  return noiseStd.map((s, i) => (measured[i]!.noiseStd === undefined ? s * trust : s));
}

/** What there is to say of noise that is not right. */
export interface NoiseFinding {
  /** The sample at which it was found, s. */
  sinceS: number;
  /** Mean NIS per channel of about the newest 500 samples. */
  nis: number;
}

/** That the states' noise is not right; undefined while it is. */
export function noiseFinding(watch: NoiseWatch | undefined): NoiseFinding | undefined {
  if (watch?.length !== FIELDS || Number.isNaN(watch[SINCE]!)) return undefined;
  return { sinceS: watch[SINCE]!, nis: watch[NIS]! / watch[CHANNELS]! };
}

/**
 * Takes a sample's innovations of the states, the constants held. What may be the beginning of an event
 * is held back until the sums of the search are calm again, or left out with the event.
 *
 * The noise follows with the weight of the samples that the fit found it from: as much as many new ones
 * say. It is pulled back at every point, stays within a third to three times what the fit found, and the
 * next fit takes its place.
 *
 * @param sample its NIS, and of how many channels that is: none where it tells nothing of the noise
 * @param samples that the newest fit found the noise from
 * @see Mehra, On the identification of variances and adaptive Kalman filtering (1970)
 */
export function watchNoise(
  before: NoiseWatch | undefined,
  events: EventMemory,
  sample: { timeS: number; nis: number; channels: number },
  samples: number,
): NoiseWatch {
  const watch = before?.length === FIELDS ? before.slice() : newNoiseWatch();
  const dropHeld = () => watch.fill(0, HELD_NIS, HELD_COUNT + 1);
  if (isEvent(events)) {
    dropHeld();
    return watch;
  }
  if (sample.channels === 0) return watch;
  watch[HELD_NIS]! += countedNis(sample.nis, sample.channels);
  watch[HELD_CHANNELS]! += sample.channels;
  watch[HELD_COUNT]!++;
  if (!isSumCalm(events)) return watch;
  const kept = FORGET ** watch[HELD_COUNT]!;
  const channels = watch[HELD_CHANNELS]!;
  const excess = watch[HELD_NIS]! - channels;
  watch[NIS] = kept * watch[NIS]! + watch[HELD_NIS]!;
  watch[CHANNELS] = kept * watch[CHANNELS]! + channels;
  watch[SQUARES] = kept ** 2 * watch[SQUARES]! + channels;
  watch[COUNT]! += watch[HELD_COUNT]!;
  const gain = 1 / Math.max(FEWEST, samples);
  const perChannel = channels / watch[HELD_COUNT]!;
  const pull = RETURN * watch[HELD_COUNT]! * watch[TRUST]!;
  const next = watch[TRUST]! + gain * (excess / (2 * perChannel) - pull);
  watch[TRUST] = Math.max(-Math.log(MOST), Math.min(Math.log(MOST), next));
  dropHeld();
  if (watch[COUNT]! < FEWEST) return watch;
  const mean = watch[NIS]! / watch[CHANNELS]!;
  const independent = watch[CHANNELS]! ** 2 / watch[SQUARES]!;
  const inside = mean >= BAND_OF_NIS[0] && mean <= BAND_OF_NIS[1];
  if (inside) watch[SINCE] = Number.NaN;
  else if (Number.isNaN(watch[SINCE]!) && isNisOff(mean, independent)) watch[SINCE] = sample.timeS;
  return watch;
}
