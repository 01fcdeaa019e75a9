import { upperMedian } from '../../../core/index.js';
import { undrivenRows } from '../../readings/undriven-rows.js';
import { withoutWild } from '../../readings/wild-values.js';
import type { Sample, SkipReason, Twin } from '../../types.js';
import { beginningsOf } from './gaps.js';

/** A recording as a fit sees it. */
export interface FitRecord {
  /** Seconds, rising. */
  timesS: Float64Array;
  /** A column per input of the definition. */
  inputs: readonly Float64Array[];
  /** What inputs were between samples, in order, where that is known. */
  between: readonly InputsAfter[];
  /** Rows at which the run of a moving machine begins anew: the first, and those after a gap. */
  beginnings: readonly number[];
  /** Samples × measured variables, row-major; `NaN` where a value is missing or censored. */
  data: Float64Array;
  channels: number;
  /** The file's rows, 0-based, where samples come from one. */
  rows: readonly (number | undefined)[];
  /** Samples left out, by reason; those without any reading still tell what drove the machine. */
  skipped: Readonly<Record<string, number>>;
  /** Per channel: the step between values that the sensor can show, 0 where none shows. */
  resolution: Float64Array;
  rails: readonly Rail[];
}

/** What inputs were between a sample and the next. */
export interface InputsAfter {
  /** Place of that sample. */
  row: number;
  timeS: number;
  /** Per input, by how much it differed from what it was at that sample. */
  by: Float64Array;
}

/** The end of a sensor's range that samples stand at: they are missing, not measured. */
export interface Rail {
  variable: string;
  side: 'lower' | 'upper';
  value: number;
  /** Samples set aside. */
  samples: number;
  /** Found in the data rather than stated in the definition. */
  detected: boolean;
}

/** Equal values in a row at the end of the range before it is taken for a rail. */
const RAIL_RUN = 5;
/** How much longer that run must be than any elsewhere. */
const RAIL_EXCESS = 3;

/** A record that is mostly at one value, or has few, is constant rather than cut off. */
const RAIL_SHARE = 0.5;
const RAIL_DISTINCT = 10;

/**
 * Arranges samples for a fit. Inputs that are missing keep their last value, but for long (of states of rest,
 * at once) the samples are left out; samples whose time does not rise are left out and counted; samples at a rail
 * become missing values, with a margin of three times the noise, as do lone ones far from all others. Where
 * rows or inputs are missing for long, what drives a moving machine is not known: its run begins anew after them.
 */
export function fitRecord(twin: Twin, samples: readonly Sample[]): FitRecord {
  const { definition } = twin;
  const steady = definition.simulation.mode === 'steady-state';
  const skipped: Record<string, number> = {};
  const skip = (reason: string) => {
    skipped[reason] = (skipped[reason] ?? 0) + 1;
  };
  const kept: { sample: Sample; inputs: Float64Array }[] = [];
  let lastS = Number.NEGATIVE_INFINITY;
  const carried = new Float64Array(definition.inputs.length).fill(Number.NaN);
  /** Rows before which some were left out that nobody knows the inputs of. */
  const begun = new Set<number>();
  const readable = withoutWild(definition, samples);
  const undriven = steady ? new Set<number>() : undrivenRows(definition, readable);
  for (const [at, sample] of readable.entries()) {
    if (!Number.isFinite(sample.timeS)) skip('time-unreadable');
    else if (sample.timeS <= lastS) skip('time-not-rising');
    else if (steady && sample.inputs.some((v) => !Number.isFinite(v))) skip('input-missing');
    else if (undriven.has(at)) {
      skip('input-missing');
      begun.add(kept.length);
    } else {
      sample.inputs.forEach((v, i) => {
        if (Number.isFinite(v)) carried[i] = v;
      });
      if (carried.some(Number.isNaN)) skip('input-missing');
      else {
        kept.push({ sample, inputs: carried.slice() });
        lastS = sample.timeS;
      }
    }
  }
  const between = kept.flatMap(({ sample }, k) => {
    const before = kept[k - 1];
    if (before === undefined) return [];
    return (sample.between ?? [])
      .filter(({ timeS }) => timeS > before.sample.timeS)
      .map(({ timeS, inputs }) => ({
        row: k - 1,
        timeS,
        by: inputs.map((v, i) => v - before.inputs[i]!),
      }));
  });
  const channels = definition.measured.length;
  const data = new Float64Array(kept.length * channels);
  kept.forEach(({ sample }, row) => {
    for (let c = 0; c < channels; c++) {
      const v = sample.measured[c]!;
      data[row * channels + c] = Number.isFinite(v) ? v : Number.NaN;
    }
  });
  const rails: Rail[] = [];
  const columns = definition.inputs.map((_, i) => Float64Array.from(kept, (k) => k.inputs[i]!));
  const resolution = new Float64Array(channels);
  const measured = definition.measured.map((_, c) =>
    Float64Array.from(kept, (__, row) => data[row * channels + c]!),
  );
  definition.measured.forEach((channel, c) => {
    const values = measured[c]!;
    resolution[c] = resolutionOf(values);
    const noise = channel.noiseStd ?? roughNoise(values);
    for (const side of ['lower', 'upper'] as const) {
      const stated = channel.rail?.[side];
      const value = stated ?? (steady ? undefined : detectedRail(values, side));
      if (value === undefined) continue;
      const margin = 3 * noise;
      let count = 0;
      for (let row = 0; row < kept.length; row++) {
        const v = values[row]!;
        if (side === 'upper' ? v > value - margin : v < value + margin) {
          data[row * channels + c] = Number.NaN;
          count++;
        }
      }
      if (count === 0) continue;
      rails.push({
        variable: channel.variable,
        side,
        value,
        samples: count,
        detected: stated === undefined,
      });
    }
  });
  const silent = kept.filter(({ sample }) => !sample.measured.some(Number.isFinite)).length;
  if (silent > 0) skipped[SILENT] = silent;
  const timesS = Float64Array.from(kept, (k) => k.sample.timeS);
  const isDriven = !steady && definition.inputs.some((input) => input.value === undefined);
  const known = new Set(between.map(({ row }) => row));
  return {
    timesS,
    inputs: columns,
    between,
    beginnings: isDriven
      ? beginningsOf(timesS, begun, (row) => known.has(row), definition.transient.maxGapS)
      : [0],
    data,
    channels,
    rows: kept.map((k) => k.sample.row),
    skipped,
    resolution,
    rails,
  };
}

