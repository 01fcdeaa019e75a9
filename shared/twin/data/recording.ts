import type { TwinDefinition } from '../../config/index.js';
import { secondsToNs, type Tqv, TwinError } from '../../core/index.js';
import {
  type ReadOptions,
  type RecordingTable,
  readTable,
  recordingColumn,
} from '../../recordings/index.js';
import type { Sample, Twin } from '../types.js';
import { alignStreams } from './align.js';
import { thinned } from './thin.js';

/** Why a row is left out that another one of the same time contradicts. */
export const OVERWRITTEN = 'of a time that was there already, with other values';

/** How a recording is read, and which of its rows are taken. */
export interface RecordingOptions extends Omit<ReadOptions, 'columns' | 'texts'> {
  /** First row to use, 0-based. */
  from?: number;
  /** Row to stop before. */
  to?: number;
  /** Use what is measured of every nth row. */
  stride?: number;
}

/** A recording as samples of a twin, with the table that they came from. */
export interface TwinRecording {
  samples: Sample[];
  table: RecordingTable;
  /** Rows of the file that were asked for. */
  rows: number;
  /** Rows that make no sample of their own, by reason. */
  skipped: Record<string, number>;
}

type Stream = TwinDefinition['measured'][number] | TwinDefinition['inputs'][number];

const columnOf = (item: Stream) => item.column ?? item.variable;

/** The streams that a recording should hold: what is measured, and inputs that follow one. */
function followed(definition: TwinDefinition): Stream[] {
  return [...definition.measured, ...definition.inputs.filter((i) => i.value === undefined)];
}

/** How a twin's recordings are read: its columns, and texts that stand for numbers. */
export function twinReadOptions(
  definition: TwinDefinition,
  options: RecordingOptions = {},
): ReadOptions {
  const { from, to, stride, ...reading } = options;
  const items = [...definition.measured, ...definition.inputs];
  return {
    ...reading,
    columns: items.map(columnOf),
    texts: Object.fromEntries(
      items.flatMap((i) => (i.texts === undefined ? [] : [[columnOf(i), i.texts]])),
    ),
  };
}

/**
 * Reads a recording as samples of a twin, with an account of what was read.
 *
 * @throws TwinError `FILE_NOT_FOUND`, `FILE_INVALID`, `COLUMN_MISSING`, `USAGE` (no rows in range)
 */
export async function readTwinRecording(
  twin: Twin,
  path: string,
  options: RecordingOptions = {},
): Promise<TwinRecording> {
  const { definition } = twin;
  const table = await readTable(path, twinReadOptions(definition, options));
  return twinRecordingOf(definition, table, options);
}

/**
 * A table as samples of a twin. In long form, where a row is one reading, the rows that are taken are
 * those of the samples that the readings make.
 *
 * @throws TwinError `COLUMN_MISSING`, `USAGE` (no rows in range)
 */
export function twinRecordingOf(
  definition: TwinDefinition,
  table: RecordingTable,
  options: Pick<RecordingOptions, 'from' | 'to' | 'stride'> = {},
): TwinRecording {
  for (const item of followed(definition)) recordingColumn(table, columnOf(item));
  const { account, source } = table;
  const { from = 0, stride = 1 } = options;
  const aligned = table.long ? alignedSamples(definition, table) : undefined;
  const all = aligned?.length ?? account.rows;
  const to = Math.min(options.to ?? all, all);
  if (from >= to && !(table.long && all === 0)) {
    throw new TwinError(
      'USAGE',
      `No rows from ${from} to ${options.to ?? all}: ${source} has ${table.long ? 'readings for ' : ''}rows 0 to ${all - 1}.`,
    );
  }
  const taken = (row: number) => (row - from) % stride === 0;
  if (aligned !== undefined) {
    const samples = thinned(definition, aligned.slice(from, to), (_, k) => taken(from + k));
    return { samples, table, rows: samples.length, skipped: {} };
  }
  const samples = thinned(definition, rowSamples(definition, table, from, to), ({ row }) =>
    taken(row!),
  );
  const rows = Math.ceil((to - from) / stride);
  const skipped: Record<string, number> = {};
  const add = (reason: string, count: number) => {
    if (count > 0) skipped[reason] = count;
  };
  // Why rows of a part of the file are missing is known of the whole file only.
  if (from === 0 && to === account.rows && stride === 1) {
    for (const [why, { count }] of Object.entries(account.withoutTime)) add(why, count);
    add('of a time that was there already', account.order.duplicates);
    add(OVERWRITTEN, account.order.conflicts);
  } else add('without a time, or of one that was there already', rows - samples.length);
  return { samples, table, rows, skipped };
}

/**
 * Reads a recording as samples of a twin.
 *
 * @throws TwinError as {@link readTwinRecording}
 */
export async function readRecording(
  twin: Twin,
  path: string,
  options: RecordingOptions = {},
): Promise<Sample[]> {
  return (await readTwinRecording(twin, path, options)).samples;
}

function rowSamples(
  definition: TwinDefinition,
  table: RecordingTable,
  from: number,
  to: number,
): Sample[] {
  const measured = definition.measured.map((m) => recordingColumn(table, columnOf(m)).values);
  const inputs = definition.inputs.map((input) =>
    input.value === undefined ? recordingColumn(table, columnOf(input)).values : input.value,
  );
  const samples: Sample[] = [];
  for (let i = 0; i < table.rowCount; i++) {
    const row = table.row[i]!;
    if (row < from || row >= to) continue;
    samples.push({
      timeS: table.timeS[i]!,
      row,
      inputs: Float64Array.from(inputs, (column) =>
        typeof column === 'number' ? column : column[i]!,
      ),
      measured: Float64Array.from(measured, (column) => column[i]!),
    });
  }
  return samples;
}

/** Readings of tags, each at times of its own, joined as those of SiteWise's streams are. */
function alignedSamples(definition: TwinDefinition, table: RecordingTable): Sample[] {
  const streams = new Map<string, Tqv[]>();
  const withAlias = <T extends Stream>(item: T): T => {
    if ('value' in item && item.value !== undefined) return item;
    const { values } = recordingColumn(table, columnOf(item));
    const readings: Tqv[] = [];
    for (let i = 0; i < table.rowCount; i++) {
      if (Number.isNaN(values[i]!)) continue;
      readings.push({ timeNs: table.timeNsAt(i), quality: 'GOOD', value: values[i]! });
    }
    streams.set(item.variable, readings);
    return { ...item, alias: item.variable };
  };
  const { samples } = alignStreams({
    definition: {
      ...definition,
      measured: definition.measured.map(withAlias),
      inputs: definition.inputs.map(withAlias),
    },
    streams,
    untilNs: table.timeNsAt(table.rowCount - 1) + 1_000_000_000n * 86_400n,
    timeMap: { segments: [{ wallNs: secondsToNs(table.originS), machineS: 0, scale: 1 }] },
  });
  return samples.map(({ timeNs, ...sample }) => sample);
}
