import { partitionPoint } from '../../../shared/core/index.js';
import { Block, type StoredValue } from './block.js';
import type { KeyValueChange, KeyValueStore } from './key-value.js';

/** A time as whole seconds since 1970 and nanoseconds. */
export interface StoredTime {
  seconds: number;
  nanos: number;
}

/** The time after all others. */
export const END_OF_TIME: StoredTime = { seconds: Number.MAX_SAFE_INTEGER, nanos: 0 };

/** Orders two times. */
export const compareTimes = (a: StoredTime, b: StoredTime) =>
  a.seconds - b.seconds || a.nanos - b.nanos;

/** Blocks kept decoded beyond those that wait to be written. */
const CACHED_BLOCKS = 1024;
const PREFIX = 0x42; // 'B'
/** Above every quality's code. */
const AFTER_QUALITIES = 4;

/** Where a block is: the index entry that stays in memory. */
interface BlockRef extends StoredTime {
  block: Block | undefined;
  dirty: boolean;
  cached: boolean;
}

interface Series {
  id: number;
  /** Ascending by time. */
  refs: BlockRef[];
}

function blockKey(series: number, time: StoredTime): Buffer {
  const key = Buffer.allocUnsafe(17);
  key.writeUInt8(PREFIX, 0);
  key.writeUInt32BE(series, 1);
  // Seconds are below 2^53: high and low word.
  key.writeUInt32BE(Math.floor(time.seconds / 0x1_0000_0000), 5);
  key.writeUInt32BE(time.seconds % 0x1_0000_0000, 9);
  key.writeUInt32BE(time.nanos, 13);
  return key;
}

function seriesPrefix(series: number): Buffer {
  const key = Buffer.allocUnsafe(5);
  key.writeUInt8(PREFIX, 0);
  key.writeUInt32BE(series, 1);
  return key;
}

/**
 * Values by (series, time, quality), in blocks of {@link Block}. An index of the blocks' first times
 * stays in memory (about 100 bytes for 236 values); blocks are read when asked for. Changes are made
 * in memory at once and written together by {@link collect}.
 */
export class ValueStore {
  readonly #store: KeyValueStore;
  readonly #series = new Map<number, Series>();
  /** Series from this number on were made in this session: nothing of them is on disk. */
  #firstNew: number;
  readonly #dirty = new Map<BlockRef, number>();
  /** Handed over for writing by the last {@link collect}: on disk for certain at the next. */
  #inFlight: ReadonlySet<BlockRef> = new Set();
  readonly #deleted = new Map<string, Uint8Array>();
  readonly #cache: BlockRef[] = [];
  /** One block for each scan under way: a visitor may scan, too. */
  readonly #scratch: Block[] = [];
  #scans = 0;

  constructor(store: KeyValueStore, firstNewSeries: number) {
    this.#store = store;
    this.#firstNew = firstNewSeries;
  }

