import type { TwinDefinition } from '../../config/index.js';
import { durationText, upperMedian } from '../../core/index.js';
import type { Sample } from '../types.js';

/** A measured variable whose readings count at later times than their own. */
export interface AgedChannel {
  variable: string;
  /** Median seconds from a reading to the sample that it counts in. */
  ageS: number;
  /** Median seconds between samples. */
  intervalS: number;
}

/** Share of the time between samples from which an age is told: below it, readings are of one scan. */
const LEAST_SHARE = 0.1;
/** Samples from which a median says something. */
const FEWEST = 20;

/**
 * Measured variables of a moving machine whose tags are read at other moments than the others': joined to
 * samples, all count at the newest reading's time.
 */
export function agedChannels(
  { measured, simulation }: Pick<TwinDefinition, 'measured' | 'simulation'>,
  samples: readonly Sample[],
): AgedChannel[] {
  if (simulation.mode === 'steady-state' || samples.length < FEWEST) return [];
  if (samples.every(({ agesS }) => agesS === undefined)) return [];
  const intervalS = upperMedian(samples.slice(1).map((s, k) => s.timeS - samples[k]!.timeS));
  return measured.flatMap(({ variable }, channel) => {
    const ages = samples
      .filter((s) => Number.isFinite(s.measured[channel]!))
      .map(({ agesS }) => agesS?.[channel] ?? 0);
    if (ages.length < FEWEST) return [];
    const ageS = upperMedian(ages);
    return ageS > LEAST_SHARE * intervalS ? [{ variable, ageS, intervalS }] : [];
  });
}

/** What is to be said of such a variable. */
export const agedText = ({ variable, ageS, intervalS }: AgedChannel): string =>
  `readings of ${variable} count at the time of the newest reading beside them, ${durationText(Number(ageS.toPrecision(2)))} after their own, where samples are ${durationText(Number(intervalS.toPrecision(2)))} apart: what moves meanwhile is told by the wrong time; read all tags at one moment`;
