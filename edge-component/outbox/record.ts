import { QUALITIES, type StreamTqv, type TqvValue } from '../../shared/core/index.js';

/** Types of SiteWise properties that the component sends. */
export const DATA_TYPES = ['DOUBLE', 'INTEGER', 'BOOLEAN', 'STRING'] as const;
export type DataType = (typeof DATA_TYPES)[number];

/** A sample on its way out: with the type of its SiteWise property. */
export interface EdgeSample extends StreamTqv {
  dataType: DataType;
  /** Why it is not GOOD, for counters and logs; SiteWise has no place for it. */
  reason?: string;
  /** No reading stands behind it: a heartbeat, or BAD because the source is down. */
  made?: true;
}

/** Length of a key: time (8 bytes, big endian) and sequence number (6 bytes), so keys order by time. */
export const KEY_LENGTH = 14;

/** The key of a row. */
export function encodeKey(timeNs: bigint, sequence: number): Buffer {
  const key = Buffer.allocUnsafe(KEY_LENGTH);
  key.writeBigUInt64BE(timeNs < 0n ? 0n : timeNs, 0);
  key.writeUIntBE(sequence, 8, 6);
  return key;
}

/** The first key at or after a time. */
export function keyFloor(timeNs: bigint): Buffer {
  return encodeKey(timeNs, 0);
}

/** The time in a key. */
export function timeOfKey(key: Uint8Array): bigint {
  return Buffer.from(key.buffer, key.byteOffset, key.byteLength).readBigUInt64BE(0);
}

// What follows the header of a row.
const NULL = 0;
const FLOAT64 = 1;
const FALSE = 2;
const TRUE = 3;
const TEXT = 4;
const HEADER_LENGTH = 5;

/**
 * A row's bytes: alias id (4), then quality, data type and kind of value in one byte, then the
 * value. 13 bytes for a number.
 */
export function encodeRow(aliasId: number, sample: EdgeSample): Buffer {
  const { value } = sample;
  const kind =
    value === null
      ? NULL
      : typeof value === 'number'
        ? FLOAT64
        : typeof value === 'boolean'
          ? value
            ? TRUE
            : FALSE
          : TEXT;
  const text = typeof value === 'string' ? Buffer.from(value, 'utf8') : undefined;
  const row = Buffer.allocUnsafe(HEADER_LENGTH + (kind === FLOAT64 ? 8 : (text?.length ?? 0)));
  row.writeUInt32BE(aliasId, 0);
  row[4] =
    QUALITIES.indexOf(sample.quality) | (DATA_TYPES.indexOf(sample.dataType) << 2) | (kind << 4);
  if (typeof value === 'number') row.writeDoubleBE(value, HEADER_LENGTH);
  text?.copy(row, HEADER_LENGTH);
  return row;
}

/**
 * Reads a row.
 *
 * @returns the sample, or undefined where the bytes are none of ours
 */
export function decodeRow(
  key: Uint8Array,
  row: Buffer,
  aliasOf: (id: number) => string | undefined,
): EdgeSample | undefined {
  if (row.length < HEADER_LENGTH) return undefined;
  const alias = aliasOf(row.readUInt32BE(0));
  const flags = row[4] ?? 0;
  const quality = QUALITIES[flags & 3];
  const dataType = DATA_TYPES[(flags >> 2) & 3];
  const kind = flags >> 4;
  if (alias === undefined || quality === undefined || dataType === undefined) return undefined;
  let value: TqvValue;
  if (kind === FLOAT64) {
    if (row.length !== HEADER_LENGTH + 8) return undefined;
    value = row.readDoubleBE(HEADER_LENGTH);
  } else if (kind === NULL) value = null;
  else if (kind === FALSE || kind === TRUE) value = kind === TRUE;
  else if (kind === TEXT) value = row.toString('utf8', HEADER_LENGTH);
  else return undefined;
  return { alias, timeNs: timeOfKey(key), quality, value, dataType };
}
