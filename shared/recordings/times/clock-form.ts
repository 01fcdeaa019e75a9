import { digitAt, sameBytes, TENS, twoDigitsAt } from '../cell-bytes.js';
import type { TimeOfDay } from './calendar.js';

/** What stands before the clock, the clock, and what stands behind: a half of the day, a zone. */
const FORM =
  /^(.*?[^\d.,:])(\d{1,2}:\d\d(?::\d\d(?:[.,]\d+)?)?)(\s*(?:([AaPp])\.?[Mm]\.?)?\s*(?:Z|UTC|GMT|[+-]\d\d:?\d\d)?)$/;
const COLON = 58;
const NANO_DIGITS = 9;

/** What the slow way found in a text: the day on the wall's clock, and where that clock hangs. */
export interface KnownDay {
  /** Seconds since 1970 at the beginning of the day on the wall's clock; `NaN`: there is no such day. */
  startS: number;
  /** The same with the month first, where that is open; otherwise as `startS`. */
  otherStartS: number;
  time: TimeOfDay;
}

/**
 * Reads times from their bytes that have the date and the zone of one before, however dates are written:
 * rows of one day follow each other, and only their clock runs.
 */
export class ClockForm {
  /** The clock of the last that was read, seconds since midnight. */
  clockS = 0;
  ns = 0;

  private constructor(
    private readonly before: Uint8Array,
    private readonly behind: Uint8Array,
    /** `a` or `p` where hours are counted to 12. */
    private readonly half: string | undefined,
    readonly day: KnownDay,
  ) {}

  /** The form of a text that was read; undefined where its clock is not plain. */
  static of(text: string, day: KnownDay): ClockForm | undefined {
    const match = FORM.exec(text);
    if (match === null) return undefined;
    const [, before = '', , behind = '', half] = match;
    const bytes = Buffer.from(text, 'utf8');
    const form = new ClockForm(
      Buffer.from(before, 'utf8'),
      Buffer.from(behind, 'utf8'),
      half?.toLowerCase(),
      day,
    );
    const { s, ns } = day.time;
    // A form that doesn't give what the slow way gave is none.
    const holds = form.read(bytes, 0, bytes.length) && form.clockS === s && form.ns === ns;
    return holds ? form : undefined;
  }

  /** Reads a cell; false where it is written otherwise. */
  read(bytes: Uint8Array, from: number, to: number): boolean {
    const { before, behind } = this;
    const end = to - behind.length;
    let i = from + before.length;
    if (end - i < 4 || !sameBytes(bytes, from, i, before) || !sameBytes(bytes, end, to, behind))
      return false;
    const oneDigit = bytes[i + 1] === COLON;
    const hour = this.hourOf(oneDigit ? digitAt(bytes, i) : twoDigitsAt(bytes, i));
    i += oneDigit ? 1 : 2;
    if (bytes[i] !== COLON || i + 3 > end) return false;
    const minutes = twoDigitsAt(bytes, i + 1);
    i += 3;
    let seconds = 0;
    let ns = 0;
    if (i < end) {
      if (bytes[i] !== COLON || i + 3 > end) return false;
      seconds = twoDigitsAt(bytes, i + 1);
      i += 3;
      if (i < end) {
        ns = nanosAt(bytes, i, end);
        if (ns < 0) return false;
      }
    }
    if (!(hour >= 0 && hour < 24 && minutes < 60 && seconds < 60)) return false;
    this.clockS = hour * 3600 + minutes * 60 + seconds;
    this.ns = ns;
    return true;
  }

  private hourOf(hour: number): number {
    if (this.half === undefined) return hour;
    return hour >= 1 && hour <= 12 ? (hour % 12) + (this.half === 'p' ? 12 : 0) : Number.NaN;
  }
}

/** A mark and digits as nanoseconds, what is finer being cut; below 0 where they are anything else. */
function nanosAt(bytes: Uint8Array, from: number, to: number): number {
  if ((bytes[from] !== 46 && bytes[from] !== 44) || from + 1 === to) return -1;
  let ns = 0;
  let digits = 0;
  for (let i = from + 1; i < to; i++) {
    const d = digitAt(bytes, i);
    if (d < 0 || d > 9) return -1;
    if (digits < NANO_DIGITS) {
      ns = ns * 10 + d;
      digits++;
    }
  }
  return ns * TENS[NANO_DIGITS - digits]!;
}
