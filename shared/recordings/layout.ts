import { TwinError } from '../core/index.js';
import type { Dialect } from './dialect.js';
import { findColumn, hasRole, isClockName, isTimeName } from './names.js';
import { numberOf } from './numbers.js';
import type { LongForm, ReadOptions, TimeFormat } from './options.js';
import { dateText } from './times/date-text.js';
import { recogniseTimes } from './times/recognise.js';

/** Where the times of the rows are. */
export interface TimePlace {
  /** Places of the column, and of the one with the time of day where dates are apart; none: rows are counted. */
  columns: readonly number[];
  name: string | undefined;
  format: TimeFormat | 'rows';
  calendar: boolean;
  /** Seconds between rows that are counted. */
  periodS?: number;
  note?: string;
}

/** Places of the columns of a recording in long form. */
export interface LongPlaces {
  tag: number;
  value: number;
  quality?: number;
}

const PERIOD_NAME = /^(ts|dt|delta_?t|sample_?(time|period)|sampling_?(time|period)|period)$/i;

const cellsOf = (dialect: Pick<Dialect, 'sample'>, column: number) =>
  dialect.sample.map((r) => (r[column] ?? '').trim()).filter((c) => c !== '');

function missing(name: string, source: string, dialect: Pick<Dialect, 'columns'>): TwinError {
  const names = dialect.columns.map((c) => c.name);
  const shown = names.slice(0, 40).join(', ');
  return new TwinError(
    'COLUMN_MISSING',
    `${source} has no column "${name}". It has: ${shown}${names.length > 40 ? ` and ${names.length - 40} more` : ''}.`,
  );
}

/**
 * Finds the times of a recording's rows: the column that was named, one that is called as times are,
 * one that holds dates, or a first column that rises.
 *
 * @throws TwinError `COLUMN_MISSING`, `FILE_INVALID`, `USAGE`
 */
export function findTime(
  dialect: Pick<Dialect, 'columns' | 'sample' | 'decimal'>,
  source: string,
  options: ReadOptions,
): TimePlace {
  const { columns } = dialect;
  const recognise = (c: number) =>
    recogniseTimes(cellsOf(dialect, c), columns[c]!.label, columns[c]!.unit, options.timeFormat);
  if (options.timeColumn !== undefined) {
    const whole = findColumn(columns, options.timeColumn);
    const names = whole >= 0 ? [options.timeColumn] : options.timeColumn.split('+');
    const places = names.map((name) => {
      const at = findColumn(columns, name.trim());
      if (at < 0) throw missing(name.trim(), source, dialect);
      return at;
    });
    const found = recognise(places[0]!);
    if (found === undefined) {
      throw new TwinError(
        'FILE_INVALID',
        `${source}: the column "${options.timeColumn}" holds no times; its first cells are ${
          cellsOf(dialect, places[0]!)
            .slice(0, 3)
            .map((c) => JSON.stringify(c))
            .join(', ') || 'empty'
        }. Name another by --time-column, or its format by --time-format.`,
      );
    }
    return { columns: places, name: options.timeColumn, ...found };
  }
  if (options.samplePeriodS !== undefined) {
    return countedRows(options.samplePeriodS);
  }
  const place = (c: number, found: { format: TimeFormat; calendar: boolean }): TimePlace => {
    const clock = clockBeside(dialect, c);
    return clock === undefined
      ? { columns: [c], name: columns[c]!.name, ...found }
      : { columns: [c, clock], name: `${columns[c]!.name} + ${columns[clock]!.name}`, ...found };
  };
  for (const c of columns.keys()) {
    if (!isTimeName(columns[c]!.label) || isPeriod(dialect, c)) continue;
    const found = recognise(c);
    if (found !== undefined) return place(c, found);
  }
  for (const c of columns.keys()) {
    const cells = cellsOf(dialect, c);
    const dates = cells.filter((cell) => !/^\d+$/.test(cell) && dateText(cell) !== undefined);
    if (cells.length > 0 && dates.length * 2 > cells.length) {
      const found = recognise(c);
      if (found !== undefined) return place(c, found);
    }
  }
  const period = columns.findIndex((c, i) => PERIOD_NAME.test(c.label) && isPeriod(dialect, i));
  if (period >= 0) {
    const periodS = numberOf(cellsOf(dialect, period)[0]!, dialect.decimal);
    return {
      ...countedRows(periodS),
      note: `It has no times: rows are counted, each ${periodS} s as its column ${columns[period]!.name} says.`,
    };
  }
  if (rises(dialect, 0)) {
    const found = recognise(0);
    if (found !== undefined) return place(0, found);
  }
  throw new TwinError(
    'FILE_INVALID',
    `${source}: none of its columns (${columns
      .slice(0, 8)
      .map((c) => c.name)
      .join(
        ', ',
      )}${columns.length > 8 ? ', …' : ''}) holds times${unreadTimes(dialect)}. Name one by --time-column, or say by --sample-period how many seconds lie between two rows.`,
  );
}

