import type { WideSink } from '../sinks.js';
import { daysOf } from '../times/calendar.js';

/** Powers of ten that a double holds exactly. */
const TENS = Float64Array.from({ length: 23 }, (_, i) => Number(`1e${i}`));
/** Digits whose number a double holds exactly: divided by an exact power of ten it is rounded once. */
const EXACT_DIGITS = 15;
const NEWLINE = 10;
const RETURN = 13;
const SPACE = 32;
const QUOTE = 34;
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

/** Reads rows straight from their bytes, for speed: a second or two per hundred megabytes. */
class PlainScanner {
  /** Where each cell of a line begins and ends, without its quotes. */
  private readonly starts: Int32Array;
  private readonly ends: Int32Array;
  /** Whether a cell of the line stands in quotes. */
  private quoted = false;
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
    this.starts = new Int32Array(sink.width);
    this.ends = new Int32Array(sink.width);
  }

  /**
   * Finds the cells of a line.
   *
   * @returns how many; 0 where quotes hold more than a plain text
   */
  private split(bytes: Uint8Array, from: number, to: number): number {
    const { starts, ends, delimiter } = this;
    const { width } = this.sink;
    this.quoted = false;
    let cells = 0;
    let i = from;
    for (;;) {
      const inQuotes = i < to && bytes[i] === QUOTE;
      const closes = inQuotes ? QUOTE : delimiter;
      let end = inQuotes ? i + 1 : i;
      while (end < to && bytes[end] !== closes) end++;
      if (inQuotes) {
        this.quoted = true;
        // Quotes in quotes, and breaks in quotes, are the library's.
        if (end === to || (end + 1 < to && bytes[end + 1] !== delimiter)) return 0;
      }
      if (cells < width) {
        starts[cells] = inQuotes ? i + 1 : i;
        ends[cells] = end;
      }
      cells++;
      if (inQuotes) end++;
      if (end >= to) return cells;
      i = end + 1;
    }
  }

  /**
   * Takes one line apart and hands its cells over.
   *
   * @param release what waits before it
   * @returns false where it needs the library, as it has quotes
   */
  line(bytes: Uint8Array, from: number, to: number, release: () => void): boolean {
    const { sink, starts, ends } = this;
    const { width, counts, place } = sink;
    const cells = this.split(bytes, from, to);
    if (cells === 0) return false;
    const time = place.columns[0];
    // Rows of another shape than the header's are the library's.
    const usual = cells === width && to - from >= 2 * width - 1 && place.columns.length === 1;
    if (!usual || time === undefined) {
      if (this.quoted) return false;
      release();
      this.slow(bytes, from, to);
      return true;
    }
    release();
    if (!this.time(bytes, starts[time]!, ends[time]!)) {
      if (this.quoted) return false;
      this.slow(bytes, from, to);
      return true;
    }
    counts.rows++;
    sink.row.push(counts.rows - 1);
    for (const { index, builder } of sink.taken) {
      const start = starts[index]!;
      const end = ends[index]!;
      const value = plainNumber(bytes, start, end, this.mark);
      if (!Number.isNaN(value)) builder.number(value);
      else builder.cell(start === end ? undefined : this.textOf(bytes.subarray(start, end)));
    }
    return true;
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
 * Where the record that begins at a place ends: behind the first line break that is not in quotes, as
 * the library has it.
 *
 * @returns -1 where the bytes end before
 */
export function recordEnd(bytes: Uint8Array, from: number, delimiter: number): number {
  let cellBegins = true;
  for (let i = from; i < bytes.length; i++) {
    const c = bytes[i]!;
    if (c === QUOTE && cellBegins) {
      for (;;) {
        i = bytes.indexOf(QUOTE, i + 1);
        if (i < 0) return -1;
        if (bytes[i + 1] === QUOTE) {
          i++;
          continue;
        }
        let next = i + 1;
        while (bytes[next] === SPACE) next++;
        const after = bytes[next];
        if (after === undefined) return -1;
        // A quote amid a text closes nothing.
        if (after === delimiter || after === NEWLINE || after === RETURN) break;
      }
    } else if (c === NEWLINE) return i + 1;
    cellBegins = c === delimiter;
  }
  return -1;
}

/**
 * Reads whole records.
 *
 * @param bytes in an encoding that has ASCII, ending with a line break
 * @param records takes records apart that need the library, given without their line breaks
 * @returns how many of the bytes were read: a record whose end is missing is left
 */
export function scanPlain(
  bytes: Uint8Array,
  dialect: { delimiter: string; decimal: '.' | ',' },
  sink: WideSink,
  textOf: (bytes: Uint8Array) => string,
  records: (texts: readonly string[]) => readonly string[][],
): number {
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
  const delimiter = dialect.delimiter.charCodeAt(0);
  let from = 0;
  // Neighbours that need the library go there together.
  const held: string[] = [];
  const release = () => {
    if (held.length === 0) return;
    for (const cells of records(held)) sink.record(cells);
    held.length = 0;
  };
  for (;;) {
    const at = bytes.indexOf(NEWLINE, from);
    if (at < 0) break;
    const to = at > from && bytes[at - 1] === RETURN ? at - 1 : at;
    if (to <= from || scanner.line(bytes, from, to, release)) {
      from = at + 1;
      continue;
    }
    const end = recordEnd(bytes, from, delimiter);
    if (end < 0) break;
    const returned = end - 2 >= from && bytes[end - 2] === RETURN;
    held.push(textOf(bytes.subarray(from, end - (returned ? 2 : 1))));
    from = end;
  }
  release();
  return from;
}
