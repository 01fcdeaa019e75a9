import { partitionPoint, type Quality } from '../../../shared/core/index.js';

/** Values in a full block: with its header it fills one 4 KiB page of the store. */
export const BLOCK_CAPACITY = 236;
/** A block whose texts are longer than this, characters, takes no more. */
const MAX_TEXT_LENGTH = 16_384;
const HEADER_BYTES = 16;
const BYTES_PER_VALUE = 8 + 4 + 4 + 1;
const FORMAT = 1;

/** Qualities by their code, which is also their order at one timestamp. */
export const QUALITY_NAMES: readonly Quality[] = ['GOOD', 'BAD', 'UNCERTAIN'];
export const QUALITY_CODES: Readonly<Record<Quality, number>> = { GOOD: 0, BAD: 1, UNCERTAIN: 2 };

/** What a value is, by its code. */
export const KIND = {
  double: 0,
  integer: 1,
  boolean: 2,
  string: 3,
  nullDouble: 4,
  nullInteger: 5,
  nullBoolean: 6,
  nullString: 7,
  nullUnknown: 8,
} as const;
export type Kind = (typeof KIND)[keyof typeof KIND];

/** One value as the store takes it. */
export interface StoredValue {
  seconds: number;
  nanos: number;
  quality: number;
  kind: Kind;
  /** The number, 0 or 1 for a boolean; a text is in `text`. */
  number: number;
  text?: string;
}

/**
 * A run of values of one series in ascending (time, quality), as columns; times are whole seconds and
 * nanoseconds, so that no bigint is needed in scans.
 */
export class Block {
  count = 0;
  readonly seconds = new Float64Array(BLOCK_CAPACITY);
  readonly nanos = new Uint32Array(BLOCK_CAPACITY);
  readonly numbers = new Float64Array(BLOCK_CAPACITY);
  /** Quality in the low two bits, kind above. */
  readonly tags = new Uint8Array(BLOCK_CAPACITY);
  /** Texts by row; undefined while no row has one. */
  texts: (string | undefined)[] | undefined;
  #textLength = 0;

  get full(): boolean {
    return this.count >= BLOCK_CAPACITY || this.#textLength > MAX_TEXT_LENGTH;
  }

  quality(row: number): number {
    return (this.tags[row] ?? 0) & 3;
  }

  kind(row: number): Kind {
    return ((this.tags[row] ?? 0) >> 2) as Kind;
  }

  /** Below, at or above zero, as the row's key is less than, equal to or greater than the given. */
  compare(row: number, seconds: number, nanos: number, quality: number): number {
    return (
      (this.seconds[row] ?? 0) - seconds ||
      (this.nanos[row] ?? 0) - nanos ||
      this.quality(row) - quality
    );
  }

  /** The first row whose key is not less than the given one. */
  lowerBound(seconds: number, nanos: number, quality: number): number {
    return partitionPoint(this.count, (row) => this.compare(row, seconds, nanos, quality) < 0);
  }

  /** Whether the block holds this very key: then putting it needs no room. */
  has(value: StoredValue): boolean {
    const row = this.lowerBound(value.seconds, value.nanos, value.quality);
    return row < this.count && this.compare(row, value.seconds, value.nanos, value.quality) === 0;
  }

  /** Puts a value in its place; the same key is overwritten. There must be room. */
  put(value: StoredValue): void {
    const { seconds, nanos, quality } = value;
    let row = this.count;
    // Values mostly arrive in order: look at the end first.
    if (row > 0 && this.compare(row - 1, seconds, nanos, quality) >= 0) {
      row = this.lowerBound(seconds, nanos, quality);
      if (this.compare(row, seconds, nanos, quality) !== 0) this.#open(row);
    } else this.count++;
    this.seconds[row] = seconds;
    this.nanos[row] = nanos;
    this.numbers[row] = value.number;
    this.tags[row] = quality | (value.kind << 2);
    if (value.text !== undefined || this.texts !== undefined) {
      this.texts ??= new Array<string | undefined>(this.count).fill(undefined);
      this.#textLength += (value.text?.length ?? 0) - (this.texts[row]?.length ?? 0);
      this.texts[row] = value.text;
    }
  }

