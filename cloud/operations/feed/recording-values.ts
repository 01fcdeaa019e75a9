import { createHash } from 'node:crypto';
import type { TwinDefinition } from '../../../shared/config/index.js';
import {
  columnOf,
  parseNumericCsv,
  readUserFile,
  type StreamTqv,
  TwinError,
  timeColumnOf,
} from '../../../shared/core/index.js';

/** Which rows and columns of a recording to feed. */
export interface RecordingValuesOptions {
  /** First row, 0-based, and the row to stop before. */
  from?: number | undefined;
  to?: number | undefined;
  /** Take every so-manieth row. */
  stride?: number | undefined;
  /** Default: the first column; seconds. */
  timeColumn?: string | undefined;
  /** 1-based line of the header; default: found. */
  headerRow?: number | undefined;
}

/** The machine's streams in a recording. */
export interface RecordingValues {
  /** Seconds, ascending: one per row that is fed. */
  times: Float64Array;
  streams: readonly { alias: string; values: Float64Array }[];
  /** Changes with the file's content and the choice of rows and columns. */
  fingerprint: string;
}

/**
 * Reads the machine's streams of a twin from a CSV file: what is measured, and the inputs that have
 * a column; an input with a fixed value needs none.
 *
 * @throws TwinError `FILE_NOT_FOUND`, `FILE_INVALID`, `COLUMN_MISSING`, `USAGE` (no rows in range)
 */
export async function readRecordingValues(
  twin: TwinDefinition,
  path: string,
  options: RecordingValuesOptions,
): Promise<RecordingValues> {
  const text = (await readUserFile(path, 'recording')).toString('utf8');
  const table = parseNumericCsv(text, path, options.headerRow);
  const times = timeColumnOf(table, path, options.timeColumn);
  const { from = 0, stride = 1 } = options;
  const to = Math.min(options.to ?? table.rowCount, table.rowCount);
  if (from >= to) {
    throw new TwinError(
      'USAGE',
      `No rows from ${from} to ${options.to ?? table.rowCount}: ${path} has rows 0 to ${table.rowCount - 1}.`,
    );
  }
  const rows = Array.from({ length: Math.ceil((to - from) / stride) }, (_, i) => from + i * stride);
  const pick = (column: Float64Array) => Float64Array.from(rows, (row) => column[row] as number);
  const streams = twin.measured.map(({ alias, column, variable }) => ({
    alias,
    values: pick(columnOf(table, column ?? variable, path)),
  }));
  for (const { alias, column, variable, value } of twin.inputs) {
    const name = column ?? variable;
    if (alias === undefined || (value !== undefined && !table.columns.includes(name))) continue;
    streams.push({ alias, values: pick(columnOf(table, name, path)) });
  }
  const hash = createHash('sha256')
    .update(text)
    .update(JSON.stringify([from, to, stride, options.timeColumn, streams.map((s) => s.alias)]));
  return { times: pick(times), streams, fingerprint: hash.digest('hex') };
}

/** The values of some rows; an empty cell is a BAD value, as from a sensor that gave none. */
export function valuesOf(
  recording: RecordingValues,
  fromRow: number,
  toRow: number,
  timeNsOf: (timeS: number) => bigint,
): StreamTqv[] {
  const values: StreamTqv[] = [];
  for (let row = fromRow; row < toRow; row++) {
    const timeNs = timeNsOf(recording.times[row] as number);
    for (const stream of recording.streams) {
      const value = stream.values[row] as number;
      const good = Number.isFinite(value);
      values.push({
        alias: stream.alias,
        timeNs,
        quality: good ? 'GOOD' : 'BAD',
        value: good ? value : null,
      });
    }
  }
  return values;
}
