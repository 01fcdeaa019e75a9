import type { TwinDefinition } from '../../config/index.js';
import { type TimeMap, type Tqv, toMachineTimeS, wallTime } from '../../core/index.js';
import type { Sample } from '../types.js';
import { type InputReading, inputReadings, scanToleranceNs } from './input-readings.js';

/** A sample that came from timestamped streams. */
export interface AlignedSample extends Sample {
  timeNs: bigint;
}

export interface AlignOptions {
  /** The twin definition whose inputs and measured variables the streams belong to. */
  definition: TwinDefinition;
  /** Readings by alias, each in any order; aliases that the twin does not know are ignored. */
  streams: ReadonlyMap<string, readonly Tqv[]>;
  /** Readings of measured variables up to and including this time are taken as known already. */
  afterNs?: bigint;
  /** The time up to which the streams have been read; readings after it wait. */
  untilNs: bigint;
  /** How timestamps relate to the machine's time; default: they are the machine's time. */
  timeMap?: TimeMap;
  /** Timestamps that lie closer together than this are one instant; default: from the data. */
  windowNs?: bigint;
  /** Whether to keep the newest instant back until its window has passed, heard or not. */
  whole?: boolean;
  /** The newest sample that the sample period let pass before these; default: none. */
  sampledNs?: bigint;
  /** The readings of inputs that it took, by alias; default: what the streams say. */
  held?: Readonly<Record<string, InputReading>>;
}

/** Readings of one instant. */
export interface AlignedGroup {
  /** Of its newest reading. */
  timeNs: bigint;
  /** Readings up to here would have been part of it. */
  endNs: bigint;
  /** Absent where the sample period passes over it. */
  sample?: AlignedSample;
  /** The newest reading of each input that the sample took, by alias. */
  held?: Readonly<Record<string, InputReading>>;
  /** Readings of each measured variable, and those of them that are no GOOD number. */
  readings: readonly { usable: number; unusable: number }[];
}

/** The instants of streams, in ascending order. */
export interface Grouping {
  groups: AlignedGroup[];
  ignored: Alignment['ignored'];
  /** Readings of a timestamp that the variable had already, per measured variable. */
  duplicates: readonly bigint[][];
  /** Whether the newest instant was left for the next run. */
  pending: boolean;
  windowNs: bigint;
  /** Intervals that the window was inferred from. */
  gaps: number;
}

export interface Alignment {
  /** In ascending order of time. */
  samples: AlignedSample[];
  /** Readings that were left out, by reason. */
  ignored: { notGood: number; notNumber: number; duplicate: number };
  /** Whether the newest instant was left for the next run, as some channels may still be coming. */
  pending: boolean;
}

interface Reading {
  timeNs: bigint;
  channel: number;
  value: number;
}

/** The median of positive bigints, the lower of two; undefined of none. */
function median(values: bigint[]): bigint | undefined {
  values.sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
  return values[(values.length - 1) >> 1];
}

function usable(tqv: Tqv): number {
  return tqv.quality === 'GOOD' && typeof tqv.value === 'number' && Number.isFinite(tqv.value)
    ? tqv.value
    : Number.NaN;
}

/**
 * Half the median interval of the channels: readings of one scan lie closer than that, scans don't.
 */
function inferWindowNs(
  readings: readonly Reading[],
  channels: number,
): { windowNs: bigint; gaps: number } {
  const last = new Map<number, bigint>();
  const gaps: bigint[] = [];
  for (const r of readings) {
    const before = last.get(r.channel);
    if (before !== undefined && r.timeNs > before) gaps.push(r.timeNs - before);
    last.set(r.channel, r.timeNs);
  }
  const gap = channels === 0 ? undefined : median(gaps);
  return { windowNs: gap === undefined ? 1_000_000_000n : gap / 2n, gaps: gaps.length };
}

/**
 * Joins the streams of a twin to samples. Readings that lie within a window of the first of them
 * make one sample at the time of the newest; a channel without a GOOD number there is `NaN`.
 * Inputs are what their last GOOD value says, and of a moving machine what they were since the sample before
 * goes along; a reading within a twentieth of the interval after a sample is of its scan as well. The newest
 * instant is kept back until every channel has spoken or the window has passed, and that scan is over, so that
 * no reading is left behind.
 */
