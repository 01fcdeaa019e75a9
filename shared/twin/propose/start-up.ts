import type { Sample } from '../types.js';
import { levelOf } from './match.js';

/** Spreads of its later values, … */
const FAR = 5;
/** … and share of its level, by which a channel is far from where it stays. */
const OFF_LEVEL = 0.05;
/** Share of the channels with a level that must be far from it. */
const MOST = 0.8;
/** Share of a record that may be start-up. */
const AT_MOST = 0.05;

/**
 * Rows at a record's beginning in which the machine is not yet running: nearly every channel is far
 * from where it stays. No parameters explain such rows, and a search for some is slow.
 */
export function startUpRows(samples: readonly Sample[]): number {
  const channels = samples[0]?.measured.length ?? 0;
  const most = Math.floor(AT_MOST * samples.length);
  const levels = Array.from({ length: channels }, (_, c) =>
    levelOf(Float64Array.from(samples, (s) => s.measured[c]!)),
  );
  const telling = levels.flatMap(({ median, spread }, c) =>
    Math.abs(median) > FAR * spread ? [c] : [],
  );
  if (telling.length === 0) return 0;
  for (let row = 0; row <= most; row++) {
    const far = telling.filter((c) => {
      const { median, spread } = levels[c]!;
      const off = Math.abs(samples[row]!.measured[c]! - median);
      return off > FAR * spread + OFF_LEVEL * Math.abs(median);
    });
    if (far.length < MOST * telling.length) return row;
  }
  return 0;
}
