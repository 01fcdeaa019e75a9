/** A moment: whole seconds since 1970 in UTC, and nanoseconds of the second. */
export interface Moment {
  s: number;
  ns: number;
}

const DAYS_IN_MONTH = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/** Days from 1970-01-01 to a date of the Gregorian calendar; `NaN` where there is no such day. */
export function daysOf(year: number, month: number, day: number): number {
  if (month < 1 || month > 12 || day < 1 || day > (DAYS_IN_MONTH[month - 1] ?? 0))
    return Number.NaN;
  const leap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  if (month === 2 && day === 29 && !leap) return Number.NaN;
  // Howard Hinnant's days_from_civil: months counted from March, eras of 400 years.
  const y = month <= 2 ? year - 1 : year;
  const era = Math.floor(y / 400);
  const ofEra = y - era * 400;
  const ofYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  return (
    era * 146_097 + ofEra * 365 + Math.floor(ofEra / 4) - Math.floor(ofEra / 100) + ofYear - 719_468
  );
}

/** Parts of a time of day. */
export interface TimeOfDay {
  /** Seconds since midnight, a leap second being the next. */
  s: number;
  ns: number;
  /** Seconds east of UTC, where it says so. */
  offsetS?: number;
}

/** Hours east of UTC of abbreviations that mean one zone only: CST, EST, IST mean several. */
const ZONES: Readonly<Record<string, number>> = {
  ...{ Z: 0, z: 0, UTC: 0, GMT: 0, WET: 0, WEST: 1, CET: 1, CEST: 2, MEZ: 1, MESZ: 2 },
  ...{ EET: 2, EEST: 3 },
};

const TIME_OF_DAY = new RegExp(
  `^(\\d{1,2})(?::?(\\d{2})(?::?(\\d{2})(?:[.,](\\d+))?)?)?\\s*([AaPp])?\\.?[Mm]?\\.?\\s*(${Object.keys(ZONES).join('|')}|[+-]\\d{2}(?::?\\d{2})?)?$`,
);

/** Reads `14:05`, `2:05:30.5 PM`, `140530Z`, `14:05+02:00`; undefined of anything else. */
export function timeOfDay(text: string): TimeOfDay | undefined {
  if (text === '') return { s: 0, ns: 0 };
  const match = TIME_OF_DAY.exec(text);
  if (match === null) return undefined;
  const [, h = '', m = '0', sec = '0', fraction = '', half, zone] = match;
  let hour = Number(h);
  if (half !== undefined) {
    if (hour < 1 || hour > 12) return undefined;
    hour = (hour % 12) + (half.toLowerCase() === 'p' ? 12 : 0);
  }
  const [minute, second] = [Number(m), Number(sec)];
  const midnight = hour === 24 && minute === 0 && second === 0;
  if ((hour > 23 && !midnight) || minute > 59 || second > 60) return undefined;
  const day = { s: hour * 3600 + minute * 60 + second, ns: nanosOf(fraction) };
  return zone === undefined ? day : { ...day, offsetS: offsetOf(zone) };
}

/** Digits behind the mark as nanoseconds; what is finer is cut. */
function nanosOf(digits: string): number {
  return digits === '' ? 0 : Number(digits.slice(0, 9).padEnd(9, '0'));
}

function offsetOf(zone: string): number {
  const match = /^([+-])(\d{2}):?(\d{2})?$/.exec(zone);
  if (match === null) return (ZONES[zone] ?? 0) * 3600;
  const [, sign, hours, minutes = '0'] = match;
  return (sign === '-' ? -1 : 1) * (Number(hours) * 3600 + Number(minutes) * 60);
}
