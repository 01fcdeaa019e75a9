import Papa from 'papaparse';
import { TwinError } from '../core/index.js';
import { type ColumnName, columnNames, isUnit } from './names.js';
import { type DecimalMark, isQualityWord, numberOf, numberWithUnit, truthOf } from './numbers.js';
import type { ReadOptions } from './options.js';
import { dateText } from './times/date-text.js';

/** How the cells of a text stand, and where its rows begin. */
export interface Dialect {
  delimiter: string;
  decimal: DecimalMark;
  /** Whether numbers with a decimal comma could as well be thousands, and no cell settles it. */
  decimalUnsure: boolean;
  columns: ColumnName[];
  /** 0-based records of the header and of the first row. */
  headerRecord: number;
  firstRecord: number;
  /** Whether the header had a row of units below it. */
  unitsRow: boolean;
  /** The first rows' cells, at most some hundred. */
  sample: string[][];
}

const DELIMITERS = [',', ';', '\t', '|'] as const;
/** Rows by which a dialect is recognised. */
const SAMPLE_ROWS = 400;

/** What a cell is to somebody who looks for the header. */
type CellKind = 'empty' | 'number' | 'time' | 'word' | 'text';

function kindOf(cell: string, decimal: DecimalMark): CellKind {
  const text = cell.trim();
  if (text === '') return 'empty';
  const value = numberOf(numberWithUnit(text)?.number ?? text, decimal);
  if (!Number.isNaN(value)) return 'number';
  if (truthOf(text) !== undefined || isQualityWord(text)) return 'word';
  return dateText(text) === undefined ? 'text' : 'time';
}

/** Splits the head of a text into records. */
function recordsOf(text: string, delimiter: string): string[][] {
  const { data } = Papa.parse<string[]>(text, { delimiter, preview: SAMPLE_ROWS });
  // What stands behind the last line break is no record.
  while (data.length > 0 && data.at(-1)?.every((c) => c.trim() === '') === true) data.pop();
  return data;
}

/** The number of cells that most records have, of those at the end, where rows are. */
function usualWidth(records: readonly string[][]): number {
  const counts = new Map<number, number>();
  const tail = records.slice(-Math.max(1, records.length >> 1));
  for (const { length } of tail) counts.set(length, (counts.get(length) ?? 0) + 1);
  return [...counts].toSorted((a, b) => b[1] - a[1] || b[0] - a[0])[0]?.[0] ?? 0;
}

/** Decimal marks in cells that are numbers with one mark and not with the other. */
function decimalOf(
  records: readonly string[][],
  delimiter: string,
): {
  decimal: DecimalMark;
  unsure: boolean;
} {
  let points = 0;
  let commas = 0;
  let settled = false;
  for (const cell of records.flat()) {
    const trimmed = cell.trim();
    const text = numberWithUnit(trimmed)?.number ?? trimmed;
    if (/^[+-]?\d*\.\d+([eE][+-]?\d+)?$/.test(text)) points++;
    else if (/^[+-]?\d*,\d+([eE][+-]?\d+)?$/.test(text)) {
      commas++;
      // Thousands come in threes behind one to three digits that do not begin with 0.
      if (!/^[+-]?[1-9]\d{0,2},\d{3}$/.test(text)) settled = true;
    }
  }
  if (commas <= points) return { decimal: '.', unsure: false };
  // Between semicolons or tabs a comma is the decimal mark: for that they were chosen.
  if (settled || delimiter !== ',') return { decimal: ',', unsure: false };
  return { decimal: '.', unsure: points === 0 };
}

/** How well a delimiter divides a text: cells of usual rows that are values. */
function score(records: readonly string[][], decimal: DecimalMark): number {
  const width = usualWidth(records);
  if (width < 2) return 0;
  const usual = records.filter((r) => r.length === width);
  let values = 0;
  for (const row of usual) {
    for (const cell of row) {
      const kind = kindOf(cell, decimal);
      if (kind === 'number' || kind === 'time' || kind === 'word') values++;
      // Beside a delimiter that is not the right one, cells hold halves of several values.
      else if (kind === 'text' && /[;\t|]/.test(cell)) values--;
    }
  }
  return (usual.length / records.length) * (values + 0.01 * width * usual.length);
}

/**
 * Finds out how the cells of a text stand and where its header is.
 *
 * @param text the head of the file, decoded, ending with a whole line where there is more
 * @throws TwinError `FILE_INVALID`, `USAGE`
 */
export function recogniseDialect(text: string, source: string, options: ReadOptions): Dialect {
  const delimiters = options.delimiter === undefined ? DELIMITERS : [options.delimiter];
  const tried = delimiters.map((delimiter) => {
    const records = recordsOf(text, delimiter);
    const found = decimalOf(records, delimiter);
    const decimal = options.decimal ?? found.decimal;
    const unsure = options.decimal === undefined && found.unsure;
    return { delimiter, records, decimal, unsure, score: score(records, decimal) };
  });
  const best = tried.reduce((a, b) => (b.score > a.score ? b : a));
  const layout = findHeader(best.records, best.decimal, source, options);
  return {
    ...layout,
    delimiter: best.delimiter,
    decimal: best.decimal,
    decimalUnsure: best.unsure,
  };
}

