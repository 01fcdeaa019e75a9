import { chiSquareSurvival } from '../../kalman/index.js';
import type { UpdateResult } from './gaussian-update.js';

/** Leave-one-out residual, in standard deviations, from which a channel contradicts the others. */
const GATE_Z = 4;
/** Channels that may lose their weight at one sample. */
const GATE_MOST = 4;
/** A gated channel keeps this many times its standard deviation; … */
const GATE_WIDEN = 30;
/** … a lone one that is further off than that bears, as no sensor is by noise, as many as it is off. */
const FAR = GATE_WIDEN ** 2;
/** Beyond, variances would overflow. */
const MOST_WIDEN = 1e100;
/** Chance of innovations so large from a consistent filter: a NIS of 60 at nine channels. */
const UNLIKELY = 4e-9;
/** Samples running that a channel was gated, from which it is taken for faulty. */
const SUSPICIOUS = 2;

/** Search every 16th unexplained sample: a search costs about 16 normal steps. */
const SEARCH_EACH = 16;

/**
 * Whether a change is searched for, which costs hundreds of model runs: soon again at first, and
 * never more than 16 samples later.
 *
 * @param unexplained samples running before this one
 */
export function isSearched(unexplained: number): boolean {
  const powerOfTwo = (unexplained & (unexplained - 1)) === 0; // 0 as well
  return unexplained >= 0 && (powerOfTwo || unexplained % SEARCH_EACH === 0);
}

/** The chance of innovations at least so large; certain where no channel is there to surprise. */
export function chanceOf(nis: number, channels: number): number {
  return channels === 0 ? 1 : chiSquareSurvival(nis, channels);
}

/** Whether innovations are larger than chance allows. */
export function isUnlikely(nis: number, channels: number): boolean {
  return chanceOf(nis, channels) < UNLIKELY;
}

/** Variances per channel, those of gated channels raised. */
export function widened(variance: Float64Array, gated: readonly number[]): Float64Array {
  return variance.map((v, o) => (gated.includes(o) ? v * GATE_WIDEN ** 2 : v));
}

/**
 * Takes weight from the channels that contradict all others, the worst first.
 *
 * @param update with all channels at their own noise
 * @param variance per channel; those of gated channels are raised in it
 * @param updateWith does the update again with other variances
 */
export function gateChannels(
  update: UpdateResult,
  active: readonly number[],
  variance: Float64Array,
  updateWith: (variance: Float64Array) => UpdateResult,
): { update: UpdateResult; gated: number[] } {
  const lone = loneFar(update, active, variance, updateWith);
  if (lone !== undefined) return lone;
  const gated: number[] = [];
  let last = update;
  while (gated.length < GATE_MOST) {
    const worst = worstOf(last.z, active, gated);
    if (worst < 0) break;
    const channel = active[worst]!;
    gated.push(channel);
    variance[channel]! *= GATE_WIDEN ** 2;
    last = updateWith(variance);
  }
  return { update: last, gated };
}

/** The place of the channel that contradicts the others most; below 0 where none does. */
function worstOf(z: Float64Array, active: readonly number[], gated: readonly number[]): number {
  let worst = -1;
  z.forEach((v, i) => {
    if (gated.includes(active[i]!)) return;
    if (Math.abs(v) > GATE_Z && (worst < 0 || Math.abs(v) > Math.abs(z[worst]!))) worst = i;
  });
  return worst;
}

/** One channel that is so far off that it would pull even when gated, where all others then agree. */
function loneFar(
  { z }: UpdateResult,
  active: readonly number[],
  variance: Float64Array,
  updateWith: (variance: Float64Array) => UpdateResult,
): { update: UpdateResult; gated: number[] } | undefined {
  const worst = worstOf(z, active, []);
  if (worst < 0 || Math.abs(z[worst]!) <= FAR) return;
  const channel = active[worst]!;
  const widen = Math.min(Math.abs(z[worst]!), MOST_WIDEN) ** 2;
  const wide = variance.map((v, o) => (o === channel ? v * widen : v));
  const update = updateWith(wide);
  if (worstOf(update.z, active, [channel]) >= 0) return;
  variance[channel] = wide[channel]!;
  return { update, gated: [channel] };
}

/**
 * After a change of the machine every channel counts again, but those that were suspicious before it
 * and that not even the change explains.
 *
 * @param update with all channels at their own noise
 * @param suspicion how many samples running each channel was gated before
 * @param variance per channel; those of gated channels are raised in it
 * @param updateWith does the update again with other variances
 */
export function regateChannels(
  update: UpdateResult,
  active: readonly number[],
  suspicion: Float64Array,
  variance: Float64Array,
  updateWith: (variance: Float64Array) => UpdateResult,
): { update: UpdateResult; gated: number[] } {
  // A lone channel contradicts no other.
  if (active.length === 1) return { update, gated: [] };
  const gated = active
    .filter((o, i) => suspicion[o]! >= SUSPICIOUS && Math.abs(update.z[i]!) > GATE_Z)
    .slice(0, GATE_MOST);
  for (const o of gated) variance[o]! *= GATE_WIDEN ** 2;
  return { update: gated.length > 0 ? updateWith(variance) : update, gated };
}

/**
 * Whether the machine has changed, not a sensor: the rest's NIS, three channels gated at once, or
 * one for three samples running; where two stay gated, again and again, as two sensors seldom fail
 * together.
 *
 * @param nis with the gated channels at little weight
 * @param suspicion how many samples running each channel was gated before
 */
export function isRegimeChange(
  nis: number,
  active: readonly number[],
  gated: readonly number[],
  suspicion: Float64Array,
): boolean {
  const lone = active.length === 1;
  return (
    (!lone && isUnlikely(nis, active.length)) ||
    (!lone && gated.length >= Math.min(3, active.length)) ||
    gated.some((o) => suspicion[o]! === SUSPICIOUS) ||
    (gated.length > 1 && gated.every((o) => isSearched(suspicion[o]! - SUSPICIOUS)))
  );
}