  #open(id: number): Series {
    let series = this.#series.get(id);
    if (series === undefined) {
      series = { id, refs: [] };
      if (id < this.#firstNew) {
        for (const key of this.#store.keys(seriesPrefix(id))) {
          const view = new DataView(key.buffer, key.byteOffset, key.byteLength);
          series.refs.push({
            seconds: view.getUint32(5) * 0x1_0000_0000 + view.getUint32(9),
            nanos: view.getUint32(13),
            block: undefined,
            dirty: false,
            cached: false,
          });
        }
      }
      this.#series.set(id, series);
    }
    return series;
  }

  #bytesOf(series: Series, ref: BlockRef): Uint8Array {
    const bytes = this.#store.get(blockKey(series.id, ref));
    if (bytes === undefined) throw new Error('A block of values is in the index but not stored.');
    return bytes;
  }

  /** A block to be changed: it stays in memory. */
  #load(series: Series, ref: BlockRef): Block {
    if (ref.block === undefined) {
      ref.block = Block.decode(this.#bytesOf(series, ref));
      this.#remember(ref);
    }
    return ref.block;
  }

  /** A block to be looked at: what is not in memory goes into the scan's own block. */
  #peek(series: Series, ref: BlockRef): Block {
    if (ref.block !== undefined) return ref.block;
    let scratch = this.#scratch[this.#scans];
    if (scratch === undefined) {
      scratch = new Block();
      this.#scratch[this.#scans] = scratch;
    }
    scratch.read(this.#bytesOf(series, ref));
    return scratch;
  }

  #remember(ref: BlockRef): void {
    if (ref.cached) return;
    ref.cached = true;
    this.#cache.push(ref);
    for (let tries = this.#cache.length; this.#cache.length > CACHED_BLOCKS && tries > 0; tries--) {
      const oldest = this.#cache.shift();
      if (oldest === undefined) break;
      if (oldest.dirty || this.#inFlight.has(oldest)) this.#cache.push(oldest);
      else {
        oldest.block = undefined;
        oldest.cached = false;
      }
    }
  }

  /** Index of the last block that begins at or before a time; -1 where none does. */
  #floor(series: Series, time: StoredTime): number {
    const { refs } = series;
    return partitionPoint(refs.length, (k) => compareTimes(refs[k] as BlockRef, time) <= 0) - 1;
  }

  #markDirty(series: Series, ref: BlockRef): void {
    ref.dirty = true;
    this.#dirty.set(ref, series.id);
    this.#remember(ref);
  }

  #insert(series: Series, at: number, block: Block): BlockRef {
    const ref: BlockRef = {
      seconds: block.seconds[0] ?? 0,
      nanos: block.nanos[0] ?? 0,
      block,
      dirty: false,
      cached: false,
    };
    series.refs.splice(at, 0, ref);
    this.#markDirty(series, ref);
    return ref;
  }

  /** Puts a value; the same (time, quality) is overwritten. */
  put(id: number, value: StoredValue): void {
    const series = this.#open(id);
    const at = this.#floor(series, value);
    const ref = series.refs[Math.max(0, at)];
    if (ref === undefined) {
      this.#insertAlone(series, 0, value);
      return;
    }
    const block = this.#load(series, ref);
    if (!block.reaches(value.seconds)) {
      this.#insertAlone(series, at + 1, value);
      return;
    }
    if (block.full && !block.has(value)) {
      if (
        at === series.refs.length - 1 &&
        block.compare(block.count - 1, value.seconds, value.nanos, value.quality) < 0
      ) {
        // Past the end of the last block: begin a new one and leave the full one as it is.
        this.#insertAlone(series, at + 1, value);
        return;
      }
      // One timestamp has three keys at most, and they stay together: halves never share a time.
      this.#insert(series, Math.max(0, at) + 1, this.#splitApart(block));
      this.#markDirty(series, ref);
      this.put(id, value);
      return;
    }
    block.put(value);
    if (at < 0) this.#rename(series, ref, value);
    this.#markDirty(series, ref);
  }

  #insertAlone(series: Series, at: number, value: StoredValue): void {
    const block = new Block();
    block.put(value);
    this.#insert(series, at, block);
  }

  #splitApart(block: Block): Block {
    const upper = block.split();
    while (
      upper.count > 0 &&
      block.count > 0 &&
      upper.seconds[0] === block.seconds[block.count - 1] &&
      upper.nanos[0] === block.nanos[block.count - 1]
    ) {
      // Carry the straddling timestamp over to the upper half.
      upper.put(block.row(block.count - 1));
      block.count--;
    }
    return upper;
  }

  /** A value before the first block: the block's key follows its first time. */
  #rename(series: Series, ref: BlockRef, to: StoredTime): void {
    const key = blockKey(series.id, ref);
    this.#deleted.set(key.toString('latin1'), key);
    ref.seconds = to.seconds;
    ref.nanos = to.nanos;
  }

  /** What changed since the last call, for one commit; called again when that one is done. */
  collect(): KeyValueChange[] {
    const changes: KeyValueChange[] = [];
    this.#inFlight = new Set(this.#dirty.keys());
    for (const [ref, id] of this.#dirty) {
      const key = blockKey(id, ref);
      this.#deleted.delete(key.toString('latin1'));
      changes.push({ key, value: ref.block?.encode() });
      ref.dirty = false;
    }
    for (const key of this.#deleted.values()) changes.push({ key, value: undefined });
    this.#dirty.clear();
    this.#deleted.clear();
    return changes;
  }

  /**
   * Hands runs of values in [from, to] to `visit`, in the order asked for, until it returns false.
   *
   * @param visit gets a block and its rows [low, high); the block is good until it returns
   */
  scan(
    id: number,
    from: StoredTime,
    to: StoredTime,
    descending: boolean,
    visit: (block: Block, low: number, high: number) => boolean,
  ): void {
    this.#scans++;
    try {
      this.#scanBlocks(this.#open(id), from, to, descending, visit);
    } finally {
      this.#scans--;
    }
  }

  #scanBlocks(
    series: Series,
    from: StoredTime,
    to: StoredTime,
    descending: boolean,
    visit: (block: Block, low: number, high: number) => boolean,
  ): void {
    const first = Math.max(0, this.#floor(series, from));
    const last = this.#floor(series, to);
    const step = descending ? -1 : 1;
    for (let i = descending ? last : first; i >= first && i <= last; i += step) {
      const ref = series.refs[i];
      if (ref === undefined) return;
      const block = this.#peek(series, ref);
      const low = block.lowerBound(from.seconds, from.nanos, 0);
      const high = block.lowerBound(to.seconds, to.nanos, AFTER_QUALITIES);
      if (low < high && !visit(block, low, high)) return;
    }
  }

  /** The newest value at or before a time, of any quality unless one is asked for. */
  latest(id: number, atOrBefore = END_OF_TIME, quality?: number): StoredValue | undefined {
    let found: StoredValue | undefined;
    this.scan(id, { seconds: 0, nanos: 0 }, atOrBefore, true, (block, low, high) => {
      for (let row = high - 1; row >= low; row--) {
        if (quality === undefined || block.quality(row) === quality) {
          found = block.row(row);
          return false;
        }
      }
      return true;
    });
    return found;
  }

  /** Removes a series' values. */
  drop(id: number): void {
    this.#dropRefs(this.#open(id), Number.POSITIVE_INFINITY);
  }

  /** Removes blocks that end before a time: what retention takes away. @returns how many */
  dropBefore(id: number, before: StoredTime): number {
    const series = this.#open(id);
    // A block ends before the next begins; the last one is kept, it may still grow.
    const keepFrom = this.#floor(series, before);
    return keepFrom <= 0 ? 0 : this.#dropRefs(series, keepFrom);
  }

  #dropRefs(series: Series, count: number): number {
    const gone = series.refs.splice(0, Math.min(count, series.refs.length));
    for (const ref of gone) {
      const key = blockKey(series.id, ref);
      this.#deleted.set(key.toString('latin1'), key);
      this.#dirty.delete(ref);
      ref.dirty = false;
      ref.block = undefined;
    }
    return gone.length;
  }

  /** Forgets what is in memory: what is on disk is the truth again, after a commit that failed. */
  reset(): void {
    this.#firstNew = Number.POSITIVE_INFINITY;
    this.#inFlight = new Set();
    this.#series.clear();
    this.#dirty.clear();
    this.#deleted.clear();
    this.#cache.length = 0;
  }
}
