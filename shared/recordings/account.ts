import { durationText } from '../core/index.js';
import type { BesideColumns } from './beside.js';
import type { CellCounts, Unreadable } from './column-builder.js';
import type { TimeFormat } from './options.js';
import type { OrderAccount } from './order.js';

/** What was read of a recording, and what was not. */
export interface RecordingAccount {
  source: string;
  format: 'text' | 'workbook' | 'parquet';
  gzip: boolean;
  encoding?: string;
  delimiter?: string;
  decimal: '.' | ',';
  /** 1-based line of the header. */
  headerLine: number;
  form: 'wide' | 'long';
  time: {
    /** Name of the column; none where rows were counted. */
    column: string | undefined;
    format: TimeFormat | 'rows';
    calendar: boolean;
    /** Zone of times that carry none; undefined where all do, or there is no calendar. */
    zone?: string;
    /** Whether nobody named that zone. */
    zoneAssumed: boolean;
    /** Why the day stands first, or the month. */
    settledBy?: string;
    /** What the table's times count from, seconds, where its rows are too near each other for 0. */
    originS?: number;
  };
  /** Rows that hold anything; of those that were asked for, where some were. */
  rows: number;
  /** By what rows were chosen, and how many say something else. */
  chosen?: { column: string; value: string; others: number };
  /** Rows of the table: of distinct times. */
  kept: number;
  /** Rows without a time, by why. */
  withoutTime: Record<string, Unreadable & { row: number }>;
  shortRows: number;
  longRows: number;
  blankRows: number;
  /** Whether the file grew meanwhile and its last row, not yet whole, was left out. */
  cutRow: boolean;
  order: OrderAccount;
  firstS: number;
  lastS: number;
  spanS: number;
  /** Median seconds between rows; null of fewer than two. */
  periodS: number | null;
  gaps: { count: number; longestS: number; afterS: number };
  /** The last row before an hour is missing in the night in which clocks skip one, seconds. */
  springS?: number;
  columns: Record<string, CellCounts & { min: number; max: number; unit?: string }>;
  /** Columns that nobody asked for. */
  unused: string[];
  /** What such columns say of those that were; absent where they say nothing. */
  beside?: BesideColumns;
  /** What somebody should look at: each a sentence. */
  notes: string[];
}

/** Steps of time that are longer than so many usual ones are gaps. */
const GAP = 5;
/** Steps by which the usual one is found. */
const MOST_STEPS = 50_000;
const YEAR_S = 365.25 * 86_400;
/** Steps of a double between two rows below which times are too coarse for them. */
const LEAST_TICKS = 20;
/** Rows from which a channel that never moves is conspicuous. */
const ROWS_TO_JUDGE = 20;

/**
 * Period and gaps of ascending times, taken from the first: a double has a quarter of a microsecond for
 * times since 1970, and far more for those since the first row.
 *
 * @param s,ns whole seconds and nanoseconds
 */
export function rhythm(
  s: Float64Array,
  ns: Float64Array,
): Pick<RecordingAccount, 'periodS' | 'gaps'> {
  const n = s.length;
  const timeS = s.map((whole, i) => whole - s[0]! + ns[i]! / 1e9);
  if (n < 2) return { periodS: null, gaps: { count: 0, longestS: 0, afterS: Number.NaN } };
  const stride = Math.max(1, Math.floor(n / MOST_STEPS));
  const steps = new Float64Array(Math.floor((n - 2) / stride) + 1);
  for (let i = 0; i < steps.length; i++) steps[i] = timeS[i * stride + 1]! - timeS[i * stride]!;
  const periodS = Number(steps.sort()[steps.length >> 1]!.toPrecision(9));
  const gaps = { count: 0, longestS: 0, afterS: Number.NaN };
  for (let i = 1; i < n; i++) {
    const step = timeS[i]! - timeS[i - 1]!;
    if (step > GAP * periodS) gaps.count++;
    if (step > gaps.longestS) {
      gaps.longestS = step;
      gaps.afterS = s[i - 1]! + ns[i - 1]! / 1e9;
    }
  }
  return { periodS, gaps };
}

/** Seconds of the night's clock between which clocks go on by an hour, in Europe and America. */
const SPRING_NIGHT_S = [0, 3 * 3600] as const;

/**
 * Where an hour is missing between two rows in a night in which clocks skip one: the second or the last
 * Sunday in March.
 *
 * @param s ascending whole seconds as the wall's clock counts them
 * @returns the last row before it, seconds
 */
