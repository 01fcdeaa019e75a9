import { evidenceOf, offsetOf } from '../filter/companions.js';
import type { FilterState } from '../state/filter-state.js';
import { chanceBeside, misfitOf, offsetsOf, redundancyFinding } from './redundancy.js';

/** A sensor that is off, by what all of them say of each other. */
export interface FaultySensor {
  channel: number;
  /** Offset, in its noise. */
  size: number;
  /** How far its residuals are from chance. */
  deviations: number;
  /** Channels whose offset would explain the residuals as well, with other parameters. */
  others: number[];
  /**
   * Channels that can no longer be gone by, with their offsets: this one where it is far more probable
   * than the others; those as well where that cannot be told for long.
   */
  leaveOut: { channel: number; size: number }[];
}

/** Deviations from chance that are unusual for a sensor that is right, beside other evidence. */
const UNUSUAL = 3;
/** Log probability of an offset, against none, that speaks where residuals are unusual. */
const PROBABLE = 7;
/** Chance of what is left, below which no one sensor explains the residuals. */
const ALONE = 0.01;
/** Log probability by which one channel's offset is more probable than another's. */
const FAR_MORE = 2;
/** The same that leaves no doubt: a hundred to one. Channels within it are named beside the likeliest. */
const NO_DOUBT = 4.6;
/** Deviations from chance after which it is no longer waited for which of several channels it is. */
const LONG_ENOUGH = 8;

/**
 * The sensor that is off, where one is found and explains all residuals. Whether one is tells the part
 * of the residuals that no parameters explain; which, where several would do, tell the companions: with
 * a wrong one the machine must have changed as well.
 */
export function faultySensor(state: FilterState): FaultySensor | undefined {
  const { redundancy, leftOut, noiseStd } = state;
  if (redundancy === undefined) return undefined;
  const m = noiseStd.length;
  const found = redundancyFinding(redundancy, m);
  if (found.kind === 'model') return undefined;
  const evidence = (c: number) => (leftOut ? evidenceOf(leftOut.companions, c) : 0);
  const candidates = offsetsOf(redundancy, m)
    .filter((c) => Math.abs(c.deviations) > UNUSUAL)
    .sort((a, b) => evidence(b.channel) - evidence(a.channel));
  const [best, ...others] = candidates;
  if (best === undefined) return undefined;
  const most = evidence(best.channel);
  if (found.kind === 'none' && most < PROBABLE) return undefined;
  const explains = chanceBeside(misfitOf(redundancy, m), best) >= ALONE;
  if (found.kind === 'none' && !explains) return undefined;
  const alike = others.filter((c) => evidence(c.channel) > most - FAR_MORE);
  const sized = [best, ...alike].map(({ channel, size }) => {
    const probable = leftOut !== undefined && evidence(channel) > 0;
    return { channel, size: probable ? offsetOf(leftOut.companions, channel) : size };
  });
  const heard = state.faults.filter((f, c) => f === 0 && leftOut?.offset[c] === 0).length;
  const long = Math.abs(best.deviations) > LONG_ENOUGH;
  const leaveOut = !explains || (alike.length > 0 && !long) ? [] : sized;
  return {
    ...best,
    size: sized[0]!.size,
    others: others.filter((c) => evidence(c.channel) > most - NO_DOUBT).map((c) => c.channel),
    // With all of them out nothing would be left to go by.
    leaveOut: leaveOut.length < heard ? leaveOut : leaveOut.slice(0, 1),
  };
}
