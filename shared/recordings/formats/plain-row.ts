import { countWord } from '../beside.js';
import { numberAt, sameBytes } from '../cell-bytes.js';
import type { ColumnBuilder } from '../column-builder.js';
import type { Qualities } from '../qualities.js';
import { type LongSink, type Readings, WideSink } from '../sinks.js';

const SPACE = 32;
const QUOTE = 34;
/** Longest date and time of day in two columns. */
const LONGEST_TIME = 80;

/** What becomes of a line: taken, to be split by hand, or to be taken apart by the library. */
export type LineFate = 'taken' | 'split' | 'library';

/** The last text of a column that says the same in many rows, by its bytes. */
class Repeated {
  private bytes: Uint8Array = new Uint8Array(0);
  private text = '';

  constructor(private readonly textOf: (bytes: Uint8Array) => string) {}

  at(bytes: Uint8Array, from: number, to: number): string {
    if (!sameBytes(bytes, from, to, this.bytes)) {
      this.bytes = bytes.slice(from, to);
      this.text = this.textOf(this.bytes);
    }
    return this.text;
  }
}

/** The tag that comes behind each tag, as far as tags come in turns. */
interface Turn {
  bytes: Uint8Array;
  readings: Readings | undefined;
  next: Turn | undefined;
}

/** Reads rows straight from their bytes, for speed: a second or two per hundred megabytes. */
export class PlainRow {
  /** Where each cell of a line begins and ends, without its quotes and the spaces around it. */
  private readonly starts: Int32Array;
  private readonly ends: Int32Array;
  /** Whether a cell of the line stands in quotes. */
  private quoted = false;
  private readonly scratch = new Uint8Array(LONGEST_TIME);
  private readonly words: readonly Repeated[];
  private readonly counted: readonly Repeated[];
  private turn: Turn | undefined;
  private readonly turns = new Map<string, Turn>();

  constructor(
    private readonly sink: WideSink | LongSink,
    private readonly textOf: (bytes: Uint8Array) => string,
    private readonly delimiter: number,
    private readonly mark: number,
  ) {
    this.starts = new Int32Array(sink.width);
    this.ends = new Int32Array(sink.width);
    const columns = sink instanceof WideSink ? sink.taken.length : 1;
    const repeated = (length: number) => Array.from({ length }, () => new Repeated(textOf));
    this.words = repeated(columns);
    this.counted = repeated(sink instanceof WideSink ? sink.counted.length : 0);
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
        let first = inQuotes ? i + 1 : i;
        let behind = end;
        while (first < behind && bytes[first] === SPACE) first++;
        while (behind > first && bytes[behind - 1] === SPACE) behind--;
        starts[cells] = first;
        ends[cells] = behind;
      }
      cells++;
      if (inQuotes) end++;
      if (end >= to) return cells;
      i = end + 1;
    }
  }

  /**
   * Takes one line apart and hands its cells over, where they are as many as the header's and its time is
   * plain.
   *
   * @param release hands over what waits before it
   */
  line(bytes: Uint8Array, from: number, to: number, release: () => void): LineFate {
    const { sink } = this;
    const cells = this.split(bytes, from, to);
    if (cells === 0) return 'library';
    if (cells === sink.width) {
      release();
      if (this.time(bytes)) {
        sink.counts.rows++;
        if (sink instanceof WideSink) this.instant(bytes, sink);
        else this.reading(bytes, sink);
        return 'taken';
      }
    }
    return this.quoted ? 'library' : 'split';
  }

  /** Takes the time of a line; false where its text has to be looked at. */
  private time(bytes: Uint8Array): boolean {
    const { starts, ends, scratch } = this;
    const { times, place, counts } = this.sink;
    if (place.periodS !== undefined) {
      if (starts.every((start, i) => start === ends[i])) return false;
      const s = counts.rows * place.periodS;
      times.moment(Math.floor(s), Math.round((s - Math.floor(s)) * 1e9));
      return true;
    }
    const [date, clock] = place.columns;
    if (date === undefined) return false;
    if (clock === undefined) return times.bytes(bytes, starts[date]!, ends[date]!);
    const dateBytes = ends[date]! - starts[date]!;
    const length = dateBytes + 1 + ends[clock]! - starts[clock]!;
    if (length > LONGEST_TIME) return false;
    for (let i = 0; i < dateBytes; i++) scratch[i] = bytes[starts[date]! + i]!;
    scratch[dateBytes] = SPACE;
    for (let i = dateBytes + 1; i < length; i++)
      scratch[i] = bytes[starts[clock]! + i - dateBytes - 1]!;
    return times.bytes(scratch, 0, length);
  }

  private instant(bytes: Uint8Array, sink: WideSink): void {
    const { starts, ends, words } = this;
    sink.row.push(sink.counts.rows - 1);
    for (let i = 0; i < sink.taken.length; i++) {
      const { index, quality, builder } = sink.taken[i]!;
      if (quality === undefined || this.admits(bytes, quality, words[i]!, sink.qualities, builder))
        this.cell(bytes, starts[index]!, ends[index]!, builder);
    }
    for (let i = 0; i < sink.counted.length; i++) {
      const { index } = sink.counted[i]!;
      countWord(sink.counted[i]!, this.counted[i]!.at(bytes, starts[index]!, ends[index]!));
    }
  }

  private reading(bytes: Uint8Array, sink: LongSink): void {
    const { starts, ends } = this;
    const { tag, value, quality } = sink.places;
    const readings = this.readingsAt(bytes, starts[tag]!, ends[tag]!, sink);
    if (!sink.begin(readings)) return;
    const { builder } = readings;
    if (
      quality === undefined ||
      this.admits(bytes, quality, this.words[0]!, sink.qualities, builder)
    )
      this.cell(bytes, starts[value]!, ends[value]!, builder);
  }

  /** Tags mostly come in turns: the one that came behind the last is tried first. */
  private readingsAt(bytes: Uint8Array, from: number, to: number, sink: LongSink) {
    const last = this.turn;
    const expected = last?.next;
    if (expected !== undefined && sameBytes(bytes, from, to, expected.bytes)) {
      this.turn = expected;
      return expected.readings;
    }
    const tag = this.textOf(bytes.subarray(from, to)).trim();
    const readings = sink.readingsOf(tag);
    // Only tags that are kept are remembered: there may be any number of others.
    if (readings === undefined) return undefined;
    const turn = this.turns.get(tag) ?? { bytes: bytes.slice(from, to), readings, next: undefined };
    this.turns.set(tag, turn);
    if (last !== undefined) last.next = turn;
    this.turn = turn;
    return readings;
  }

  private admits(
    bytes: Uint8Array,
    column: number,
    words: Repeated,
    qualities: Qualities,
    builder: ColumnBuilder,
  ): boolean {
    const told = words.at(bytes, this.starts[column]!, this.ends[column]!).trim();
    return told === '' || qualities.admits(builder, told);
  }

  private cell(bytes: Uint8Array, from: number, to: number, builder: ColumnBuilder): void {
    const value = builder.mapsNumbers ? Number.NaN : numberAt(bytes, from, to, this.mark);
    if (!Number.isNaN(value)) builder.number(value);
    else builder.cell(from === to ? undefined : this.textOf(bytes.subarray(from, to)));
  }
}
