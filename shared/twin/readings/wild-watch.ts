import type { TwinDefinition } from '../../config/index.js';
import { isFarOutside } from './no-readings.js';
import { isMachine, type WildValues } from './wild-values.js';

/** What is remembered of a measured variable to tell wild values. */
interface WatchedRange {
  /** Values that it is of, up to the fewest that a range needs. */
  seen: number;
  from: number;
  to: number;
  /** A value far outside of it, until the next says what it was. */
  pending?: { timeS: number; value: number };
}

/** What is remembered of samples to tell wild values: plain data that can be kept, and gone on with. */
export interface WildWatch {
  /** Whether an input changed at the newest sample. */
  driven: boolean;
  /** By measured variable; null before its first value. */
  channels: (WatchedRange | null)[];
  /** The newest that were found, the variable by its number, with the sample that told. */
  found: { channel: number; timeS: number; value: number; foundS: number }[];
}

/** Values from which the range of what came before says where a sensor may be. */
const LEAST_SEEN = 50;
/** Found values that are kept. */
const MOST_FOUND = 16;

/** Before any sample. */
export const noWild = (channels: number): WildWatch => ({
  driven: false,
  channels: Array.from({ length: channels }, () => null),
  found: [],
});

/**
 * Takes a sample. A value far outside of all that came before is wild if the next is back; else the
 * machine has gone there, as where an input changes.
 *
 * @param driven whether an input has changed
 */
export function noteWild(
  watch: WildWatch,
  { timeS, measured }: { timeS: number; measured: Float64Array },
  driven: boolean,
): void {
  const { channels, found } = watch;
  const far = measured.filter((v, c) => Number.isFinite(v) && isOutside(channels[c], v)).length;
  const moved = driven || watch.driven || isMachine(far, measured.length);
  watch.driven = driven;
  measured.forEach((value, c) => {
    if (!Number.isFinite(value)) return;
    const known = channels[c];
    if (!known) {
      channels[c] = { seen: 1, from: value, to: value };
      return;
    }
    const { pending } = known;
    delete known.pending;
    const isFar = isOutside(known, value);
    if (pending !== undefined) {
      if (isFar) widen(known, pending.value);
      else found.push({ channel: c, ...pending, foundS: timeS });
      if (found.length > MOST_FOUND) found.shift();
    }
    if (isFar && pending === undefined && !moved && known.seen >= LEAST_SEEN)
      known.pending = { timeS, value };
    else widen(known, value);
  });
}

const isOutside = (known: WatchedRange | null | undefined, value: number): boolean =>
  known ? isFarOutside(known, value) : false;

function widen(known: WatchedRange, value: number): void {
  known.seen = Math.min(LEAST_SEEN, known.seen + 1);
  known.from = Math.min(known.from, value);
  known.to = Math.max(known.to, value);
}

/** Wild values that were found within a span, by measured variable. */
export const wildWithin = (
  { channels, found }: WildWatch,
  { measured }: TwinDefinition,
  fromS: number,
  toS: number,
): WildValues[] =>
  measured.flatMap(({ variable }, c) => {
    const values = found
      .filter((w) => w.channel === c && w.foundS >= fromS && w.foundS <= toS)
      .map(({ timeS, value }) => ({ timeS, value }));
    const { from, to } = channels[c] ?? { from: Number.NaN, to: Number.NaN };
    return values.length > 0 ? [{ variable, values, from, to }] : [];
  });
