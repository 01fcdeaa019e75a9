import type { OutlookSeries } from './protocol.js';

/** A time to come, rounded as for a heading: `about 10 hours`. */
export function aboutText(seconds: number): string {
  const minutes = seconds / 60;
  if (minutes < 90) return `about ${Math.max(5, 5 * Math.round(minutes / 5))} minutes`;
  const hours = minutes / 60;
  if (hours < 36) return `about ${Math.round(hours)} hours`;
  return `about ${Math.round(hours / 24)} days`;
}

/** A time to come, for tables: `10 h`, `2 d 2 h`. */
export function aheadText(seconds: number | null): string {
  if (seconds === null) return 'later';
  if (seconds < 60) return 'now';
  const hours = Math.round(seconds / 3600);
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  const days = Math.floor(hours / 24);
  if (days === 0) return `${hours} h`;
  return hours % 24 === 0 ? `${days} d` : `${days} d ${hours % 24} h`;
}

/** Whether courses end before now: the twin has not been asked since. */
export const hasEnded = (horizonS: number): boolean => horizonS < 60;

/** A probability as people say it; courses are a few hundred, so that the ends stay open. */
export function chanceText(p: number): string {
  if (p < 0.01) return 'under 1 %';
  if (p > 0.99) return 'over 99 %';
  return `${Math.round(100 * p)} %`;
}

/**
 * When a limit is reached from now, with its 80 % interval.
 *
 * @param horizonS seconds from now to the end of the courses
 * @param sinceS seconds from their beginning to now
 */
export function reachedText(
  { reachedS, passed }: OutlookSeries,
  horizonS: number,
  sinceS: number,
): string {
  if (reachedS === undefined || passed === undefined) return '';
  const [early, middle, late] = reachedS.map((s) => (s === null ? null : Math.max(0, s - sinceS)));
  if (early === undefined || middle === undefined || late === undefined) return '';
  const chance = passed.at(-1) ?? 0;
  const ended = hasEnded(horizonS);
  if (chance < 0.01)
    return ended ? 'not until the forecast ended' : `not in ${aheadText(horizonS)}`;
  if (late === 0) return 'passed';
  if (middle === 0) return 'perhaps already';
  const least = early === 0 ? 'now' : aheadText(early);
  const interval =
    early === null ? '' : ` (${least} – ${late === null ? 'later' : aheadText(late)}, 80 %)`;
  if (middle !== null) return `${aheadText(middle)}${interval}`;
  return `${chanceText(chance)} ${ended ? 'until the forecast ended' : `within ${aheadText(horizonS)}`}`;
}

/** The probability of having passed the limit by a time ahead, linear between the times known. */
export function passedBy(passed: readonly number[], x: readonly number[], atX: number): number {
  const after = x.findIndex((v) => v >= atX);
  if (after < 0) return passed.at(-1) ?? 0;
  if (after === 0) return passed[0] ?? 0;
  const [x0, x1] = [x[after - 1] ?? 0, x[after] ?? 0];
  const [p0, p1] = [passed[after - 1] ?? 0, passed[after] ?? 0];
  return p0 + ((atX - x0) / (x1 - x0)) * (p1 - p0);
}
