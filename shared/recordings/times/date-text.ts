import { daysOf, type TimeOfDay, timeOfDay } from './calendar.js';

/** A date and time of day as a text gives them, under up to two readings. */
export interface DateText {
  /** Days since 1970 with the year first or the month as a word: there is one reading only. */
  days?: number;
  /** Days since 1970 where the day stands first, and where the month does; `NaN`: no such day. */
  dayFirst?: number;
  monthFirst?: number;
  time: TimeOfDay;
}

const DAY_S = 86_400;

const YEAR_FIRST = /^(\d{4})([-/.]?)(\d{1,2})\2(\d{1,2})(?:[T\s,;_]\s*(.*))?$/;
const NUMBERS = /^(\d{1,2})([-/.])(\d{1,2})\2(\d{4}|\d{2})(?:[T\s,;]\s*(.*))?$/;
const DAY_AND_WORD =
  /^(\d{1,2})\.?[-\s/.]\s*(\p{L}{3,12})\.?[-\s/,.]\s*(\d{4}|\d{2})(?:[T\s,;:]\s*(.*))?$/u;
const WORD_AND_DAY =
  /^(?:\p{L}{3}\w*,?\s+)?(\p{L}{3,12})\.?\s+(\d{1,2}),?\s+(\d{4})(?:[,\s]\s*(.*))?$/u;

/** Names of the months, short and long, in languages that plants write. */
const MONTHS = monthNames(['en', 'de', 'fr', 'es', 'it', 'nl', 'pt', 'sv']);

function monthNames(languages: readonly string[]): ReadonlyMap<string, number> {
  const names = new Map<string, number>();
  for (const language of languages) {
    for (const month of ['short', 'long'] as const) {
      const format = new Intl.DateTimeFormat(language, { month, timeZone: 'UTC' });
      for (let m = 0; m < 12; m++) {
        const name = format
          .format(new Date(Date.UTC(2000, m, 15)))
          .replace(/\.$/, '')
          .toLowerCase();
        if (!names.has(name)) names.set(name, m + 1);
      }
    }
  }
  return names;
}

const yearOf = (text: string) => {
  const year = Number(text);
  return text.length === 4 ? year : year < 70 ? 2000 + year : 1900 + year;
};

const COMPACT = /^(\d{8})(\d{4}|\d{6})?$/;

/** Reads a text of the calendar; undefined where it is none. */
export function dateText(text: string): DateText | undefined {
  const compact = COMPACT.exec(text);
  if (compact !== null) {
    const [, date = '', rest = ''] = compact;
    const [y, m, d] = [date.slice(0, 4), date.slice(4, 6), date.slice(6)].map(Number);
    return withTime(rest, { days: daysOf(y ?? 0, m ?? 0, d ?? 0) });
  }
  const yearFirst = YEAR_FIRST.exec(text);
  if (yearFirst !== null) {
    const [, y = '', , m = '', d = '', rest = ''] = yearFirst;
    return withTime(rest, { days: daysOf(Number(y), Number(m), Number(d)) });
  }
  const numbers = NUMBERS.exec(text);
  if (numbers !== null) {
    const [, first = '', mark, second = '', y = '', rest = ''] = numbers;
    const [a, b, year] = [Number(first), Number(second), yearOf(y)];
    const dayFirst = daysOf(year, b, a);
    // With points between them the day stands first, wherever that is written.
    if (mark === '.') return withTime(rest, { days: dayFirst });
    return withTime(rest, { dayFirst, monthFirst: daysOf(year, a, b) });
  }
  const word = DAY_AND_WORD.exec(text);
  if (word !== null) {
    const [, d = '', name = '', y = '', rest = ''] = word;
    return withTime(rest, { days: daysOf(yearOf(y), monthOf(name), Number(d)) });
  }
  const wordFirst = WORD_AND_DAY.exec(text);
  if (wordFirst === null) return undefined;
  const [, name = '', d = '', y = '', rest = ''] = wordFirst;
  return withTime(rest, { days: daysOf(yearOf(y), monthOf(name), Number(d)) });
}

const monthOf = (name: string) => MONTHS.get(name.toLowerCase()) ?? Number.NaN;

function withTime(rest: string, date: Omit<DateText, 'time'>): DateText | undefined {
  const time = timeOfDay(rest.trim());
  if (time === undefined) return undefined;
  const known = [date.days, date.dayFirst, date.monthFirst].some(
    (d) => d !== undefined && !Number.isNaN(d),
  );
  return known ? { ...date, time } : undefined;
}

/** Seconds since 1970 of days and a time of day, on the wall's clock. */
export function localSeconds(days: number, time: TimeOfDay): number {
  return days * DAY_S + time.s;
}

const DIGIT = 48;
const two = (text: string, i: number) => {
  const tens = text.charCodeAt(i) - DIGIT;
  const ones = text.charCodeAt(i + 1) - DIGIT;
  return tens >= 0 && tens < 10 && ones >= 0 && ones < 10 ? tens * 10 + ones : Number.NaN;
};

/** The day of the last text that was read: rows of one day follow each other. */
let lastDay = '';
let lastDays = Number.NaN;

/**
 * The quick way for the usual `2026-10-01T00:00:00`, with `T` or a space and nothing behind the
 * seconds: seconds since 1970 on the wall's clock, or `NaN` where it is anything else.
 */
export function plainIsoSeconds(text: string): number {
  if (text.length !== 19 || text[4] !== '-' || text[7] !== '-') return Number.NaN;
  if (text[13] !== ':' || text[16] !== ':' || (text[10] !== 'T' && text[10] !== ' '))
    return Number.NaN;
  const day = text.slice(0, 10);
  if (day !== lastDay) {
    lastDays = /^\d{4}-\d\d-\d\d$/.test(day)
      ? daysOf(Number(day.slice(0, 4)), two(day, 5), two(day, 8))
      : Number.NaN;
    lastDay = day;
  }
  const [h, m, s] = [two(text, 11), two(text, 14), two(text, 17)];
  if (!(h >= 0 && h < 24 && m >= 0 && m < 60 && s >= 0 && s < 60)) return Number.NaN;
  return lastDays * DAY_S + h * 3600 + m * 60 + s;
}
