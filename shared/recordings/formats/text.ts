import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { pipeline, type Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import Papa from 'papaparse';
import { messageOf, TwinError } from '../../core/index.js';

/** Bytes by which encoding and dialect are recognised. */
const HEAD_BYTES = 256 * 1024;
const CHUNK_BYTES = 1 << 20;

/** A file as it is before anything is known of its text. */
export interface OpenedFile {
  path: string;
  /** Bytes when it was opened: what is written later is not read. */
  sizeBytes: number;
  /** The first bytes, unpacked. */
  head: Buffer;
  /** Whether the head is all of it. */
  whole: boolean;
  gzip: boolean;
}

/** @throws TwinError `FILE_NOT_FOUND`, `FILE_INVALID` */
export async function openFile(path: string): Promise<OpenedFile> {
  try {
    const handle = await open(path, 'r');
    try {
      const stat = await handle.stat();
      if (stat.isDirectory()) throw new Error('it is a folder');
      const magic = Buffer.alloc(2);
      await handle.read(magic, 0, 2, 0);
      const gzip = magic[0] === 0x1f && magic[1] === 0x8b;
      const file = { path, sizeBytes: stat.size, gzip };
      const chunks: Buffer[] = [];
      let length = 0;
      let whole = true;
      for await (const chunk of bytesOf(file) as AsyncIterable<Buffer>) {
        chunks.push(chunk);
        length += chunk.length;
        if (length >= HEAD_BYTES) {
          whole = false;
          break;
        }
      }
      return { ...file, head: Buffer.concat(chunks).subarray(0, HEAD_BYTES), whole };
    } finally {
      await handle.close();
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
      throw new TwinError('FILE_NOT_FOUND', `No recording at ${path}: check the path.`, {
        cause: error,
      });
    }
    throw new TwinError(
      'FILE_INVALID',
      `Could not read the recording ${path}: ${messageOf(error)}.`,
      {
        cause: error,
      },
    );
  }
}

/** The bytes that the file had when it was opened, unpacked. */
export function bytesOf(file: Pick<OpenedFile, 'path' | 'sizeBytes' | 'gzip'>): Readable {
  const raw = createReadStream(file.path, {
    highWaterMark: CHUNK_BYTES,
    end: Math.max(0, file.sizeBytes - 1),
  });
  if (!file.gzip) return raw;
  const unpacked = createGunzip({ chunkSize: CHUNK_BYTES });
  // Errors arrive at the end of the chain; whoever stops reading early is no error.
  pipeline(raw, unpacked, () => undefined);
  return unpacked;
}

/** The text of a file, piece by piece, without its byte order mark. */
export async function* decoded(file: OpenedFile, encoding: string): AsyncGenerator<string> {
  const decoder = new TextDecoder(encoding);
  for await (const chunk of bytesOf(file) as AsyncIterable<Buffer>) {
    const text = decoder.decode(chunk, { stream: true });
    if (text !== '') yield text;
  }
  const rest = decoder.decode();
  if (rest !== '') yield rest;
}

/** A text up to its last line break; all of it where there is none. */
export const wholeLines = (text: string): string =>
  text.slice(0, text.lastIndexOf('\n') + 1) || text;

/** What stands between two records. */
export type Newline = '\n' | '\r\n';

/** The line break of a text, by its first; the library's guess is led astray by stray quotes. */
export function newlineOf(text: string): Newline | undefined {
  const at = text.indexOf('\n');
  if (at < 0) return undefined;
  return text[at - 1] === '\r' ? '\r\n' : '\n';
}

/**
 * Takes whole records apart; cells as they stand, without their quotes.
 *
 * @param newline between records; default: as the library finds it
 */
export function parseRecords(text: string, delimiter: string, newline?: Newline): string[][] {
  const between = newline === undefined ? {} : { newline };
  return Papa.parse<string[]>(text, { delimiter, ...between }).data;
}
