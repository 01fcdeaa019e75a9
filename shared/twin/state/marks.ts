import { nsToSeconds } from '../../core/index.js';
import type { Mark } from './asset-state.js';

/** Earlier states that are kept beside the newest. */
const MOST_MARKS = 16;
/** Checkpoints of earlier states take at most so many bytes in all. */
const MOST_MARK_BYTES = 160_000;

/**
 * Thins the history of an estimate: dense where it is recent, sparse where it is old, nothing older
 * than needed to go back to any instant of the late window. Of two neighbours the one goes that
 * leaves the least gap for its age, so that the state just before an outage stays.
 *
 * @param marks oldest first
 * @param headNs the newest estimate's watermark
 * @param horizonNs the oldest instant that late data may have
 */
export function thinMarks(
  marks: readonly Mark[],
  headNs: bigint,
  horizonNs: bigint,
  most = MOST_MARKS,
  mostBytes = MOST_MARK_BYTES,
): Mark[] {
  const kept = [...marks];
  // The newest of those at or before the horizon serves all that is older.
  while (kept.length > 1 && kept[1]!.abandoned !== true && kept[1]!.watermarkNs <= horizonNs) {
    kept.shift();
  }
  const bytes = () => kept.reduce((sum, m) => sum + m.checkpoint.length, 0);
  while (kept.length > 1 && (kept.length > most || bytes() > mostBytes)) {
    const abandoned = kept.findIndex((m) => m.abandoned === true);
    kept.splice(abandoned >= 0 ? abandoned : leastMissed(kept, headNs), 1);
  }
  return kept;
}

/** The mark whose removal leaves the least gap, measured by its age. */
function leastMissed(marks: readonly Mark[], headNs: bigint): number {
  let least = marks.length - 1;
  let leastGap = Number.POSITIVE_INFINITY;
  for (let i = 1; i < marks.length; i++) {
    const nextNs = marks[i + 1]?.watermarkNs ?? headNs;
    const gapS = nsToSeconds(nextNs - marks[i - 1]!.watermarkNs);
    const ageS = nsToSeconds(headNs - marks[i]!.watermarkNs);
    const relative = gapS / Math.max(ageS, 1e-9);
    if (relative < leastGap) {
      leastGap = relative;
      least = i;
    }
  }
  return least;
}
