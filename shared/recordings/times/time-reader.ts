import { TwinError } from '../../core/index.js';
import { digitAt, numberAt, TENS } from '../cell-bytes.js';
import type { TimeFormat } from '../options.js';
import { ClockForm } from './clock-form.js';
import { dateText, localSeconds, plainIsoSeconds } from './date-text.js';
import { WallClock } from './wall-clock.js';
import type { Zone } from './zone.js';

/** Why a time cell gave no time. */
export type TimeFault = 'unreadable time' | 'time in a daylight-saving gap';

/** What one time cell holds. */
export interface ReadTime {
  /** Whole seconds since 1970 or since an origin; with `ns` the time itself. */
  s: number;
  ns: number;
  /** The same with the month first, where day and month are not settled; otherwise `NaN`. */
  otherS: number;
}

/** Digits of a unit behind whole seconds. */
const FRACTION_DIGITS: Partial<Record<TimeFormat, number>> = { s: 0, ms: 3, us: 6, ns: 9 };
const UNIT_S: Partial<Record<TimeFormat, number>> = { s: 1, min: 60, h: 3600, d: 86_400 };
/** Days from Excel's day 0 to 1970. */
const EXCEL_EPOCH = 25_569;
const DAY_S = 86_400;

/** Reads the cells of a time column, one after the other. */
export interface TimeReader {
  /** The last that was read. */
  readonly last: ReadTime;
  /** Reads one cell into `last`; a fault leaves it as it was. */
  read(text: string): TimeFault | undefined;
  /**
   * Reads one cell from its bytes into `last`, as `read` would its text; false where its text has to be
   * looked at.
   */
  readBytes(bytes: Uint8Array, from: number, to: number): boolean;
  /** Rows whose day and month can stand one way only; the first of each. */
  readonly evidence: { dayFirst?: string; monthFirst?: string };
  /** Whether times without a zone were met, and with one. */
  readonly zones: { without: number; with: number };
}

/** A reader of counts of a unit, exact for integers of any length. */
function countReader(format: TimeFormat, decimal: '.' | ','): TimeReader {
  const digits = FRACTION_DIGITS[format];
  const last = { s: 0, ns: 0, otherS: Number.NaN };
  const plain = /^\d+$/;
  const mark = decimal.charCodeAt(0);
  const take = (value: number): void => {
    if (format === 'excel') {
      // Excel keeps about a tenth of a millisecond: what is finer is the rounding of its double.
      const ms = Math.round((value - EXCEL_EPOCH) * DAY_S * 1e3);
      setMoment(last, Math.floor(ms / 1e3), (ms - Math.floor(ms / 1e3) * 1e3) * 1e6);
    } else setSeconds(last, value * (UNIT_S[format] ?? 1));
  };
  const readBytes = (bytes: Uint8Array, from: number, to: number): boolean => {
    if (digits !== undefined) return countAt(bytes, from, to, mark, digits, last);
    const value = numberAt(bytes, from, to, mark);
    if (Number.isNaN(value)) return false;
    take(value);
    return true;
  };
  const read = (text: string): TimeFault | undefined => {
    if (digits !== undefined && digits > 0 && plain.test(text)) {
      const cut = text.length - digits;
      last.s = cut > 0 ? Number(text.slice(0, cut)) : 0;
      last.ns = Number(text.slice(Math.max(0, cut)).padStart(digits, '0').padEnd(9, '0'));
      return undefined;
    }
    const value =
      text === '' ? Number.NaN : Number(decimal === ',' ? text.replace(',', '.') : text);
    if (!Number.isFinite(value)) return 'unreadable time';
    if (digits !== undefined) {
      const [whole, fraction] = splitDecimal(text, decimal, digits);
      if (whole !== undefined) setMoment(last, whole, fraction);
      else setSeconds(last, value / 10 ** digits);
    } else take(value);
    return undefined;
  };
  return { last, read, readBytes, evidence: {}, zones: { without: 0, with: 0 } };
}

/** Digits of whole units of which none is lost. */
const LONGEST_COUNT = 15;

