import type { TwinDefinition } from '../../config/index.js';
import type { Sample } from '../types.js';
import { noChanges, noteChanges, type ValueChanges } from './value-changes.js';

/** A measured variable that moves, then holds one value. */
export interface FrozenChannel {
  variable: string;
  /** Samples with values that hold it. */
  samples: number;
  sinceS: number;
  untilS: number;
}

/** A value that a channel holds from sample to sample. */
interface HeldValue {
  value: number;
  /** Samples with values that hold it. */
  samples: number;
  sinceS: number;
  untilS: number;
  /** The inputs where it began; null where there was none. */
  inputs: (number | null)[];
  /** Whether an input has changed meanwhile. */
  driven: boolean;
}

/** What is remembered of a measured variable. */
interface WatchedChannel {
  /** Samples with values since lengths were last halved. */
  values: number;
  lowest: number;
  highest: number;
  /** The first different values. */
  distinct: number[];
  /** The value that it holds now. */
  held: HeldValue;
  /** The longest that it has held one before, and what that counts for beside others. */
  longest?: Omit<HeldValue, 'inputs'> & { counts: number };
  /** What the second longest counts for. */
  second: number;
}

/** How long two measured variables have been the same. */
interface WatchedPair {
  /** Samples since they last differed. */
  samples: number;
  distinct: number[];
  /** The most of them that they were the same before. */
  other: number;
}

/**
 * What is remembered of samples to tell frozen channels, copies and held values: plain data that can be kept, and gone
 * on with.
 */
export interface ChannelWatch {
  /** Time of the newest sample; null before the first. What is not newer is known, or late. */
  newestS: number | null;
  /** By measured variable; null before its first value. */
  channels: (WatchedChannel | null)[];
  /** By number of the pair, (0, 1), (0, 2) … (1, 2) …; none where they never were the same. */
  pairs: Record<number, WatchedPair>;
  /** What tells values that are held; absent in what was kept before it was. */
  changes?: ValueChanges;
}

/** Equal values in a row before a sensor may be frozen … */
const LEAST_RUN = 20;
/** … and how many times as long as any other such run of it that is. */
const EXCESS = 10;
/** Different values from which a channel is one that moves. */
const DISTINCT = 10;

/** A watch before any sample. */
export function newChannelWatch({ measured }: TwinDefinition): ChannelWatch {
  const channels = measured.map(() => null);
  return { newestS: null, channels, pairs: {}, changes: noChanges(measured.length) };
}

/** Whether a watch is of these measured variables. */
export const isWatchOf = (watch: ChannelWatch, { measured }: TwinDefinition): boolean =>
  watch.channels.length === measured.length;

/**
 * Takes a sample into a watch.
 *
 * @param halfLife values of a channel after which runs that are over, and how values changed, count for
 *   half; left out, they count for ever
 */
export function watchSample(
  watch: ChannelWatch,
  { timeS, measured, inputs }: Pick<Sample, 'timeS' | 'measured' | 'inputs'>,
  halfLife = Number.POSITIVE_INFINITY,
): void {
  if (watch.newestS !== null && !(timeS > watch.newestS)) return;
  watch.newestS = timeS;
  watch.changes ??= noChanges(measured.length);
  noteChanges(watch.changes, { measured, inputs }, halfLife);
  const { channels, pairs } = watch;
  let pair = 0;
  for (let i = 0; i < measured.length; i++) {
    const value = measured[i]!;
    const usable = Number.isFinite(value);
    if (usable) channels[i] = followed(channels[i]!, value, timeS, inputs, halfLife);
    for (let j = i + 1; j < measured.length; j++, pair++) {
      const other = measured[j]!;
      if (usable && other === value) {
        pairs[pair] ??= { samples: 0, distinct: [], other: 0 };
        const { distinct } = pairs[pair]!;
        pairs[pair]!.samples++;
        noteDistinct(distinct, value);
      } else if (usable && Number.isFinite(other)) {
        const known = pairs[pair];
        if (!known || known.samples === 0) continue;
        known.other = Math.max(known.other, known.samples);
        known.samples = 0;
        known.distinct = [];
      }
    }
  }
}

function noteDistinct(distinct: number[], value: number): void {
  if (distinct.length < DISTINCT && !distinct.includes(value)) distinct.push(value);
}

function followed(
  known: WatchedChannel | null,
  value: number,
  timeS: number,
  inputs: Float64Array,
  halfLife: number,
): WatchedChannel {
  const begun = (): HeldValue => ({
    value,
    samples: 1,
    sinceS: timeS,
    untilS: timeS,
    inputs: Array.from(inputs, (v) => (Number.isFinite(v) ? v : null)),
    driven: false,
  });
  if (known === null) {
    const range = { lowest: value, highest: value, distinct: [value] };
    return { values: 1, ...range, held: begun(), second: 0 };
  }
  const channel = known;
  const { held } = channel;
  if (value === held.value) {
    held.samples++;
    held.untilS = timeS;
    held.driven ||= held.inputs.some((v, i) => Number.isFinite(inputs[i]!) && inputs[i] !== v);
  } else {
    const { longest } = channel;
    if (held.samples > (longest?.counts ?? 0)) {
      channel.second = Math.max(channel.second, longest?.counts ?? 0);
      const { inputs: _, ...over } = held;
      channel.longest = { ...over, counts: held.samples };
    } else channel.second = Math.max(channel.second, held.samples);
    channel.held = begun();
    noteDistinct(channel.distinct, value);
    channel.lowest = Math.min(channel.lowest, value);
    channel.highest = Math.max(channel.highest, value);
  }
  channel.values++;
  if (channel.values >= halfLife) {
    channel.values = 0;
    channel.second /= 2;
    if (channel.longest !== undefined) channel.longest.counts /= 2;
  }
  return channel;
}

/**
 * Measured variables that move, and for a long time hold one value amid their range although inputs
 * change. At the end of its range a sensor may stand at its rail, or its machine be off.
 */
export function frozenIn(watch: ChannelWatch, { measured }: TwinDefinition): FrozenChannel[] {
  return measured.flatMap(({ variable }, c) => {
    const channel = watch.channels[c];
    if (!channel || channel.distinct.length < DISTINCT) return [];
    const { held, longest, second, lowest, highest } = channel;
    const before = longest?.counts ?? 0;
    const [run, next] =
      longest === undefined || held.samples > before
        ? [held, before]
        : [longest, Math.max(second, held.samples)];
    if (run.samples < LEAST_RUN || run.samples < EXCESS * Math.max(1, next)) return [];
    if (run.value === lowest || run.value === highest || !run.driven) return [];
    const { samples, sinceS, untilS } = run;
    return [{ variable, samples, sinceS, untilS }];
  });
}

/** Pairs of measured variables that say the same, digit by digit, up to the newest sample. */
export function sameIn({ pairs }: ChannelWatch, { measured }: TwinDefinition): [string, string][] {
  const names = measured.map((m) => m.variable);
  let pair = 0;
  return names.flatMap((a, i) =>
    names.slice(i + 1).flatMap((b): [string, string][] => {
      const known = pairs[pair++];
      if (!known || known.samples < LEAST_RUN || known.distinct.length < DISTINCT) return [];
      return known.samples >= EXCESS * known.other ? [[a, b]] : [];
    }),
  );
}