export function springGap(s: Float64Array, periodS: number | null): number | undefined {
  if (periodS === null || periodS > 3600) return undefined;
  for (let i = 1; i < s.length; i++) {
    const missing = s[i]! - s[i - 1]! - periodS;
    if (Math.abs(missing - 3600) > periodS / 2) continue;
    const before = new Date(s[i - 1]! * 1000);
    const [day, ofDayS] = [before.getUTCDate(), s[i - 1]! % 86_400];
    const isNight = before.getUTCMonth() === 2 && before.getUTCDay() === 0;
    const isThatSunday = (day >= 8 && day <= 14) || day >= 25;
    if (isNight && isThatSunday && ofDayS >= SPRING_NIGHT_S[0] && ofDayS < SPRING_NIGHT_S[1])
      return s[i - 1]!;
  }
  return undefined;
}

/** The least step that a double makes at a time, seconds. */
const tickS = (timeS: number): number => Number.EPSILON * Math.abs(timeS);

/**
 * What times are to count from so that a double tells steps between rows apart: 0 where it does, else the
 * record's first whole second, from which it does for longer.
 *
 * @param s whole seconds, ascending
 */
export function originOf(s: Float64Array, periodS: number | null): number {
  return periodS !== null && periodS < LEAST_TICKS * tickS(s.at(-1)!) ? s[0]! : 0;
}

/** Least and greatest of a column's values; `NaN` where it has none. */
export function extremes(values: Float64Array): { min: number; max: number } {
  let min = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < values.length; i++) {
    const v = values[i]!;
    if (v < min) min = v;
    if (v > max) max = v;
  }
  return min > max ? { min: Number.NaN, max: Number.NaN } : { min, max };
}

/** Columns without two different values, among enough rows to judge by. */
export function deadColumns(account: Pick<RecordingAccount, 'columns' | 'kept'>): string[] {
  if (account.kept < ROWS_TO_JUDGE) return [];
  return Object.entries(account.columns)
    .filter(([, { min, max }]) => !(max > min))
    .map(([name]) => name);
}

/** What of a recording is hard to believe. */
export function plausibilityNotes(account: RecordingAccount): string[] {
  const { time, lastS, spanS, periodS, order, columns } = account;
  const notes: string[] = [];
  if (spanS > 50 * YEAR_S) {
    notes.push(
      `It spans ${(spanS / YEAR_S).toFixed(0)} years: are the times in another unit than ${time.format}? Say which by --time-format.`,
    );
  }
  const finestS = tickS(lastS - (time.originS ?? 0));
  if (periodS !== null && periodS < LEAST_TICKS * finestS) {
    notes.push(
      `Its rows are ${periodS.toPrecision(2)} s apart, and times so long after the first are kept to ${finestS.toPrecision(2)} s: steps between rows are off by as much, and rows that fall together are left out. Cut it into shorter recordings.`,
    );
  } else if (periodS !== null && periodS < 1e-6 && !time.calendar) {
    notes.push(
      `Its rows are ${periodS} s apart: are the times in a larger unit than ${time.format}?`,
    );
  }
  if (time.zone !== undefined && time.zoneAssumed && order.autumn) {
    notes.push(
      'Its times run back by up to an hour once, as a clock does in autumn: name the zone by --time-zone.',
    );
  }
  if (time.zone !== undefined && time.zoneAssumed && account.springS !== undefined) {
    notes.push(
      `Its times skip an hour after ${timeText(account.springS, true).slice(0, -1)}, as a clock does in spring: name the zone by --time-zone.`,
    );
  }
  for (const [name, { unreadable, numbers }] of Object.entries(columns)) {
    const example = unreadable?.example;
    if (example === undefined || numbers > (unreadable?.count ?? 0)) continue;
    if (/^[+-]?\d{1,3}(?:[.,]\d{3})+$/.test(example)) {
      const mark = example.includes(',') ? ',' : '.';
      const plain = example.replaceAll(mark, '');
      notes.push(
        `${name}: "${example}" can be read as ${example.replace(mark, '.')} or as ${plain} and was read as neither: say which by --decimal , or --decimal .`,
      );
    }
  }
  return notes;
}

const DELIMITERS: Readonly<Record<string, string>> = {
  ',': 'commas',
  ';': 'semicolons',
  '\t': 'tabs',
  '|': 'bars',
};

const FORMATS: Readonly<Record<RecordingAccount['time']['format'], string>> = {
  iso: 'year, month, day',
  ymd: 'year, month, day',
  dmy: 'day before month',
  mdy: 'month before day',
  s: 'seconds',
  ms: 'milliseconds',
  us: 'microseconds',
  ns: 'nanoseconds',
  min: 'minutes',
  h: 'hours',
  d: 'days',
  excel: 'days of Excel',
  rows: 'counted from the rows',
};

/** A time of the recording as text. */
export function timeText(s: number, calendar: boolean): string {
  const ms = s * 1000;
  return calendar && Math.abs(ms) < 8.64e15
    ? new Date(ms).toISOString().replace(/\.000Z$/, 'Z')
    : `${Number(s.toPrecision(10))} s`;
}