/** Reads a plain count of a unit, digit by digit: nothing is lost, at any length of its fraction. */
function countAt(
  bytes: Uint8Array,
  from: number,
  to: number,
  mark: number,
  digits: number,
  last: { s: number; ns: number },
): boolean {
  let whole = from;
  while (whole < to && bytes[whole] !== mark) whole++;
  const cut = whole - digits;
  if (whole === from || cut - from > LONGEST_COUNT) return false;
  let s = 0;
  let ns = 0;
  let nsDigits = Math.max(0, from - cut);
  for (let i = from; i < to; i++) {
    if (i === whole) continue;
    const d = digitAt(bytes, i);
    if (d < 0 || d > 9) return false;
    if (i < cut) s = s * 10 + d;
    else if (nsDigits < 9) {
      ns = ns * 10 + d;
      nsDigits++;
    }
  }
  setMoment(last, s, ns * TENS[9 - nsDigits]!);
  return true;
}

function setMoment(last: { s: number; ns: number }, s: number, ns: number): void {
  last.s = s;
  last.ns = ns;
}

function setSeconds(last: { s: number; ns: number }, seconds: number): void {
  const s = Math.floor(seconds);
  const ns = Math.round((seconds - s) * 1e9);
  setMoment(last, ns === 1e9 ? s + 1 : s, ns === 1e9 ? 0 : ns);
}

/** A plain decimal's whole seconds and nanoseconds, by its digits. */
function splitDecimal(
  text: string,
  decimal: '.' | ',',
  digits: number,
): [whole: number | undefined, ns: number] {
  const mark = text.indexOf(decimal);
  const whole = mark < 0 ? text : text.slice(0, mark);
  const fraction = mark < 0 ? '' : text.slice(mark + 1);
  if (!/^\d+$/.test(whole) || !/^\d*$/.test(fraction)) return [undefined, 0];
  const all = whole.padStart(digits + 1, '0');
  const cut = all.length - digits;
  const ns = `${all.slice(cut)}${fraction}`.slice(0, 9).padEnd(9, '0');
  return [Number(all.slice(0, cut)), Number(ns)];
}

const MIDNIGHT = { s: 0, ns: 0 };

/** A reader of texts of the calendar. */
function textReader(format: TimeFormat, options: { zone: Zone; instants: boolean }): TimeReader {
  const { zone } = options;
  const last = { s: 0, ns: 0, otherS: Number.NaN };
  const evidence: { dayFirst?: string; monthFirst?: string } = {};
  const zones = { without: 0, with: 0 };
  /** What the wall's clock showed, read as `s` is and as `otherS` is: each goes on from its own. */
  const clock = new WallClock(zone, options.instants);
  const otherClock = new WallClock(zone, options.instants);
  /** How the last text was written that has a day and a clock. */
  let form: ClockForm | undefined;
  const read = (text: string): TimeFault | undefined => {
    const quick = plainIsoSeconds(text);
    if (!Number.isNaN(quick)) {
      zones.without++;
      const s = clock.toUtc(quick);
      if (Number.isNaN(s)) return 'time in a daylight-saving gap';
      setMoment(last, s, 0);
      last.otherS = s;
      const startS = Math.floor(quick / DAY_S) * DAY_S;
      if (form?.day.startS !== startS) {
        const time = { s: quick - startS, ns: 0 };
        form = ClockForm.of(text, { startS, otherStartS: startS, time });
      }
      return undefined;
    }
    const found = dateText(text);
    if (found === undefined) return 'unreadable time';
    const { time } = found;
    const toUtc = (days: number | undefined, by: WallClock) => {
      if (days === undefined || Number.isNaN(days)) return Number.NaN;
      const local = localSeconds(days, time);
      return time.offsetS === undefined ? by.toUtc(local) : local - time.offsetS;
    };
    if (found.days === undefined) {
      if (Number.isNaN(found.monthFirst)) evidence.dayFirst ??= text;
      if (Number.isNaN(found.dayFirst)) evidence.monthFirst ??= text;
    }
    const asDay = found.days ?? (format === 'mdy' ? found.monthFirst : found.dayFirst);
    const s = toUtc(asDay, clock);
    const otherS =
      found.days === undefined && format === 'dmy'
        ? toUtc(found.monthFirst, otherClock)
        : Number.NaN;
    const isDay = asDay !== undefined && !Number.isNaN(asDay);
    if (Number.isNaN(s) && isDay) return 'time in a daylight-saving gap';
    if (Number.isNaN(s) && Number.isNaN(otherS)) return 'unreadable time';
    zones[time.offsetS === undefined ? 'without' : 'with']++;
    setMoment(last, s, time.ns);
    last.otherS = found.days === undefined ? otherS : s;
    const startS = (days: number | undefined) => localSeconds(days ?? Number.NaN, MIDNIGHT);
    form = ClockForm.of(text, {
      startS: startS(asDay),
      otherStartS: startS(found.days ?? (format === 'dmy' ? found.monthFirst : undefined)),
      time,
    });
    return undefined;
  };
  const readBytes = (bytes: Uint8Array, from: number, to: number): boolean => {
    if (form === undefined || !form.read(bytes, from, to)) return false;
    const { clockS, ns, day } = form;
    const { offsetS } = day.time;
    const toUtc = (startS: number, by: WallClock) =>
      offsetS === undefined ? by.toUtc(startS + clockS) : startS + clockS - offsetS;
    const s = toUtc(day.startS, clock);
    const otherS = day.otherStartS === day.startS ? s : toUtc(day.otherStartS, otherClock);
    // A time that the clock skips in spring: the slow way counts it.
    if (Number.isNaN(s) && !(Number.isNaN(day.startS) && otherS > Number.NEGATIVE_INFINITY))
      return false;
    zones[offsetS === undefined ? 'without' : 'with']++;
    setMoment(last, s, ns);
    last.otherS = otherS;
    return true;
  };
  return { last, read, readBytes, evidence, zones };
}

