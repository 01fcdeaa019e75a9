import type { WideSink } from '../sinks.js';
import { daysOf } from '../times/calendar.js';

/** Powers of ten that a double holds exactly. */
const TENS = Float64Array.from({ length: 23 }, (_, i) => Number(`1e${i}`));
/** Digits whose number a double holds exactly: divided by an exact power of ten it is rounded once. */
const EXACT_DIGITS = 15;
const NEWLINE = 10;
const RETURN = 13;
const SPACE = 32;
const DAY_S = 86_400;

/** The cell that {@link plainNumber} found, as a number; `NaN` where it is anything else. */
function plainNumber(bytes: Uint8Array, from: number, to: number, mark: number): number {
  let i = from;
  const negative = bytes[i] === 45;
  if (negative) i++;
  let value = 0;
  let digits = 0;
  let decimals = -1;
  for (; i < to; i++) {
    const c = bytes[i]!;
    if (c >= 48 && c <= 57) {
      value = value * 10 + (c - 48);
      digits++;
      if (decimals >= 0) decimals++;
    } else if (c === mark && decimals < 0) decimals = 0;
    else return Number.NaN;
  }
  if (digits === 0 || digits > EXACT_DIGITS) return Number.NaN;
  const result = decimals > 0 ? value / TENS[decimals]! : value;
  return negative ? -result : result;
}

const digit = (bytes: Uint8Array, i: number) => bytes[i]! - 48;
const two = (bytes: Uint8Array, i: number) => {
  const [tens, ones] = [digit(bytes, i), digit(bytes, i + 1)];
  return tens >= 0 && tens < 10 && ones >= 0 && ones < 10 ? tens * 10 + ones : Number.NaN;
};

/** Reads rows without quotes straight from their bytes, for speed: a second per hundred megabytes. */
class PlainScanner {
  private readonly ends: Int32Array;
  private day = Number.NaN;
  private dayDays = Number.NaN;

  constructor(
    private readonly sink: WideSink,
    private readonly textOf: (bytes: Uint8Array) => string,
    private readonly delimiter: number,
    private readonly mark: number,
    private readonly unitDigits: number | undefined,
    private readonly plainDates: boolean,
  ) {
    this.ends = new Int32Array(sink.width);
  }

  /** Takes one line apart and hands its cells over. */
  line(bytes: Uint8Array, from: number, to: number): void {
    const { sink, ends, delimiter } = this;
    const { width, counts } = sink;
    let cells = 0;
    for (let i = from; i < to; i++) {
      if (bytes[i] !== delimiter) continue;
      // Rows of another shape than the header's are the library's.
      if (cells === width - 1) return void this.slow(bytes, from, to);
      ends[cells++] = i;
    }
    ends[cells++] = to;
    if (cells !== width || to - from < 2 * width - 1) return void this.slow(bytes, from, to);
    const time = sink.place.columns[0];
    if (time === undefined || sink.place.columns.length > 1) return void this.slow(bytes, from, to);
    const timeFrom = time === 0 ? from : ends[time - 1]! + 1;
    if (!this.time(bytes, timeFrom, ends[time]!)) return void this.slow(bytes, from, to);
    counts.rows++;
    sink.row.push(counts.rows - 1);
    for (const { index, builder } of sink.taken) {
      const start = index === 0 ? from : ends[index - 1]! + 1;
      const end = ends[index]!;
      const value = plainNumber(bytes, start, end, this.mark);
      if (!Number.isNaN(value)) builder.number(value);
      else builder.cell(start === end ? undefined : this.textOf(bytes.subarray(start, end)));
    }
  }

  private slow(bytes: Uint8Array, from: number, to: number): void {
    this.sink.record(
      this.textOf(bytes.subarray(from, to)).split(String.fromCharCode(this.delimiter)),
    );
  }

  /** Reads a count of a unit, or a date as ISO 8601 has it; false where it is anything else. */
  private time(bytes: Uint8Array, from: number, to: number): boolean {
    const { times } = this.sink;
    if (this.plainDates && to - from === 19) {
      const s = this.isoSeconds(bytes, from);
      if (Number.isNaN(s)) return false;
      times.moment(s, 0);
      times.zoneless();
      return true;
    }
    if (this.unitDigits === undefined || to - from > 19) return false;
    const cut = to - this.unitDigits;
    if (cut <= from) return false;
    let s = 0;
    let ns = 0;
    for (let i = from; i < to; i++) {
      const d = digit(bytes, i);
      if (d < 0 || d > 9) return false;
      if (i < cut) s = s * 10 + d;
      else ns = ns * 10 + d;
    }
    times.moment(s, ns * TENS[9 - this.unitDigits]!);
    return true;
  }

  private isoSeconds(bytes: Uint8Array, i: number): number {
    if (bytes[i + 4] !== 45 || bytes[i + 7] !== 45) return Number.NaN;
    if (bytes[i + 13] !== 58 || bytes[i + 16] !== 58) return Number.NaN;
    if (bytes[i + 10] !== 84 && bytes[i + 10] !== SPACE) return Number.NaN;
    const year = two(bytes, i) * 100 + two(bytes, i + 2);
    const [month, day] = [two(bytes, i + 5), two(bytes, i + 8)];
    const key = year * 10_000 + month * 100 + day;
    if (key !== this.day) {
      this.day = key;
      this.dayDays = daysOf(year, month, day);
    }
    const [h, m, s] = [two(bytes, i + 11), two(bytes, i + 14), two(bytes, i + 17)];
    if (!(h < 24 && m < 60 && s < 60)) return Number.NaN;
    return this.dayDays * DAY_S + h * 3600 + m * 60 + s;
  }
}

const scanners = new WeakMap<WideSink, PlainScanner>();

/**
 * Reads whole lines of text without a quote.
 *
 * @param bytes in an encoding that has ASCII, ending with a line break
 */
export function scanPlain(
  bytes: Uint8Array,
  dialect: { delimiter: string; decimal: '.' | ',' },
  sink: WideSink,
  textOf: (bytes: Uint8Array) => string,
): void {
  let scanner = scanners.get(sink);
  if (scanner === undefined) {
    const { format, periodS } = sink.place;
    const digits = { s: 0, ms: 3, us: 6, ns: 9 }[format as 's' | 'ms' | 'us' | 'ns'];
    const mark = dialect.decimal.charCodeAt(0);
    const delimiter = dialect.delimiter.charCodeAt(0);
    const beside = sink.taken.some((t) => t.quality !== undefined);
    const quick = periodS === undefined && !beside;
    scanner = new PlainScanner(
      sink,
      textOf,
      delimiter,
      mark,
      quick ? digits : undefined,
      quick && format === 'iso' && sink.times.inUtc,
    );
    scanners.set(sink, scanner);
  }
  let from = 0;
  for (;;) {
    const at = bytes.indexOf(NEWLINE, from);
    if (at < 0) return;
    const to = at > from && bytes[at - 1] === RETURN ? at - 1 : at;
    if (to > from) scanner.line(bytes, from, to);
    from = at + 1;
  }
}