const counted = (n: number, one: string, many = `${one}s`) => `${n} ${n === 1 ? one : many}`;

/** What was read, as lines for people. */
export function accountLines(account: RecordingAccount): string[] {
  const { time, order, gaps, columns } = account;
  const how = [
    account.gzip ? 'gzip' : undefined,
    account.format === 'text' ? account.encoding : account.format,
    account.delimiter === undefined
      ? undefined
      : (DELIMITERS[account.delimiter] ?? JSON.stringify(account.delimiter)),
    account.format === 'text'
      ? `decimal ${account.decimal === '.' ? 'point' : 'comma'}`
      : undefined,
    account.form === 'long' ? 'one reading a row' : undefined,
    `header in line ${account.headerLine}`,
  ].filter((part) => part !== undefined);
  const zone =
    time.zone === undefined
      ? ''
      : `, ${time.zoneAssumed ? 'without a zone: taken for' : 'in'} ${time.zone}`;
  const lines = [
    `Read ${account.source}: ${how.join(', ')}`,
    `  time         ${time.column ?? 'none'}: ${FORMATS[time.format]}${time.calendar && time.format.length <= 2 ? ' since 1970' : ''}${zone}${time.settledBy === undefined ? '' : ` (${time.settledBy})`}${time.originS === undefined ? '' : `; counted from ${timeText(time.originS, time.calendar)}: rows are too near each other for times so large`}`,
    `  rows         ${account.rows}${account.kept === account.rows ? '' : `, ${account.kept} of distinct times`}, ${timeText(account.firstS, time.calendar)} to ${timeText(account.lastS, time.calendar)}: ${durationText(account.spanS)}${account.periodS === null ? '' : `, each ${durationText(account.periodS)}`}`,
  ];
  if (account.chosen !== undefined) {
    const { column, value, others } = account.chosen;
    lines.push(
      `  where        ${column} is ${value}: ${counted(others, 'row')} of others left out`,
    );
  }
  if (gaps.count > 0) {
    lines.push(
      `  gaps         ${gaps.count}, the longest ${durationText(gaps.longestS)} after ${timeText(gaps.afterS, time.calendar)}`,
    );
  }
  for (const [why, { count, example, row }] of Object.entries(account.withoutTime)) {
    lines.push(
      `  left out     ${counted(count, 'row')}: ${why}, first ${JSON.stringify(example)} in row ${row + 1}`,
    );
  }
  const settled = [
    order.newestFirst ? 'newest row first: turned round' : undefined,
    order.outOfOrder > 0
      ? `${counted(order.outOfOrder, 'row')} out of order: sorted by time`
      : undefined,
    order.duplicates > 0
      ? `${counted(order.duplicates, 'row')} of a time that was there already: merged`
      : undefined,
    order.conflicts > 0
      ? `${counted(order.conflicts, 'row')} of a time that was there already with other values: the later in the file counts`
      : undefined,
    account.shortRows > 0
      ? `${counted(account.shortRows, 'row')} shorter than the header: cells missing`
      : undefined,
    account.longRows > 0
      ? `${counted(account.longRows, 'row')} longer than the header: what is beyond was left out`
      : undefined,
    account.cutRow ? 'the file was still being written: its last row was left out' : undefined,
  ];
  for (const text of settled) if (text !== undefined) lines.push(`  settled      ${text}`);
  const dead = new Set(deadColumns(account));
  for (const [name, c] of Object.entries(columns)) {
    const parts = [
      c.missing > 0 && account.form === 'wide' ? `${c.missing} empty` : undefined,
      ...Object.entries(c.quality).map(([word, n]) => `${n} × "${word}"`),
      c.unreadable === undefined
        ? undefined
        : `${c.unreadable.count} unreadable, e.g. ${JSON.stringify(c.unreadable.example)}`,
      c.unitInCells === undefined
        ? undefined
        : `${c.unitInCells.count} numbers with "${c.unitInCells.unit}" behind them`,
      c.truths > 0 ? `${c.truths} words read as 1 or 0` : undefined,
      dead.has(name)
        ? Number.isNaN(c.min)
          ? 'no value at all'
          : `never moves from ${c.min}`
        : undefined,
    ].filter((part) => part !== undefined);
    if (parts.length > 0) lines.push(`  column       ${name}: ${parts.join(', ')}`);
  }
  if (account.unused.length > 0) {
    const shown = account.unused.slice(0, 8).join(', ');
    lines.push(
      `  unused       ${shown}${account.unused.length > 8 ? ` and ${account.unused.length - 8} more` : ''}`,
    );
  }
  for (const note of account.notes) lines.push(`  ! ${note}`);
  return lines;
}
