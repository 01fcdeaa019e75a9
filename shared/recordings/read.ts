import { TwinError } from '../core/index.js';
import {
  extremes,
  originOf,
  plausibilityNotes,
  type RecordingAccount,
  rhythm,
  springGap,
} from './account.js';
import { type BesideColumns, besideColumns, type CountedColumn, qualitiesAmong } from './beside.js';
import { type CellCounts, ColumnBuilder } from './column-builder.js';
import { type Dialect, findHeader, recogniseDialect } from './dialect.js';
import { decoderOf, recogniseEncoding } from './encoding.js';
import { feedText } from './formats/feed.js';
import { parquetRows } from './formats/parquet.js';
import { type OpenedFile, openFile, wholeLines } from './formats/text.js';
import { workbookRows } from './formats/workbook.js';
import { findLongForm, findTime, type LongPlaces, type TimePlace } from './layout.js';
import { type ChosenRows, chosenRows, namesAmong, noneChosen, refuseSeveral } from './machines.js';
import { type ColumnName, columnName, findColumn } from './names.js';
import type { ReadOptions } from './options.js';
import { settleOrder } from './order.js';
import { LongSink, qualityColumns, WideSink } from './sinks.js';
import type { RecordingColumn, RecordingTable } from './table.js';
import { TimeColumnBuilder } from './time-column.js';
import { UTC, zoneOf } from './times/zone.js';

/** The shape of a file before its rows are read. */
interface Shape extends Dialect {
  format: RecordingAccount['format'];
  encoding?: string;
}

/** Names of delimiters that are hard to type. */
const DELIMITER_NAMES: Readonly<Record<string, string>> = {
  tab: '\t',
  '\\t': '\t',
  semicolon: ';',
  comma: ',',
  bar: '|',
  pipe: '|',
};

function checkOptions(options: ReadOptions): ReadOptions {
  const { delimiter } = options;
  if (delimiter === undefined) return options;
  const character = DELIMITER_NAMES[delimiter] ?? delimiter;
  if (character.length !== 1 || character === '"' || /[\r\n]/.test(character)) {
    throw new TwinError(
      'USAGE',
      `--delimiter is ${JSON.stringify(delimiter)}: expected one character such as ; or |, or the word tab.`,
    );
  }
  return { ...options, delimiter: character };
}

/**
 * Reads a recording of any kind that historians export: delimited text in any dialect and encoding,
 * gzip around it, .xlsx, Parquet; one row per instant or one per reading.
 *
 * @throws TwinError `FILE_NOT_FOUND`, `FILE_INVALID`, `COLUMN_MISSING`, `USAGE`
 */
export async function readTable(path: string, given: ReadOptions = {}): Promise<RecordingTable> {
  const options = checkOptions(given);
  const file = await openFile(path);
  if (file.sizeBytes === 0) {
    throw new TwinError('FILE_INVALID', `${path} is empty: expected a header and rows.`);
  }
  const magic = file.head.subarray(0, 4).toString('latin1');
  if (magic === 'PAR1') return readRows(path, 'parquet', parquetRows(path), options);
  if (magic === 'PK\u0003\u0004') {
    const rows = await workbookRows(path, options.sheet);
    return readRows(path, 'workbook', batches(rows), options);
  }
  return readText(path, file, options);
}

async function* batches(rows: string[][]): AsyncGenerator<string[][]> {
  yield rows;
}

/** Reads rows that a library has taken apart already. */
async function readRows(
  path: string,
  format: 'parquet' | 'workbook',
  rows: AsyncGenerator<string[][]>,
  options: ReadOptions,
): Promise<RecordingTable> {
  const head: string[][] = [];
  while (head.length < 400) {
    const next = await rows.next();
    if (next.done === true) break;
    head.push(...next.value);
  }
  const layout = findHeader(head.slice(0, 400), '.', path, options);
  const shape: Shape = { ...layout, format, delimiter: '', decimal: '.', decimalUnsure: false };
  const reading = begin(path, shape, options);
  const take = (cells: readonly string[]) => {
    if (reading.chosen?.takes(cells) !== false) reading.sink.record(cells);
  };
  for (const cells of head.slice(shape.firstRecord)) take(cells);
  for await (const batch of rows) for (const cells of batch) take(cells);
  return finish(path, shape, reading, { gzip: false, cutRow: false });
}

async function readText(
  path: string,
  file: OpenedFile,
  options: ReadOptions,
): Promise<RecordingTable> {
  const encoding = recogniseEncoding(file.head, options.encoding);
  if (encoding === undefined) {
    throw new TwinError(
      'FILE_INVALID',
      `${path} is no text: it begins with the bytes ${file.head.subarray(0, 8).toString('hex')}. Expected delimited text (also gzip), .xlsx or Parquet. If it is text, name its --encoding.`,
    );
  }
  const text = decoderOf(encoding.name).decode(file.head, { stream: !file.whole });
  const head = file.whole ? text : wholeLines(text);
  const shape: Shape = {
    ...recogniseDialect(head, path, options),
    format: 'text',
    encoding: encoding.name,
  };
  const reading = begin(path, shape, options);
  const grown = await feedText(file, encoding.name, shape, reading.sink, reading.chosen?.takes);
  return finish(path, shape, reading, { gzip: file.gzip, cutRow: grown });
}

