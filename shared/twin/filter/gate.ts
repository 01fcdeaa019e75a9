import type { UpdateResult } from './gaussian-update.js';

/** Leave-one-out residual, in standard deviations, from which a channel contradicts the others. */
export const GATE_Z = 4;
/** Channels that may lose their weight at one sample. */
export const GATE_MOST = 4;
/** A gated channel keeps this many times its standard deviation. */
export const GATE_WIDEN = 30;
/** One in about 1e9 for a consistent filter: 60 at nine channels. */
const REGIME_NORMAL = 5.77;

/** Of many samples that stay unexplained each so-manieth is searched: it doubles their runs. */
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

/** Quantile of chi-square by Wilson and Hilferty (1931). */
export function chiSquareAt(dof: number, z: number): number {
  const c = 2 / (9 * dof);
  return dof * (1 - c + z * Math.sqrt(c)) ** 3;
}

/** Whether innovations are larger than chance allows. */
export function isUnlikely(nis: number, channels: number): boolean {
  return nis > chiSquareAt(channels, REGIME_NORMAL);
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
  const gated: number[] = [];
  let last = update;
  while (gated.length < GATE_MOST) {
    let worst = -1;
    last.z.forEach((z, i) => {
      if (gated.includes(active[i]!)) return;
      if (Math.abs(z) > GATE_Z && (worst < 0 || Math.abs(z) > Math.abs(last.z[worst]!))) worst = i;
    });
    if (worst < 0) break;
    const channel = active[worst]!;
    gated.push(channel);
    variance[channel]! *= GATE_WIDEN ** 2;
    last = updateWith(variance);
  }
  return { update: last, gated };
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
    gated.some((o) => suspicion[o]! === 2) ||
    (gated.length > 1 && gated.every((o) => isSearched(suspicion[o]! - 2)))
  );
}