/**
 * Finds the header of a table of cells: the last named record above the first row.
 *
 * @throws TwinError `FILE_INVALID`
 */
export function findHeader(
  records: readonly string[][],
  decimal: DecimalMark,
  source: string,
  options: ReadOptions,
): Omit<Dialect, 'delimiter' | 'decimal' | 'decimalUnsure'> {
  const filled = (record: readonly string[]) => record.filter((c) => c.trim() !== '').length;
  const isBlank = (record: readonly string[]) => filled(record) === 0;
  if (records.every(isBlank)) {
    throw new TwinError('FILE_INVALID', `${source} is empty: expected a header and rows.`);
  }
  const body = records.filter((r) => !isBlank(r));
  const kinds = (record: readonly string[]) => record.map((cell) => kindOf(cell, decimal));
  const key = keyColumn(body, decimal);
  const first =
    options.headerRow === undefined
      ? records.findIndex(
          (r) =>
            key !== undefined &&
            kindOf(r[key.column] ?? '', decimal) === key.kind &&
            filled(r) * 3 >= key.filled,
        )
      : options.headerRow;
  let header = options.headerRow === undefined ? first - 1 : options.headerRow - 1;
  if (options.headerRow === undefined)
    while (header >= 0 && isBlank(records[header] ?? [])) header--;
  if (first < 0 && options.headerRow === undefined) {
    const named = records.find((r) => filled(r) >= 2);
    throw new TwinError(
      'FILE_INVALID',
      named === undefined
        ? `${source} has no header line: expected column names, then rows of numbers. Name the line with --header-row, or what stands between the cells with --delimiter.`
        : `${source} has a header but no rows: found ${named
            .slice(0, 6)
            .map((c) => c.trim())
            .join(
              ', ',
            )}${named.length > 6 ? ', …' : ''}, and no row with a number or time below it. If there are rows, name the header’s line with --header-row or what stands between the cells with --delimiter.`,
    );
  }
  if (header < 0 || header >= records.length || isBlank(records[header] ?? [])) {
    throw new TwinError(
      'FILE_INVALID',
      `${source} has no header line${options.headerRow === undefined ? `: its first line is ${JSON.stringify(records[Math.max(0, first)]?.slice(0, 4).join(best(records)))}` : ` at line ${options.headerRow}`}. Expected column names above the rows; add them, or name their line with --header-row.`,
    );
  }
  let units: string[] | undefined;
  const below = records[header] ?? [];
  const above = records[header - 1] ?? [];
  if (options.headerRow === undefined && isUnitsRow(below) && filled(above) >= filled(below)) {
    units = below;
    header--;
  }
  let firstRecord = options.headerRow === undefined ? first : header + 1;
  const next = records[firstRecord] ?? [];
  if (
    units === undefined &&
    options.headerRow !== undefined &&
    isUnitsRow(next) &&
    kinds(next).every((k) => k !== 'number' && k !== 'time')
  ) {
    units = next;
    firstRecord++;
  }
  if (firstRecord >= records.length || records.slice(firstRecord).every(isBlank)) {
    throw new TwinError('FILE_INVALID', `${source} has a header but no rows.`);
  }
  const names = [...(records[header] ?? [])];
  names[0] = (names[0] ?? '').replace(/^\s*#\s*/, '');
  return {
    columns: columnNames(names, units),
    headerRecord: header,
    firstRecord,
    unitsRow: units !== undefined,
    sample: records.slice(firstRecord).filter((r) => !isBlank(r)),
  };
}

const best = (records: readonly string[][]) => ((records[0]?.length ?? 0) > 1 ? ', ' : '');

function isUnitsRow(record: readonly string[]): boolean {
  const cells = record.map((c) => c.trim()).filter((c) => c !== '');
  return cells.length >= 2 && cells.filter(isUnit).length >= 0.6 * cells.length;
}

/** The first column whose cells are times, else numbers, in most rows: a header's cell there is a name. */
function keyColumn(
  body: readonly string[][],
  decimal: DecimalMark,
): { column: number; kind: CellKind; filled: number } | undefined {
  const tail = body.slice(-Math.max(1, body.length >> 1));
  const width = usualWidth(body);
  const majority = Array.from({ length: Math.min(width, 64) }, (_, c): CellKind => {
    const kinds = tail.map((r) => kindOf(r[c] ?? '', decimal)).filter((k) => k !== 'empty');
    for (const kind of ['time', 'number'] as const) {
      if (kinds.length > 0 && kinds.filter((k) => k === kind).length * 2 > kinds.length)
        return kind;
    }
    return kinds.length === 0 ? 'empty' : 'text';
  });
  for (const kind of ['time', 'number'] as const) {
    const column = majority.indexOf(kind);
    if (column >= 0) {
      const sizes = tail
        .map((r) => r.filter((c) => c.trim() !== '').length)
        .toSorted((a, b) => a - b);
      return { column, kind, filled: sizes[sizes.length >> 1] ?? 0 };
    }
  }
  return undefined;
}
