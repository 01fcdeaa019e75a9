import { stat } from 'node:fs/promises';
import { decoderOf } from '../encoding.js';
import type { LongSink, WideSink } from '../sinks.js';
import { PlainScanner, recordEnd } from './plain.js';
import { bytesOf, decoded, newlineOf, type OpenedFile, parseRecords } from './text.js';

/** Encodings whose first 128 characters are ASCII, in one byte each. */
const ASCII_LIKE = /^(utf-8|windows-\d+|iso-8859-\d+|macintosh|koi8-.)$/;
/** Bytes without a record's end beyond which a quote is taken for one that nobody closed. */
const LONGEST_RECORD = 8 << 20;
const NEWLINE = 10;

/** How the text of a file is divided. */
export interface TextShape {
  delimiter: string;
  decimal: '.' | ',';
  /** Records before the first that is data. */
  firstRecord: number;
}

/** The bytes of a file in an encoding that has ASCII, and how they are read. */
function asciiBytes(
  file: OpenedFile,
  encoding: string,
): { pieces: AsyncIterable<Buffer>; textOf: (bytes: Uint8Array) => string } {
  const own = ASCII_LIKE.test(encoding);
  const decoder = decoderOf(own ? encoding : 'utf-8');
  return {
    pieces: own ? bytesOf(file) : inUtf8(decoded(file, encoding)),
    textOf: (bytes) => decoder.decode(bytes),
  };
}

async function* inUtf8(texts: AsyncIterable<string>): AsyncGenerator<Buffer> {
  for await (const text of texts) yield Buffer.from(text, 'utf8');
}

/** Where the last whole record ends. */
function wholeRecordsEnd(bytes: Uint8Array, delimiter: number): number {
  for (let end = 0; ; ) {
    const next = recordEnd(bytes, end, delimiter);
    if (next < 0) return end;
    end = next;
  }
}

/**
 * Hands the rows of a text over, piece by piece. Rows go the quick way over their bytes; those with more
 * in their quotes go through the CSV library.
 *
 * @param takes which rows are wanted, by their cells; default: all
 * @returns whether the file was being written and its last row was left out
 */
export async function feedText(
  file: OpenedFile,
  encoding: string,
  shape: TextShape,
  sink: WideSink | LongSink,
  takes?: (cells: readonly string[]) => boolean,
): Promise<boolean> {
  const { pieces, textOf } = asciiBytes(file, encoding);
  const code = shape.delimiter.charCodeAt(0);
  // A delimiter beyond ASCII is no byte: then quotes count at the beginning of a row only.
  const delimiter = code < 128 ? code : -1;
  let skip = shape.firstRecord;
  const takeApart = (texts: readonly string[]) =>
    parseRecords(texts.join('\n'), shape.delimiter, '\n');
  // Rows that are chosen by a cell are looked at as texts.
  const isQuick = delimiter >= 0 && takes === undefined;
  const quick = !isQuick ? undefined : new PlainScanner(sink, shape, textOf, takeApart);
  const take = (text: string) => {
    // The library makes a record of what stands behind the last line break, though that is nothing.
    const trimmed = text.replace(/\r?\n$/, '');
    for (const cells of parseRecords(trimmed, shape.delimiter, newlineOf(text))) {
      if (skip > 0) skip--;
      else if (takes === undefined || takes(cells)) sink.record(cells);
    }
  };
  /** Takes the whole records at the beginning; returns how many bytes they are. */
  const scan = (bytes: Buffer): number => {
    let from = 0;
    if (quick === undefined) {
      from = wholeRecordsEnd(bytes, delimiter);
      if (from > 0) take(textOf(bytes.subarray(0, from)));
      return from;
    }
    for (; skip > 0; skip--) {
      const next = recordEnd(bytes, from, delimiter);
      if (next < 0) return from;
      from = next;
    }
    const rest = bytes.subarray(from);
    return from + quick.scan(rest);
  };
  /** As {@link scan}; a quote that nobody closes within so many bytes costs its own line only. */
  const scanLines = (bytes: Buffer, longest: number): number => {
    for (let from = 0; ; ) {
      from += scan(bytes.subarray(from));
      if (bytes.length - from <= longest) return from;
      const lineEnd = bytes.indexOf(NEWLINE, from) + 1;
      take(textOf(bytes.subarray(from, lineEnd)));
      from = lineEnd;
    }
  };
  let rest: Buffer = Buffer.alloc(0);
  let begun = false;
  for await (const piece of pieces) {
    const bytes = rest.length === 0 ? piece : Buffer.concat([rest, piece]);
    const bom = !begun && bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0;
    begun = true;
    const lines = bytes.subarray(bom, bytes.lastIndexOf(NEWLINE) + 1);
    rest = bytes.subarray(bom + scanLines(lines, LONGEST_RECORD));
  }
  const grown = rest.at(-1) !== NEWLINE && (await stat(file.path)).size > file.sizeBytes;
  if (grown) return textOf(rest).trim() !== '';
  const lines = rest.subarray(0, rest.lastIndexOf(NEWLINE) + 1);
  const last = textOf(rest.subarray(scanLines(lines, 0)));
  if (last.trim() !== '') take(last);
  return false;
}
