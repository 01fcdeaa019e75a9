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
  /** Take what is measured of every nth row; inputs of a moving machine in between where they tell something. */
  stride?: number;
  /** Whether timestamps are the recording's own, to the nanosecond. */
  keepTimes?: boolean;
}

/** One of the machine's streams, a value per row that is fed. */
export interface RecordingStream {
  alias: string;
  values: Float64Array;
  /** Per row, whether it is fed in that row; left out where it is in each. */
  fed?: readonly boolean[];
}

/** The machine's streams in a recording. */
export interface RecordingValues {
  /** Seconds, ascending: one per row that is fed. */
  times: Float64Array;
  /** Own timestamps of the rows, where they are kept. */
  timesNs?: readonly bigint[];
  streams: readonly RecordingStream[];
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
  const inRange = (i: number) => table.row[i]! >= from && table.row[i]! < to;
  const isTaken = (i: number) => inRange(i) && (table.row[i]! - from) % stride === 0;
  const columnOf = ({ column, variable }: { column?: string | undefined; variable: string }) =>
    recordingColumn(table, column ?? variable).values;
  const inputs = twin.inputs.flatMap((input) => {
    const { alias, column, variable, value } = input;
    const there = findColumn(table.columns, column ?? variable) >= 0;
    if (alias === undefined || (value !== undefined && !there)) return [];
    return [{ alias, column: columnOf(input) }];
  });
  const isMoving = twin.simulation.mode !== 'steady-state';
  const between = inputs.map(({ column }) =>
    stride > 1 && isMoving ? bendsIn(column, table.rowCount, inRange) : new Set<number>(),
  );
  const rows: number[] = [];
  for (let i = 0; i < table.rowCount; i++) {
    if (isTaken(i) || (rows.length > 0 && between.some((of) => of.has(i)))) rows.push(i);
  }
  if (rows.length === 0) {
    throw new TwinError(
      'USAGE',
      `No rows from ${from} to ${end ?? account.rows}: ${path} has rows 0 to ${account.rows - 1}.`,
    );
  }
  const pick = (column: Float64Array) => Float64Array.from(rows, (row) => column[row]!);
  const taken = rows.map(isTaken);
  const stream = (alias: string, column: Float64Array, alsoIn?: ReadonlySet<number>) => ({
    alias,
    values: pick(column),
    ...(taken.includes(false)
      ? { fed: taken.map((is, k) => is || alsoIn?.has(rows[k]!) === true) }
      : {}),
  });
  const streams: RecordingStream[] = [
    ...twin.measured.map((m) => stream(m.alias, columnOf(m))),
    ...inputs.map(({ alias, column }, k) => stream(alias, column, between[k])),
  ];
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  hash.update(
    JSON.stringify([
      from,
      to,
      stride === 1 ? 1 : [stride, rows.length],
      reading,
      streams.map((s) => s.alias),
    ]),
  );
  return {
    times: pick(table.timeS),
    ...(keepTimes && table.calendar ? { timesNs: rows.map((row) => table.timeNsAt(row)) } : {}),
    streams,
    sparse: table.long,
    fingerprint: hash.digest('hex'),
    account,
  };
}

/** Rows at which an input is not what it is in the row before and the row after: what it did can be told from them. */
function bendsIn(
  column: Float64Array,
  rowCount: number,
  inRange: (row: number) => boolean,
): Set<number> {
  const known: number[] = [];
  for (let i = 0; i < rowCount; i++) if (inRange(i) && Number.isFinite(column[i])) known.push(i);
  const valueAt = (k: number) => column[known[k] ?? -1];
  return new Set(
    known.filter((row, k) => column[row] !== valueAt(k - 1) || column[row] !== valueAt(k + 1)),
  );
}

/** Values that the first rows hold. */
export const valuesIn = ({ streams }: RecordingValues, rows: number): number =>
  streams.reduce((sum, { fed }) => sum + (fed?.slice(0, rows).filter(Boolean).length ?? rows), 0);

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
      if (stream.fed?.[row] === false) continue;
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
