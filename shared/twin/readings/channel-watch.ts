import type { TwinDefinition } from '../../config/index.js';
import type { Sample } from '../types.js';
import { followedInput, type WatchedInput } from './still-inputs.js';
import { noChanges, noteChanges, type ValueChanges } from './value-changes.js';
import { noteWild, noWild, type WildWatch } from './wild-watch.js';

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

/** A value that a channel has held, for the longest of the times that it did. */
interface PastRun extends Omit<HeldValue, 'inputs'> {
  /** What it counts for beside others: its samples, halved again and again. */
  counts: number;
  /** The same of the next longest that held this value. */
  again: number;
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
  /** Values that it has held for long before, a few. */
  runs: PastRun[];
  /** What the longest of all other runs counts for. */
  other: number;
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
 * What is remembered of samples to tell frozen channels, copies, held and wild values: plain data that can be
 * kept, and gone on with.
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
  /** What tells wild values; absent likewise. */
  wild?: WildWatch;
  /** What tells inputs that stand still; absent likewise. */
  inputs?: (WatchedInput | null)[];
}

/** Equal values in a row before a sensor may be frozen … */
const LEAST_RUN = 20;
/** … and how many times as long as such runs of it that are no freezes. */
const EXCESS = 10;
/** Freezes of one sensor that are told apart from how it behaves. */
const MOST_FREEZES = 4;
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
  watch.wild ??= noWild(measured.length);
  watch.inputs = Array.from(inputs, (value, i) =>
    followedInput(watch.inputs?.[i], value, timeS, halfLife),
  );
  const driven = noteChanges(watch.changes, { measured, inputs }, halfLife);
  noteWild(watch.wild, { timeS, measured }, driven);
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
    return { values: 1, ...range, held: begun(), runs: [], other: 0 };
  }
  const channel = known;
  // What was kept before several runs were: the run that lasts counts on.
  channel.runs ??= [];
  channel.other ??= 0;
  const { held } = channel;
  if (value === held.value) {
    held.samples++;
    held.untilS = timeS;
    held.driven ||= held.inputs.some((v, i) => Number.isFinite(inputs[i]!) && inputs[i] !== v);
  } else {
    noteRun(channel);
    channel.held = begun();
    noteDistinct(channel.distinct, value);
    channel.lowest = Math.min(channel.lowest, value);
    channel.highest = Math.max(channel.highest, value);
  }
  channel.values++;
  if (channel.values >= halfLife) {
    channel.values = 0;
    channel.other /= 2;
    for (const run of channel.runs) {
      run.counts /= 2;
      run.again /= 2;
    }
  }
  return channel;
}

/** Takes the run that has just ended. */
function noteRun(channel: WatchedChannel): void {
  const { runs, held } = channel;
  if (held.samples < LEAST_RUN) {
    channel.other = Math.max(channel.other, held.samples);
    return;
  }
  const { inputs: _, ...over } = held;
  const run: PastRun = { ...over, counts: held.samples, again: 0 };
  const at = runs.findIndex(({ value }) => value === run.value);
  if (at < 0) runs.push(run);
  else {
    const known = runs[at]!;
    const [longer, shorter] = run.counts > known.counts ? [run, known] : [known, run];
    runs[at] = { ...longer, again: Math.max(known.again, shorter.counts) };
  }
  if (runs.length <= MOST_FREEZES) return;
  runs.sort((a, b) => b.counts - a.counts);
  channel.other = Math.max(channel.other, runs.pop()!.counts);
}

/**
 * Measured variables that move, and for a long time hold one value amid their range although inputs
 * change. At the end of its range a sensor may stand at its rail, or its machine be off; a value that it holds
 * again and again is one that the machine comes back to.
 */
export function frozenIn(watch: ChannelWatch, { measured }: TwinDefinition): FrozenChannel[] {
  return measured.flatMap(({ variable }, c) => {
    const channel = watch.channels[c];
    if (!channel?.runs || channel.distinct.length < DISTINCT) return [];
    const { lowest, highest } = channel;
    return longRuns(channel)
      .filter(({ value, driven }) => value !== lowest && value !== highest && driven)
      .map(({ samples, sinceS, untilS }) => ({ variable, samples, sinceS, untilS }))
      .toSorted((a, b) => a.sinceS - b.sinceS);
  });
}

/** The runs of a channel, also the one that lasts, that are far longer than all others, of values held once. */
function longRuns(channel: WatchedChannel): (PastRun | HeldValue)[] {
  const { held, runs } = channel;
  const known = runs.find(({ value }) => value === held.value);
  const all = [
    ...runs.map((run) => ({
      run,
      counts: run.counts,
      again: run === known ? Math.max(run.again, held.samples) : run.again,
    })),
    { run: held, counts: held.samples, again: known?.counts ?? 0 },
  ].toSorted((a, b) => b.counts - a.counts);
  // As many as are all far longer than the rest.
  const isLong = (count: number) => {
    const rest = Math.max(1, channel.other, all[count]?.counts ?? 0);
    return all.slice(0, count).every(({ run }) => run.samples >= EXCESS * rest);
  };
  const long = all.slice(0, all.map((_, k) => k + 1).findLast(isLong) ?? 0);
  return long.flatMap(({ run, again }) =>
    run.samples >= Math.max(LEAST_RUN, EXCESS * again) ? [run] : [],
  );
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
