import { TwinError } from '../../core/index.js';
import type { TimeFormat } from '../options.js';
import { dateText } from './date-text.js';

/** Nanoseconds of a time unit, and how headers write it. */
const UNITS: readonly { format: TimeFormat; words: readonly string[] }[] = [
  { format: 's', words: ['s', 'sec', 'secs', 'second', 'seconds', 'sek', 'sekunden'] },
  { format: 'ms', words: ['ms', 'msec', 'millis', 'milliseconds', 'millisecond'] },
  { format: 'us', words: ['us', 'µs', 'μs', 'usec', 'microseconds', 'micros'] },
  { format: 'ns', words: ['ns', 'nsec', 'nanoseconds', 'nanos'] },
  { format: 'min', words: ['min', 'mins', 'minute', 'minutes', 'minuten'] },
  { format: 'h', words: ['h', 'hr', 'hrs', 'hour', 'hours', 'stunden', 'std'] },
  { format: 'd', words: ['d', 'day', 'days', 'tage'] },
];

/** The format that a header's unit names. */
function unitFormat(unit: string | undefined): TimeFormat | undefined {
  const word = unit?.trim().toLowerCase();
  return word === undefined ? undefined : UNITS.find((u) => u.words.includes(word))?.format;
}

/** The format that the end of a name says, e.g. `time_ms`, `t_s`. */
function nameFormat(name: string): TimeFormat | undefined {
  return unitFormat(/[_ .]([a-zµμ]+)$/i.exec(name.trim())?.[1]);
}

/** Magnitudes of times since 1970 between 1973 and 5138: they do not overlap. */
const MAGNITUDES: readonly { format: TimeFormat; from: number; to: number }[] = [
  { format: 's', from: 1e8, to: 1e11 },
  { format: 'ms', from: 1e11, to: 1e14 },
  { format: 'us', from: 1e14, to: 1e17 },
  { format: 'ns', from: 1e17, to: 1e20 },
];

/** Days of Excel from 1954 to 2119. */
const EXCEL = [20_000, 80_000] as const;
const DAY_S = 86_400;

export interface TimeRecognition {
  format: TimeFormat;
  /** Whether times are of a calendar, not since an origin of their own. */
  calendar: boolean;
}

/** Whether a count of some unit is one since 1970. */
function isCalendarCount(format: TimeFormat, typical: number): boolean {
  const unit = MAGNITUDES.find((m) => m.format === format);
  return unit !== undefined && Math.abs(typical) >= unit.from && Math.abs(typical) < unit.to;
}

/**
 * Finds out how the times of a column are written.
 *
 * @param cells of the first rows, without the empty ones
 * @param name of the column, without its unit
 * @param unit that its header gives
 * @returns undefined where they are no times
 * @throws TwinError `FILE_INVALID` where two readings are possible that can't be told apart
 */
export function recogniseTimes(
  cells: readonly string[],
  name: string,
  unit: string | undefined,
  given?: TimeFormat,
): TimeRecognition | undefined {
  const numbers = cells.map((c) => Number(c.replace(',', '.')));
  const finite = numbers.filter(Number.isFinite).toSorted((a, b) => a - b);
  const typical = finite[finite.length >> 1] ?? Number.NaN;
  if (given !== undefined) {
    const textual = given === 'iso' || given === 'dmy' || given === 'mdy' || given === 'ymd';
    const calendar = textual || given === 'excel' || isCalendarCount(given, typical);
    return { format: given, calendar };
  }
  if (cells.length === 0) return undefined;
  if (finite.length * 2 < cells.length) return textFormat(cells);
  if (isCompact(cells)) return { format: 'ymd', calendar: true };
  const magnitude = MAGNITUDES.find((m) => Math.abs(typical) >= m.from && Math.abs(typical) < m.to);
  const told = unitFormat(unit) ?? nameFormat(name);
  if (told !== undefined) {
    // A count that is a date in another unit than the header's: seconds of the year 58000.
    if (
      magnitude !== undefined &&
      magnitude.format !== told &&
      isEpochOfOurTime(typical, magnitude)
    ) {
      throw new TwinError(
        'FILE_INVALID',
        `The times of "${name}" can be read two ways: its unit says ${told}, but ${cells[0]} is ${dateOf(typical, magnitude.format)} in ${magnitude.format} since 1970. Say which by --time-format ${told} or --time-format ${magnitude.format}.`,
      );
    }
    return { format: told, calendar: isCalendarCount(told, typical) };
  }
  if (isExcel(cells, finite, name)) return { format: 'excel', calendar: true };
  return { format: magnitude?.format ?? 's', calendar: magnitude !== undefined };
}

/** Whether a count lies between 1990 and 2100 in a unit. */
function isEpochOfOurTime(count: number, { from }: { from: number }): boolean {
  return count >= 6.3 * from && count < 41 * from;
}

function dateOf(count: number, format: TimeFormat): string {
  const perMs = { s: 1e-3, ms: 1, us: 1e3, ns: 1e6 }[format as 's' | 'ms' | 'us' | 'ns'];
  return new Date(count / perMs).toISOString().slice(0, 10);
}

/** `20261001143000`: years of our time as digits, months and days that exist. */
function isCompact(cells: readonly string[]): boolean {
  return cells.every((c) => /^(19|20)\d{10}(\d\d)?$/.test(c) && dateText(c) !== undefined);
}

function isExcel(cells: readonly string[], sorted: readonly number[], name: string): boolean {
  const within = (sorted[0] ?? 0) >= EXCEL[0] && (sorted.at(-1) ?? 0) < EXCEL[1];
  if (!within) return false;
  if (/date|datum|fecha|stamp|stempel/i.test(name)) return true;
  // Fractions of a day are multiples of a second, with more digits than a clock of seconds has.
  const long = cells.filter((c) => /[.,]\d{5,}$/.test(c)).length;
  const whole = sorted.filter((v) => Math.abs(v * DAY_S - Math.round(v * DAY_S)) < 0.02).length;
  return long * 2 > cells.length && whole > 0.9 * sorted.length;
}

function textFormat(cells: readonly string[]): TimeRecognition | undefined {
  const read = cells.map((c) => dateText(c));
  const known = read.filter((r) => r !== undefined);
  if (known.length * 2 < cells.length) return undefined;
  const single = known.filter((r) => r.days !== undefined).length;
  // Which of day and month stands first is settled when all rows are read.
  return { format: single * 2 >= known.length ? 'iso' : 'dmy', calendar: true };
}