/** Why a sample counts as left out that no sensor says anything at. */
const SILENT: SkipReason = 'no-usable-channel';

/** The samples of a whole record at which any sensor says something. */
export const heardRows = ({ timesS, skipped }: FitRecord): number =>
  timesS.length - (skipped[SILENT] ?? 0);

/** The first rows of a record. */
export function headOf(record: FitRecord, rows: number): FitRecord {
  return sliceOf(record, 0, rows);
}

/** Rows of a record, from one on and before another. */
export function sliceOf(record: FitRecord, from: number, to: number): FitRecord {
  return {
    ...record,
    timesS: record.timesS.slice(from, to),
    inputs: record.inputs.map((column) => column.slice(from, to)),
    between: record.between
      .filter(({ row }) => row >= from && row < to - 1)
      .map((after) => ({ ...after, row: after.row - from })),
    beginnings: [
      0,
      ...record.beginnings.filter((row) => row > from && row < to).map((row) => row - from),
    ],
    data: record.data.slice(from * record.channels, to * record.channels),
    rows: record.rows.slice(from, to),
  };
}

/** A channel of fewer distinct values than this share of its samples is quantised. */
const QUANTISED = 1 / 3;

/**
 * The step between values that a sensor can show: of a channel whose values repeat, the median
 * difference between neighbouring ones (sums and roundings differ by less); of any other, 0.
 */
function resolutionOf(values: Float64Array): number {
  const sorted = values.filter(Number.isFinite).sort();
  const steps: number[] = [];
  for (let i = 1; i < sorted.length; i++) {
    const step = sorted[i]! - sorted[i - 1]!;
    // Sums of binary fractions differ in the last digits only.
    if (step > 1e-9 * Math.max(Math.abs(sorted[i]!), 1e-300)) steps.push(step);
  }
  if (steps.length === 0 || steps.length > QUANTISED * sorted.length) return 0;
  return upperMedian(steps);
}

/** Noise from second differences, robust against steps: what runs straight has none. */
export function roughNoise(values: Float64Array): number {
  const v = values.filter(Number.isFinite);
  const bends = Float64Array.from({ length: Math.max(0, v.length - 2) }, (_, i) =>
    Math.abs(v[i]! - 2 * v[i + 1]! + v[i + 2]!),
  );
  const median = bends.length === 0 ? 0 : upperMedian(bends);
  return median / 0.6745 / Math.sqrt(6);
}

/**
 * A rail in the data of a moving machine: a run of equal values at the end of the range, much longer
 * than any run of equal values elsewhere.
 */
function detectedRail(values: Float64Array, side: 'lower' | 'upper'): number | undefined {
  let end = side === 'upper' ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  for (const v of values) {
    if (Number.isFinite(v) && (side === 'upper' ? v > end : v < end)) end = v;
  }
  let atEnd = 0;
  let elsewhere = 0;
  for (let i = 0; i < values.length; ) {
    let j = i + 1;
    while (j < values.length && values[j] === values[i]) j++;
    if (values[i] === end) atEnd = Math.max(atEnd, j - i);
    else if (Number.isFinite(values[i])) elsewhere = Math.max(elsewhere, j - i);
    i = j;
  }
  const finite = values.filter(Number.isFinite);
  const share = finite.filter((v) => v === end).length / finite.length;
  const distinct = new Set(finite).size;
  const rail =
    atEnd >= RAIL_RUN &&
    atEnd >= RAIL_EXCESS * elsewhere &&
    share <= RAIL_SHARE &&
    distinct >= RAIL_DISTINCT;
  return rail ? end : undefined;
}

/** Range of a channel's values. */
export function rangeOf(record: FitRecord, channel: number): number {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (let i = channel; i < record.data.length; i += record.channels) {
    const v = record.data[i]!;
    if (Number.isNaN(v)) continue;
    low = Math.min(low, v);
    high = Math.max(high, v);
  }
  return high >= low ? high - low : Number.NaN;
}

/** Data less prediction of one channel. */
export function residualsOf(
  record: FitRecord,
  prediction: Float64Array,
  channel: number,
): Float64Array {
  return record.timesS.map(
    (_, row) =>
      record.data[row * record.channels + channel]! - prediction[row * record.channels + channel]!,
  );
}