interface Reading {
  sink: WideSink | LongSink;
  times: TimeColumnBuilder;
  place: TimePlace;
  long: LongPlaces | undefined;
  zoneName: string | undefined;
  unused: string[];
  chosen: ChosenRows | undefined;
  /** Columns whose words may be names of machines. */
  names: readonly CountedColumn[];
  /** Of rows that are instants: what unused columns say of others, once all is read. */
  beside?: () => BesideColumns | undefined;
  wideColumns: { index: number; builder: ColumnBuilder }[];
}

function begin(path: string, shape: Shape, options: ReadOptions): Reading {
  const place = findTime(shape, path, options);
  const long = findLongForm(shape, path, options);
  const zone = options.timeZone === undefined ? UTC : zoneOf(options.timeZone);
  const times = new TimeColumnBuilder(
    place.format === 'rows' ? 's' : place.format,
    {
      decimal: shape.decimal,
      zone,
      zoneGiven: options.timeZone !== undefined,
      given: options.timeFormat !== undefined,
      instants: long === undefined,
    },
    path,
  );
  const texts = options.texts ?? {};
  const told = options.decimal !== undefined;
  const builder = ({ name, label, unit }: ColumnName) =>
    new ColumnBuilder(shape.decimal, texts[name] ?? texts[label] ?? {}, told, unit);
  const width = shape.columns.length;
  const chosen = chosenRows(shape, path, options);
  const common = { times, place, long, zoneName: options.timeZone, chosen };
  const { columns: wanted } = options;
  if (long !== undefined) {
    const unused: string[] = [];
    const sink = new LongSink(times, place, long, width, (tag) => {
      const parts = columnName(tag);
      if (wanted === undefined || wanted.some((w) => findColumn([parts], w) === 0)) {
        return builder(parts);
      }
      unused.push(tag);
      return undefined;
    });
    return { ...common, sink, unused, names: [], wideColumns: [] };
  }
  const quality = qualityColumns(shape.columns);
  const others = new Set([...place.columns, ...quality.values(), ...(chosen?.places ?? [])]);
  const indices =
    wanted === undefined
      ? shape.columns.flatMap((_, i) => (others.has(i) ? [] : [i]))
      : [...new Set(wanted.map((name) => findColumn(shape.columns, name)).filter((i) => i >= 0))];
  const wideColumns = indices.map((index) => {
    const beside = quality.get(index);
    return {
      index,
      builder: builder(shape.columns[index]!),
      ...(beside === undefined || indices.includes(beside) ? {} : { quality: beside }),
    };
  });
  const used = new Set([...indices, ...others]);
  const unused = [...shape.columns.keys()].filter((i) => !used.has(i));
  const counted = qualitiesAmong(shape.columns, unused);
  const names = chosen === undefined ? namesAmong(shape, others) : [];
  return {
    ...common,
    sink: new WideSink(times, place, wideColumns, [...counted, ...names], width),
    names,
    unused: unused.map((i) => shape.columns[i]!.name),
    beside: () => besideColumns(shape.columns, indices, unused, counted),
    wideColumns,
  };
}

