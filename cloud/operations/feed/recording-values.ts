import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import type { TwinDefinition } from '../../../shared/config/index.js';
import { type StreamTqv, TwinError } from '../../../shared/core/index.js';
import {
  findColumn,
  type ReadOptions,
  type RecordingAccount,
  readTable,
  recordingColumn,
} from '../../../shared/recordings/index.js';

/** Which rows and columns of a recording to feed, and how it is written. */
export interface RecordingValuesOptions extends Omit<ReadOptions, 'columns' | 'texts'> {
  /** First row, 0-based, and the row to stop before. */
  from?: number;
  to?: number;
  /** Take every nth row only. */
  stride?: number;
  /** Whether timestamps are the recording's own, to the nanosecond. */
  keepTimes?: boolean;
}

/** The machine's streams in a recording. */
export interface RecordingValues {
  /** Seconds, ascending: one per row that is fed. */
  times: Float64Array;
  /** Own timestamps of the rows, where they are kept. */
  timesNs?: readonly bigint[];
  streams: readonly { alias: string; values: Float64Array }[];
  /** Whether a row holds readings of some streams only: what is missing then was not read. */
  sparse?: boolean;
  /** Changes with the file's content and the choice of rows and columns. */
  fingerprint: string;
  account?: RecordingAccount;
}

/**
 * Reads the machine's streams of a twin from a recording: what is measured, and the inputs that have
 * a column; an input with a fixed value needs none.
 *
 * @throws TwinError `FILE_NOT_FOUND`, `FILE_INVALID`, `COLUMN_MISSING`, `USAGE` (no rows in range)
 */
export async function readRecordingValues(
  twin: TwinDefinition,
  path: string,
  options: RecordingValuesOptions,
): Promise<RecordingValues> {
  const { from = 0, stride = 1, to: end, keepTimes = false, ...reading } = options;
  const items = [...twin.measured, ...twin.inputs];
  const table = await readTable(path, {
    ...reading,
    columns: items.map((i) => i.column ?? i.variable),
    texts: Object.fromEntries(
      items.flatMap((i) => (i.texts === undefined ? [] : [[i.column ?? i.variable, i.texts]])),
    ),
  });
  const { account } = table;
  const to = Math.min(end ?? account.rows, account.rows);
  const rows: number[] = [];
  for (let i = 0; i < table.rowCount; i++) {
    const row = table.row[i]!;
    if (row >= from && row < to && (row - from) % stride === 0) rows.push(i);
  }
  if (rows.length === 0) {
    throw new TwinError(
      'USAGE',
      `No rows from ${from} to ${end ?? account.rows}: ${path} has rows 0 to ${account.rows - 1}.`,
    );
  }
  const pick = (column: Float64Array) => Float64Array.from(rows, (row) => column[row]!);
  const streams = twin.measured.map(({ alias, column, variable }) => ({
    alias,
    values: pick(recordingColumn(table, column ?? variable).values),
  }));
  for (const { alias, column, variable, value } of twin.inputs) {
    const name = column ?? variable;
    const there = findColumn(table.columns, name) >= 0;
    if (alias === undefined || (value !== undefined && !there)) continue;
    streams.push({ alias, values: pick(recordingColumn(table, name).values) });
  }
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  hash.update(JSON.stringify([from, to, stride, reading, streams.map((s) => s.alias)]));
  return {
    times: pick(table.timeS),
    ...(keepTimes && table.calendar ? { timesNs: rows.map((row) => table.timeNsAt(row)) } : {}),
    streams,
    sparse: table.long,
    fingerprint: hash.digest('hex'),
    account,
  };
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
    const timeNs = recording.timesNs?.[row] ?? timeNsOf(recording.times[row] as number);
    for (const stream of recording.streams) {
      const value = stream.values[row] as number;
      const good = Number.isFinite(value);
      if (!good && recording.sparse === true) continue;
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
