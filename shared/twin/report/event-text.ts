import { durationText, secondsText } from '../../core/index.js';
import type { MachineEvent, MachineGap } from './machine-events.js';

/** Events that are told one by one. */
const MOST = 10;

/** Seconds from which their parts are left out. */
const WHOLE_S = 100;

/** Whole seconds, and three digits of few: a fast machine's whole record may last 0.02 s. */
const elapsedText = (s: number) =>
  secondsText(Math.abs(s) < WHOLE_S ? Number(s.toPrecision(3)) : Math.round(s));

/**
 * When something happened that the model lacks, from the run's first sample on.
 *
 * @param firstS time of the run's first sample
 */
export function eventRows(events: readonly MachineEvent[], firstS: number): string[][] {
  const at = (timeS: number) => elapsedText(timeS - firstS);
  return events.map(({ sinceS, untilS, foundS }) => [
    at(sinceS),
    untilS === undefined ? 'lasts' : at(untilS),
    durationText(foundS - sinceS),
  ]);
}

/** The same in lines. */
export function eventLines(events: readonly MachineEvent[], firstS: number): string[] {
  if (events.length === 0) return [];
  const spans = eventRows(events.slice(0, MOST), firstS).map(([since, until]) =>
    until === 'lasts' ? `since ${since}` : `${since} to ${until}`,
  );
  const more = events.length > MOST ? [`${events.length - MOST} more (summary.events)`] : [];
  return [
    `  ${events.length} event${events.length === 1 ? '' : 's'} that the model lacks, parameters kept meanwhile; after the first sample: ${[...spans, ...more].join(', ')}`,
  ];
}

/** What becomes of a moving machine's states after a gap: a filter may keep something of them, a fit's run does not. */
const AFTER_GAP = {
  filter: 'states are widened by what inputs may have done, or begin anew after long ones',
  fit: 'states begin anew',
} as const;

/** The times without samples in which nothing tells what drove a moving machine, in a line. */
export function gapLines(
  gaps: readonly MachineGap[],
  firstS: number,
  by: keyof typeof AFTER_GAP,
): string[] {
  if (gaps.length === 0) return [];
  const at = (timeS: number) => elapsedText(timeS - firstS);
  const spans = gaps.slice(0, MOST).map((g) => `${at(g.sinceS)} to ${at(g.untilS)}`);
  const more = gaps.length > MOST ? [`${gaps.length - MOST} more (summary.gaps)`] : [];
  return [
    `  ${gaps.length} gap${gaps.length === 1 ? '' : 's'} without samples, in which nothing tells what drove the machine: ${AFTER_GAP[by]}; after the first sample: ${[...spans, ...more].join(', ')}`,
  ];
}