export function alignStreams(options: AlignOptions): Alignment {
  const sampledNs = options.sampledNs ?? options.afterNs;
  const { groups, ignored, pending } = groupStreams({
    ...options,
    ...(sampledNs === undefined ? {} : { sampledNs }),
  });
  const samples = groups.flatMap((g) => (g.sample === undefined ? [] : [g.sample]));
  return { samples, ignored, pending };
}

/** As {@link alignStreams}, with the instants that the sample period passes over, and counts. */
export function groupStreams(options: AlignOptions): Grouping {
  const { definition, streams, untilNs, timeMap = wallTime } = options;
  const ignored = { notGood: 0, notNumber: 0, duplicate: 0 };
  const readings: Reading[] = [];
  const duplicates: bigint[][] = definition.measured.map(() => []);
  definition.measured.forEach(({ alias }, channel) => {
    const seen = new Set<bigint>();
    for (const tqv of streams.get(alias) ?? []) {
      if (tqv.timeNs > untilNs) continue;
      if (options.afterNs !== undefined && tqv.timeNs <= options.afterNs) continue;
      const value = usable(tqv);
      if (tqv.quality !== 'GOOD') ignored.notGood++;
      else if (Number.isNaN(value)) ignored.notNumber++;
      else if (seen.has(tqv.timeNs)) {
        ignored.duplicate++;
        duplicates[channel]!.push(tqv.timeNs);
        continue;
      } else seen.add(tqv.timeNs);
      readings.push({ timeNs: tqv.timeNs, channel, value });
    }
  });
  readings.sort((a, b) => (a.timeNs < b.timeNs ? -1 : a.timeNs > b.timeNs ? 1 : 0));

  const channels = definition.measured.length;
  const inferred = inferWindowNs(readings, channels);
  const windowNs = options.windowNs ?? inferred.windowNs;
  const toleranceNs = scanToleranceNs(windowNs);
  const inputsAt = inputReadings({
    ...{ definition, streams, timeMap, toleranceNs },
    ...{ sampledNs: options.sampledNs, held: options.held },
  });
  const isDriven = definition.inputs.some((i) => i.value === undefined && i.alias !== undefined);

  const periodS = (definition.estimator.samplePeriodS ?? 0) * (1 - 1e-6);
  let lastS =
    options.sampledNs === undefined
      ? Number.NEGATIVE_INFINITY
      : toMachineTimeS(timeMap, options.sampledNs);
  const groups: AlignedGroup[] = [];
  let pending = false;
  let i = 0;
  while (i < readings.length) {
    const startNs = readings[i]!.timeNs;
    const endNs = startNs + windowNs;
    const measured = new Float64Array(channels).fill(Number.NaN);
    const counts = definition.measured.map(() => ({ usable: 0, unusable: 0 }));
    const heard = new Set<number>();
    const readAtNs: bigint[] = definition.measured.map(() => startNs);
    let timeNs = startNs;
    for (; i < readings.length && readings[i]!.timeNs <= endNs; i++) {
      const { timeNs: readNs, channel, value } = readings[i]!;
      heard.add(channel);
      timeNs = readNs;
      counts[channel]![Number.isNaN(value) ? 'unusable' : 'usable']++;
      if (Number.isNaN(value)) continue;
      measured[channel] = value;
      readAtNs[channel] = readNs;
    }
    const newest = i === readings.length;
    const mayGrow = (heard.size < channels || options.whole === true) && endNs >= untilNs;
    if (newest && (mayGrow || (isDriven && timeNs + toleranceNs > untilNs))) {
      pending = true;
      break;
    }
    const timeS = toMachineTimeS(timeMap, timeNs);
    if (timeS - lastS < periodS) {
      groups.push({ timeNs, endNs, readings: counts });
      continue;
    }
    lastS = timeS;
    const { inputs, between, held } = inputsAt(timeNs);
    const sample: AlignedSample = { timeNs, timeS, inputs, measured };
    if (between.length > 0) sample.between = between;
    const isAged = (at: bigint, c: number) =>
      !Number.isNaN(measured[c]!) && timeNs - at > toleranceNs;
    if (readAtNs.some(isAged)) {
      sample.agesS = Float64Array.from(readAtNs, (at) => timeS - toMachineTimeS(timeMap, at));
    }
    groups.push({ timeNs, endNs, readings: counts, sample, held });
  }
  return { groups, ignored, duplicates, pending, windowNs, gaps: inferred.gaps };
}
