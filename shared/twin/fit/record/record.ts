import type { SkipReason } from '../../types.js';
import type { Rail } from './rails.js';

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

/** Why a sample counts as left out that no sensor says anything at. */
export const SILENT: SkipReason = 'no-usable-channel';

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
  record: Pick<FitRecord, 'timesS' | 'data' | 'channels'>,
  prediction: Float64Array,
  channel: number,
): Float64Array {
  return record.timesS.map(
    (_, row) =>
      record.data[row * record.channels + channel]! - prediction[row * record.channels + channel]!,
  );
}

/** Root mean square of what two runs differ by, or a run and the data, where there are data. */
export function rmsPerChannel(
  { channels, data }: Pick<FitRecord, 'channels' | 'data'>,
  a: Float64Array,
  b: Float64Array,
): Float64Array {
  return Float64Array.from({ length: channels }, (_, c) => {
    let sum = 0;
    let count = 0;
    for (let k = c; k < data.length; k += channels) {
      if (Number.isNaN(data[k]!)) continue;
      sum += (a[k]! - b[k]!) ** 2;
      count++;
    }
    return count === 0 ? 0 : Math.sqrt(sum / count);
  });
}