  #open(row: number): void {
    const end = this.count;
    this.seconds.copyWithin(row + 1, row, end);
    this.nanos.copyWithin(row + 1, row, end);
    this.numbers.copyWithin(row + 1, row, end);
    this.tags.copyWithin(row + 1, row, end);
    this.texts?.splice(row, 0, undefined);
    this.count++;
  }

  /** Takes the upper half out into a new block. */
  split(): Block {
    const upper = new Block();
    const from = this.count >> 1;
    for (let row = from; row < this.count; row++) upper.put(this.row(row));
    const lower = new Block();
    for (let row = 0; row < from; row++) lower.put(this.row(row));
    this.count = lower.count;
    this.texts = lower.texts;
    this.#textLength = lower.#textLength;
    return upper;
  }

  /** A row as a value. */
  row(row: number): StoredValue {
    const text = this.texts?.[row];
    return {
      seconds: this.seconds[row] ?? 0,
      nanos: this.nanos[row] ?? 0,
      quality: this.quality(row),
      kind: this.kind(row),
      number: this.numbers[row] ?? 0,
      ...(text === undefined ? {} : { text }),
    };
  }

  /** The block as bytes. */
  encode(): Uint8Array {
    const n = this.count;
    const texts =
      this.texts === undefined
        ? undefined
        : Buffer.from(JSON.stringify(this.texts.slice(0, n).map((t) => t ?? null)));
    const fixed = HEADER_BYTES + n * BYTES_PER_VALUE;
    const bytes = Buffer.allocUnsafe(fixed + (texts?.length ?? 0));
    const base = this.seconds[0] ?? 0;
    bytes.writeUInt8(FORMAT, 0);
    bytes.writeUInt8(texts === undefined ? 0 : 1, 1);
    bytes.writeUInt16LE(n, 2);
    bytes.writeUInt32LE(0, 4);
    bytes.writeDoubleLE(base, 8);
    let at = HEADER_BYTES;
    for (let i = 0; i < n; i++, at += 8) bytes.writeDoubleLE(this.numbers[i] ?? 0, at);
    for (let i = 0; i < n; i++, at += 4) bytes.writeUInt32LE((this.seconds[i] ?? 0) - base, at);
    for (let i = 0; i < n; i++, at += 4) bytes.writeUInt32LE(this.nanos[i] ?? 0, at);
    bytes.set(this.tags.subarray(0, n), at);
    if (texts !== undefined) bytes.set(texts, fixed);
    return bytes;
  }

  /** A block from its bytes. */
  static decode(bytes: Uint8Array): Block {
    const block = new Block();
    block.read(bytes);
    return block;
  }

  /** Takes over what the bytes hold, in place of what was there. */
  read(bytes: Uint8Array): void {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    if (view.getUint8(0) !== FORMAT) throw new Error('A block of values has an unknown format.');
    const n = view.getUint16(2, true);
    this.count = n;
    const base = view.getFloat64(8, true);
    let at = HEADER_BYTES;
    for (let i = 0; i < n; i++, at += 8) this.numbers[i] = view.getFloat64(at, true);
    for (let i = 0; i < n; i++, at += 4) this.seconds[i] = base + view.getUint32(at, true);
    for (let i = 0; i < n; i++, at += 4) this.nanos[i] = view.getUint32(at, true);
    this.tags.set(bytes.subarray(at, at + n));
    this.texts = undefined;
    this.#textLength = 0;
    if (view.getUint8(1) === 1) {
      const texts = JSON.parse(Buffer.from(bytes.subarray(at + n)).toString()) as (string | null)[];
      this.texts = texts.map((t) => t ?? undefined);
      for (const text of texts) this.#textLength += text?.length ?? 0;
    }
  }

  /** Whether `seconds` can stand in this block: offsets have 32 bits. */
  reaches(seconds: number): boolean {
    if (this.count === 0) return true;
    const first = Math.min(seconds, this.seconds[0] ?? 0);
    const last = Math.max(seconds, this.seconds[this.count - 1] ?? 0);
    return last - first <= 0xffff_ffff;
  }
}