/** The table of a recording that was read to its end, with the account of it. */
function finish(
  path: string,
  shape: Shape,
  reading: Reading,
  file: { gzip: boolean; cutRow: boolean },
): RecordingTable {
  const { sink, place } = reading;
  const times = reading.times.done();
  sink.qualities.settle();
  if (reading.chosen !== undefined && sink.counts.rows === 0)
    throw noneChosen(path, reading.chosen);
  if (times.s.length === 0) throw withoutTimes(path, reading);
  const row = Int32Array.from(sink.row.done());
  const columns = columnsOf(shape, reading, times.s.length);
  const { count, order } = settleOrder(
    times.s,
    times.ns,
    row,
    columns.map((c) => c.values),
  );
  refuseSeveral(path, shape, reading.names, {
    rows: sink.counts.rows,
    kept: count,
    order,
    time: place.columns,
  });
  const s = times.s.subarray(0, count);
  const ns = times.ns.subarray(0, count);
  for (const column of columns) column.values = column.values.subarray(0, count);
  const pace = rhythm(s, ns);
  const originS = originOf(s, pace.periodS);
  const timeS =
    originS === 0 && ns.every((v) => v === 0) ? s : s.map((v, i) => v - originS + ns[i]! * 1e-9);
  const zoneless = place.calendar && (times.zones.without > 0 || times.format === 'excel');
  const springS = zoneless ? springGap(s, pace.periodS) : undefined;
  const beside = reading.beside?.();
  const account: RecordingAccount = {
    ...fileOf(path, shape, file.gzip),
    form: sink instanceof LongSink ? 'long' : 'wide',
    time: {
      column: place.name,
      format: place.format === 'rows' ? 'rows' : times.format,
      calendar: place.calendar,
      ...(zoneless ? { zone: reading.zoneName ?? 'UTC' } : {}),
      zoneAssumed: zoneless && reading.zoneName === undefined,
      ...(times.settledBy === undefined ? {} : { settledBy: times.settledBy }),
      ...(originS === 0 ? {} : { originS }),
    },
    ...sink.counts,
    ...chosenOf(reading.chosen),
    kept: count,
    withoutTime: reading.times.faults,
    cutRow: file.cutRow,
    order,
    firstS: originS + timeS[0]!,
    lastS: originS + timeS[count - 1]!,
    spanS: timeS[count - 1]! - timeS[0]!,
    ...pace,
    ...(springS === undefined ? {} : { springS }),
    columns: Object.fromEntries(
      columns.map((c) => [
        c.name,
        { ...c.counts, ...extremes(c.values), ...(c.unit === undefined ? {} : { unit: c.unit }) },
      ]),
    ),
    unused: reading.unused,
    ...(beside === undefined ? {} : { beside }),
    notes: place.note === undefined ? [] : [place.note],
  };
  account.notes.push(...plausibilityNotes(account));
  return {
    source: path,
    columns,
    rowCount: count,
    timeS,
    row,
    calendar: place.calendar,
    originS,
    timeNsAt: (i) => BigInt(s[i]!) * 1_000_000_000n + BigInt(ns[i]!),
    long: sink instanceof LongSink,
    account,
  };
}

/** Says that no row has a time, and what stands in the place of it. */
function withoutTimes(path: string, { sink, place, times }: Reading): TwinError {
  const why = Object.entries(times.faults)
    .map(
      ([fault, f]) =>
        `${f.count} × ${fault}, e.g. ${JSON.stringify(f.example)} in row ${f.row + 1}`,
    )
    .join('; ');
  return new TwinError(
    'FILE_INVALID',
    `${path}: none of its ${sink.counts.rows} rows has a time in "${place.name}"${why === '' ? '' : ` (${why})`}. Name another column by --time-column, or the format by --time-format.`,
  );
}

/** The columns of values: of long form one for each tag that is wanted. */
function columnsOf(shape: Shape, { sink, wideColumns }: Reading, rows: number): RecordingColumn[] {
  if (sink instanceof LongSink) {
    return [...sink.tags]
      .filter(([, t]) => t.wanted)
      .map(([tag, { builder: values, at }]) => ({
        ...columnName(tag),
        ...unitOf(values.counts),
        values: spread(values.done(), at.done(), rows),
        counts: values.counts,
      }));
  }
  return wideColumns.map(({ index, builder: values }) => ({
    ...shape.columns[index]!,
    ...unitOf(values.counts),
    values: values.done(),
    counts: values.counts,
  }));
}

/** Which rows were asked for, and how many others there were. */
const chosenOf = (chosen: ChosenRows | undefined) =>
  chosen === undefined
    ? {}
    : { chosen: { column: chosen.column, value: chosen.value, others: chosen.others } };

/** What kind of file it was. */
const fileOf = (path: string, shape: Shape, gzip: boolean) => ({
  source: path,
  format: shape.format,
  gzip,
  ...(shape.encoding === undefined ? {} : { encoding: shape.encoding }),
  ...(shape.format === 'text' ? { delimiter: shape.delimiter } : {}),
  decimal: shape.decimal,
  headerLine: shape.headerRecord + 1,
});

/** The unit that a column's cells name. */
const unitOf = ({ unitInCells }: CellCounts) =>
  unitInCells === undefined ? {} : { unit: unitInCells.unit };

/** Readings of one tag at the places that they have among all. */
function spread(values: Float64Array, at: Float64Array, n: number): Float64Array {
  const all = new Float64Array(n).fill(Number.NaN);
  for (let i = 0; i < values.length; i++) all[at[i]!] = values[i]!;
  return all;
}

/**
 * One column of a recording.
 *
 * @param name as in the file, with or without its unit
 * @throws TwinError `COLUMN_MISSING`, naming what is there
 */
export function recordingColumn(table: RecordingTable, name: string): RecordingColumn {
  const found = table.columns[findColumn(table.columns, name)];
  if (found !== undefined) return found;
  const names = [...table.columns.map((c) => c.name), ...table.account.unused];
  const close = table.columns.filter((c) => c.label === name).length > 1;
  throw new TwinError(
    'COLUMN_MISSING',
    `${table.source} has ${close ? `several columns "${name}"` : `no column "${name}"`}. It has: ${names.slice(0, 40).join(', ')}${names.length > 40 ? ` and ${names.length - 40} more` : ''}. Name the right one in the twin definition's "column".`,
  );
}
