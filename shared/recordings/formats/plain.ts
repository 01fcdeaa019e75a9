import type { LongSink, WideSink } from '../sinks.js';
import { PlainRow } from './plain-row.js';

const NEWLINE = 10;
const RETURN = 13;
const SPACE = 32;
const QUOTE = 34;

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

/** Reads whole records, those that are plain straight from their bytes. */
export class PlainScanner {
  private readonly row: PlainRow;
  private readonly delimiter: number;
  /** Texts of neighbours that need the library: they go there together. */
  private readonly held: string[] = [];
  private readonly release = () => {
    if (this.held.length === 0) return;
    for (const cells of this.records(this.held)) this.sink.record(cells);
    this.held.length = 0;
  };

  /**
   * @param dialect whose delimiter is ASCII
   * @param records takes records apart that need the library, given without their line breaks
   */
  constructor(
    private readonly sink: WideSink | LongSink,
    private readonly dialect: { delimiter: string; decimal: '.' | ',' },
    private readonly textOf: (bytes: Uint8Array) => string,
    private readonly records: (texts: readonly string[]) => readonly string[][],
  ) {
    this.delimiter = dialect.delimiter.charCodeAt(0);
    this.row = new PlainRow(sink, textOf, this.delimiter, dialect.decimal.charCodeAt(0));
  }

  /**
   * Reads whole records.
   *
   * @param bytes in an encoding that has ASCII, ending with a line break
   * @returns how many of the bytes were read: a record whose end is missing is left
   */
  scan(bytes: Uint8Array): number {
    const { row, release, held, textOf } = this;
    let from = 0;
    for (;;) {
      const at = bytes.indexOf(NEWLINE, from);
      if (at < 0) break;
      const to = at > from && bytes[at - 1] === RETURN ? at - 1 : at;
      const fate = to <= from ? 'taken' : row.line(bytes, from, to, release);
      if (fate === 'library') {
        const end = recordEnd(bytes, from, this.delimiter);
        if (end < 0) break;
        const returned = end - 2 >= from && bytes[end - 2] === RETURN;
        held.push(textOf(bytes.subarray(from, end - (returned ? 2 : 1))));
        from = end;
        continue;
      }
      if (fate === 'split') {
        release();
        this.sink.record(textOf(bytes.subarray(from, to)).split(this.dialect.delimiter));
      }
      from = at + 1;
    }
    release();
    return from;
  }
}