/** A reader for times of a format. */
export function createTimeReader(
  format: TimeFormat,
  options: { decimal: '.' | ','; zone: Zone; instants: boolean },
): TimeReader {
  return format === 'iso' || format === 'dmy' || format === 'mdy' || format === 'ymd'
    ? textReader(format, options)
    : countReader(format, options.decimal);
}

/** A gap between rows that is so much longer than the median was no gap in the machine's record. */
const JUMP = 20;

/** How smoothly times follow each other: jumps, and how far the longest is, in medians. */
function smoothness(times: Float64Array): { backwards: number; jumps: number } {
  const gaps: number[] = [];
  for (let i = 1; i < times.length; i++) gaps.push(times[i]! - times[i - 1]!);
  const median = gaps.map(Math.abs).toSorted((a, b) => a - b)[gaps.length >> 1] ?? 0;
  return {
    backwards: gaps.filter((g) => g < 0).length,
    jumps: gaps.filter((g) => Math.abs(g) > JUMP * Math.max(median, 1)).length,
  };
}

/**
 * Decides whether the day stands first or the month.
 *
 * @param dayFirst seconds of every row, the day first; `NaN` where no such day is
 * @param monthFirst the same with the month first
 * @param example a cell, for the message
 * @throws TwinError `FILE_INVALID` where the recording does not settle it
 */
export function settleDayAndMonth(
  dayFirst: Float64Array,
  monthFirst: Float64Array,
  evidence: TimeReader['evidence'],
  example: string,
): { format: 'dmy' | 'mdy'; by: string } {
  if (evidence.dayFirst !== undefined && evidence.monthFirst !== undefined) {
    throw new TwinError(
      'FILE_INVALID',
      `The times mix two ways of writing dates: "${evidence.dayFirst}" has the day first, "${evidence.monthFirst}" the month. Export them again in one, best as 2026-10-01T12:00:00Z.`,
    );
  }
  if (evidence.dayFirst !== undefined)
    return { format: 'dmy', by: `"${evidence.dayFirst}" has no such month` };
  if (evidence.monthFirst !== undefined)
    return { format: 'mdy', by: `"${evidence.monthFirst}" has no such month` };
  const [a, b] = [smoothness(dayFirst), smoothness(monthFirst)];
  const smooth = (x: typeof a) => x.backwards === 0 && x.jumps === 0;
  if (smooth(a) && !smooth(b))
    return { format: 'dmy', by: 'with the month first it would jump by months' };
  if (smooth(b) && !smooth(a))
    return { format: 'mdy', by: 'with the day first it would jump by months' };
  const iso = (s: number | undefined) => new Date((s ?? 0) * 1000).toISOString().slice(0, 10);
  throw new TwinError(
    'FILE_INVALID',
    `The times can be read two ways: "${example}" is ${iso(dayFirst[0])} with the day first (--time-format dmy) or ${iso(monthFirst[0])} with the month first (--time-format mdy), and no row settles it. Say which.`,
  );
}
