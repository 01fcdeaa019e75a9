import { QUALITIES, type Quality, type StreamTqv, type TqvValue } from '../../shared/core/index.js';

/** Types of SiteWise properties that the component sends. */
const DATA_TYPES = ['DOUBLE', 'INTEGER', 'BOOLEAN', 'STRING'] as const;
export type DataType = (typeof DATA_TYPES)[number];

/** A sample on its way out: with the type of its SiteWise property. */
export interface EdgeSample extends StreamTqv {
  dataType: DataType;
  /** Why it is not GOOD, for counters and logs; SiteWise has no place for it. */
  reason?: string;
  /** No reading stands behind it: a heartbeat, or BAD because the source is down. */
  made?: true;
}

/** A row of the outbox, without its key. */
export interface Row {
  aliasId: number;
  quality: Quality;
  dataType: DataType;
  value: TqvValue;
}

/** Bytes in a row's place that are none of ours. */
export interface UnreadableRow {
  unreadable: Buffer;
}

/** Length of a key: time (8 bytes, big endian) and sequence number (6 bytes), so keys order by time. */
const KEY_LENGTH = 14;

/** The latest time that a key has room for: the year 2554. */
export const LATEST_NS = 2n ** 64n - 1n;

// Keys are text of one byte a character: a string is a fraction of what a buffer costs, and each value has
// several on its way.
const scratch = Buffer.alloc(KEY_LENGTH);

/** The key of a row, as latin1 text. Times that it has no room for become the nearest that it has. */
export function encodeKey(timeNs: bigint, sequence: number): string {
  scratch.writeBigUInt64BE(timeNs < 0n ? 0n : timeNs > LATEST_NS ? LATEST_NS : timeNs, 0);
  scratch.writeUIntBE(sequence, 8, 6);
  return scratch.toString('latin1');
}

/** The first key at or after a time. */
export function keyFloor(timeNs: bigint): string {
  return encodeKey(timeNs, 0);
}

/** The time in a key. */
export function timeOfKey(key: string): bigint {
  scratch.write(key, 'latin1');
  return scratch.readBigUInt64BE(0);
}

/** How lmdb writes and reads keys. */
export const keyCodec = {
  writeKey(key: string | Uint8Array, target: Uint8Array, start: number): number {
    if (typeof key !== 'string') {
      // lmdb's own mark for the beginning, which would lie behind the rows of the first ten years after 1970.
      target[start] = 0;
      return start + 1;
    }
    for (let i = 0; i < key.length; i++) target[start + i] = key.charCodeAt(i);
    return start + key.length;
  },
  readKey(source: Uint8Array, start: number, end: number): string {
    return Buffer.prototype.toString.call(source, 'latin1', start, end);
  },
};

// What follows the header of a row.
const NULL = 0;
const FLOAT64 = 1;
const FALSE = 2;
const TRUE = 3;
const TEXT = 4;
const HEADER_LENGTH = 5;

/** Where rows are written for lmdb, one behind the other: it takes the bytes from `start` to `end`. */
interface Chunk extends Buffer {
  start?: number;
  end?: number;
}

const CHUNK_BYTES = 64 * 1024;
let chunk: Chunk = Buffer.allocUnsafeSlow(CHUNK_BYTES);
let used = 0;

/** Room for a row. lmdb reads it later, and holds the chunk until then: what is written stays as it is. */
function reserve(length: number): Chunk {
  if (used + length > chunk.length) {
    chunk = Buffer.allocUnsafeSlow(Math.max(CHUNK_BYTES, length));
    used = 0;
  }
  chunk.start = used;
  used += length;
  chunk.end = used;
  return chunk;
}

function kindOf(value: TqvValue): number {
  if (typeof value === 'number') return FLOAT64;
  if (value === null) return NULL;
  if (typeof value === 'boolean') return value ? TRUE : FALSE;
  return TEXT;
}

/**
 * A row's bytes: alias id (4), then quality, data type and kind of value in one byte, then the
 * value. 13 bytes for a number.
 *
 * @returns a chunk, whose bytes from `start` to `end` are the row's
 */
export function encodeRow(row: Row | UnreadableRow): Buffer & { start: number; end: number } {
  if ('unreadable' in row) {
    const bytes = reserve(row.unreadable.length) as Buffer & { start: number; end: number };
    row.unreadable.copy(bytes, bytes.start);
    return bytes;
  }
  const { aliasId, quality, dataType, value } = row;
  const kind = kindOf(value);
  const textLength = typeof value === 'string' ? Buffer.byteLength(value) : 0;
  const length = HEADER_LENGTH + (kind === FLOAT64 ? 8 : textLength);
  const bytes = reserve(length) as Buffer & { start: number; end: number };
  const { start } = bytes;
  bytes.writeUInt32BE(aliasId, start);
  bytes[start + 4] = QUALITIES.indexOf(quality) | (DATA_TYPES.indexOf(dataType) << 2) | (kind << 4);
  if (typeof value === 'number') bytes.writeDoubleBE(value, start + HEADER_LENGTH);
  else if (typeof value === 'string') bytes.write(value, start + HEADER_LENGTH);
  return bytes;
}

const { readUInt32BE, readDoubleBE } = Buffer.prototype;

/**
 * Reads a row.
 *
 * @param bytes may be lmdb's own, which it uses again: none of it is kept. They are longer than their `length`
 *   says, which is the row's.
 */
export function decodeRow(bytes: Uint8Array): Row | UnreadableRow {
  const row = readRow(bytes);
  return (
    row ?? { unreadable: Buffer.from(Uint8Array.prototype.slice.call(bytes, 0, bytes.length)) }
  );
}

function readRow(bytes: Uint8Array): Row | undefined {
  const { length } = bytes;
  if (length < HEADER_LENGTH) return undefined;
  const flags = bytes[4] ?? 0;
  const quality = QUALITIES[flags & 3];
  const dataType = DATA_TYPES[(flags >> 2) & 3];
  const kind = flags >> 4;
  if (quality === undefined || dataType === undefined) return undefined;
  let value: TqvValue;
  if (kind === FLOAT64) {
    if (length !== HEADER_LENGTH + 8) return undefined;
    value = readDoubleBE.call(bytes, HEADER_LENGTH);
  } else if (kind === NULL) value = null;
  else if (kind === FALSE || kind === TRUE) value = kind === TRUE;
  else if (kind === TEXT) {
    const { buffer, byteOffset } = bytes;
    const text = Buffer.from(buffer, byteOffset + HEADER_LENGTH, length - HEADER_LENGTH);
    value = text.toString('utf8');
  } else return undefined;
  return { aliasId: readUInt32BE.call(bytes, 0), quality, dataType, value };
}

/**
 * The sample of a row.
 *
 * @returns undefined where the row is none of ours, or of a stream that is not known
 */
export function sampleOf(
  key: string,
  row: Row | UnreadableRow,
  aliasOf: (id: number) => string | undefined,
): EdgeSample | undefined {
  if ('unreadable' in row) return undefined;
  const alias = aliasOf(row.aliasId);
  if (alias === undefined) return undefined;
  const { quality, value, dataType } = row;
  return { alias, timeNs: timeOfKey(key), quality, value, dataType };
}

/** How lmdb writes and reads rows. */
export const rowCodec = {
  encode: encodeRow,
  decode: (bytes: Uint8Array): Row | UnreadableRow => decodeRow(bytes),
};