/** What stands in a column that is called as times are, and is none that can be read. */
function unreadTimes(dialect: Pick<Dialect, 'columns' | 'sample'>): string {
  const column = dialect.columns.findIndex((c) => isTimeName(c.label));
  const cell = column < 0 ? undefined : cellsOf(dialect, column)[0];
  if (cell === undefined) return '';
  return `: "${dialect.columns[column]!.name}" has ${JSON.stringify(cell.slice(0, 60))}, where 2026-10-01T12:00:00Z, 01.10.2026 12:00 or seconds would be read`;
}

const countedRows = (periodS: number): TimePlace => ({
  columns: [],
  name: undefined,
  format: 'rows',
  calendar: false,
  periodS,
});

/** Whether a column says nothing but one positive number, in its first row or in all. */
function isPeriod(
  dialect: Pick<Dialect, 'sample' | 'decimal' | 'columns'>,
  column: number,
): boolean {
  if (!PERIOD_NAME.test(dialect.columns[column]!.label)) return false;
  const cells = cellsOf(dialect, column);
  const first = cells[0];
  return (
    first !== undefined && cells.every((c) => c === first) && numberOf(first, dialect.decimal) > 0
  );
}

function rises(dialect: Pick<Dialect, 'sample' | 'decimal'>, column: number): boolean {
  const values = cellsOf(dialect, column).map((c) => numberOf(c, dialect.decimal));
  if (values.length === 0 || values.some(Number.isNaN)) return false;
  const back = values.filter((v, i) => i > 0 && v < values[i - 1]!).length;
  return back <= values.length / 50 && (values.length === 1 || values.at(-1)! > values[0]!);
}

/** The column with the time of day beside one that holds dates without. */
function clockBeside(
  dialect: Pick<Dialect, 'sample' | 'columns'>,
  date: number,
): number | undefined {
  const dates = cellsOf(dialect, date);
  if (dates.length === 0 || dates.some((c) => c.includes(':') || dateText(c) === undefined))
    return undefined;
  for (const c of [date + 1, date - 1]) {
    const column = dialect.columns[c];
    const cells = cellsOf(dialect, c);
    if (column === undefined || !isClockName(column.label) || cells.length === 0) continue;
    if (cells.every((cell) => /^\d{1,2}:\d{2}/.test(cell))) return c;
  }
  return undefined;
}

/**
 * Finds out whether rows are readings of one tag each, and where tag, value and quality stand.
 *
 * @returns undefined for rows that are instants
 * @throws TwinError `COLUMN_MISSING`, `FILE_INVALID`
 */
export function findLongForm(
  dialect: Pick<Dialect, 'columns' | 'sample' | 'decimal'>,
  source: string,
  options: ReadOptions,
): LongPlaces | undefined {
  if (options.long === false) return undefined;
  const { columns } = dialect;
  if (typeof options.long === 'object') {
    const at = (name: string) => {
      const found = findColumn(columns, name);
      if (found < 0) throw missing(name, source, dialect);
      return found;
    };
    const { tag, value, quality }: LongForm = options.long;
    return {
      tag: at(tag),
      value: at(value),
      ...(quality === undefined ? {} : { quality: at(quality) }),
    };
  }
  const role = (name: 'tag' | 'value' | 'quality') =>
    columns.findIndex((c) => hasRole(name, c.label));
  const [tag, value, quality] = [role('tag'), role('value'), role('quality')];
  const found = tag >= 0 && value >= 0 && tag !== value && isText(dialect, tag);
  if (!found) {
    if (options.long !== true) return undefined;
    throw new TwinError(
      'FILE_INVALID',
      `${source}: it is not plain which of ${columns.map((c) => c.name).join(', ')} hold tag and value. Name them: --long TAG,VALUE or --long TAG,VALUE,QUALITY.`,
    );
  }
  return {
    tag,
    value,
    ...(quality >= 0 && quality !== tag && quality !== value ? { quality } : {}),
  };
}

/** Whether a column holds texts, as tags are: numbers alone are none. */
function isText(dialect: Pick<Dialect, 'sample' | 'decimal'>, column: number): boolean {
  const cells = cellsOf(dialect, column);
  return cells.filter((c) => Number.isNaN(numberOf(c, dialect.decimal))).length * 2 > cells.length;
}
