import { TwinError } from './errors.js';

/** A table of numbers with named columns, as recordings come. */
export interface NumericTable {
  columns: readonly string[];
  /** One `Float64Array` per column, all of one length; an empty or non-numeric cell is `NaN`. */
  data: readonly Float64Array[];
  rowCount: number;
}

/** Splits one line at commas, honouring double quotes (`""` inside them is one quote). */
function splitLine(line: string): string[] {
  if (!line.includes('"')) return line.split(',');
  const cells: string[] = [];
  let cell = '';
  let quoted = false;
  for (let i = 0; i < line.length; i++) {
    const c = line[i];
    if (quoted) {
      if (c !== '"') cell += c;
      else if (line[i + 1] === '"') {
        cell += '"';
        i++;
      } else quoted = false;
    } else if (c === '"') quoted = true;
    else if (c === ',') {
      cells.push(cell);
      cell = '';
    } else cell += c;
  }
  cells.push(cell);
  return cells;
}

/** A column's name without surrounding space and back-quotes (as MapleSim writes them). */
function cleanName(name: string): string {
  const trimmed = name.trim();
  return trimmed.length > 1 && trimmed.startsWith('`') && trimmed.endsWith('`')
    ? trimmed.slice(1, -1)
    : trimmed;
}

/**
 * Parses a CSV text of numbers.
 *
 * @param headerRow 1-based line of the header; lines before it are skipped. Left out, the header
 *   is the first line that is followed by one with the same number of cells, at least two of them
 *   named and the first of the next line a number.
 * @throws TwinError `FILE_INVALID` when there is no header or no row
 */
export function parseNumericCsv(text: string, source: string, headerRow?: number): NumericTable {
  const lines = text.replace(/^\uFEFF/, '').split(/\r?\n/);
  while (lines.length > 0 && lines[lines.length - 1]?.trim() === '') lines.pop();
  const header = headerRow === undefined ? findHeader(lines) : headerRow - 1;
  const headerLine = header === undefined ? undefined : lines[header];
  if (header === undefined || headerLine === undefined) {
    throw new TwinError(
      'FILE_INVALID',
      `${source} has no header line${headerRow === undefined ? '' : ` at line ${headerRow}`}: expected comma-separated column names followed by rows of numbers. Name the line with --header-row.`,
    );
  }
  const columns = splitLine(headerLine).map(cleanName);
  const rowCount = lines.length - header - 1;
  if (rowCount < 1) throw new TwinError('FILE_INVALID', `${source} has a header but no rows.`);
  const data = columns.map(() => new Float64Array(rowCount).fill(Number.NaN));
  for (let row = 0; row < rowCount; row++) {
    const cells = splitLine(lines[header + 1 + row] ?? '');
    for (let c = 0; c < columns.length; c++) {
      const cell = cells[c]?.trim();
      const column = data[c];
      if (cell !== undefined && cell !== '' && column !== undefined) column[row] = Number(cell);
    }
  }
  return { columns, data, rowCount };
}

function findHeader(lines: readonly string[]): number | undefined {
  for (let i = 0; i + 1 < lines.length; i++) {
    const names = splitLine(lines[i] ?? '').map(cleanName);
    const next = splitLine(lines[i + 1] ?? '');
    const named = names.filter((name) => name !== '').length;
    const first = next[0]?.trim() ?? '';
    if (
      named >= 2 &&
      named === names.length &&
      next.length === names.length &&
      first !== '' &&
      Number.isFinite(Number(first))
    ) {
      return i;
    }
  }
  return undefined;
}

/**
 * One column of a table.
 *
 * @throws TwinError `COLUMN_MISSING`, naming what is there
 */
export function columnOf(table: NumericTable, name: string, source: string): Float64Array {
  const column = table.data[table.columns.indexOf(name)];
  if (column === undefined) {
    throw new TwinError(
      'COLUMN_MISSING',
      `${source} has no column "${name}". It has: ${table.columns.join(', ')}. Name the right one in the twin definition's "column".`,
    );
  }
  return column;
}

/** Writes rows as CSV; numbers in full double precision, cells quoted where they must be. */
export function formatCsv(
  columns: readonly string[],
  rows: Iterable<readonly (number | string | undefined)[]>,
): string {
  return csvLine(columns) + Array.from(rows, csvLine).join('');
}

/** A cell of CSV, quoted where it must be. */
export function csvCell(value: number | string | undefined): string {
  if (value === undefined) return '';
  const text = String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** One line of CSV with its end; see {@link formatCsv}. */
export const csvLine = (cells: readonly (number | string | undefined)[]): string =>
  `${cells.map(csvCell).join(',')}\n`;
