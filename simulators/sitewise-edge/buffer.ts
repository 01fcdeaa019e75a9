import { mkdirSync } from 'node:fs';
import { Committer } from '../sitewise/store/committer.js';
import {
  createMemoryStore,
  type KeyValueChange,
  type KeyValueStore,
  openLmdbStore,
} from '../sitewise/store/key-value.js';

const META_KEY = Buffer.from('M');

/** Where the queue begins and ends, and how many values are in it. */
interface Meta {
  head: number;
  tail: number;
  values: number;
}

/** A message in the buffer. */
export interface BufferedMessage {
  sequence: number;
  /** Values in it. */
  count: number;
  payload: Buffer;
}

function messageKey(sequence: number): Buffer {
  const key = Buffer.allocUnsafe(9);
  key.writeUInt8(0x51, 0); // 'Q'
  key.writeUInt32BE(Math.floor(sequence / 0x1_0000_0000), 1);
  key.writeUInt32BE(sequence % 0x1_0000_0000, 5);
  return key;
}

/**
 * The gateway's durable queue of messages, in the order of their arrival. Messages leave it in any
 * order; what is in it survives the end of the process.
 */
export class EdgeBuffer {
  readonly #store: KeyValueStore;
  readonly #committer: Committer;
  readonly #maxValues: number;
  #changes: KeyValueChange[] = [];
  #meta: Meta = { head: 0, tail: 0, values: 0 };
  /** Messages before this one are stored, or gone again. */
  #storedTail = 0;
  /** Removed, with older messages still in the queue. */
  readonly #removed = new Set<number>();
  /** Messages dropped because the buffer was full, in values. */
  droppedValues = 0;

  /**
   * @param directory left out: in memory
   * @param maxValues beyond this the oldest messages are dropped
   */
  constructor(directory: string | undefined, maxValues: number) {
    this.#maxValues = maxValues;
    if (directory === undefined) this.#store = createMemoryStore();
    else {
      mkdirSync(directory, { recursive: true });
      this.#store = openLmdbStore(directory);
    }
    this.#committer = new Committer(this.#store, [{ collect: () => this.#collect() }], () => {
      this.#changes = [];
      this.#load();
    });
    this.#load();
  }

  #load(): void {
    const meta = this.#store.get(META_KEY);
    this.#meta =
      meta === undefined
        ? { head: 0, tail: 0, values: 0 }
        : JSON.parse(Buffer.from(meta).toString());
    this.#storedTail = this.#meta.tail;
    this.#removed.clear();
  }

  #collect(): KeyValueChange[] {
    if (this.#changes.length === 0) return [];
    const changes = this.#changes;
    this.#changes = [];
    changes.push({ key: META_KEY, value: Buffer.from(JSON.stringify(this.#meta)) });
    return changes;
  }

  /** Values that wait. */
  get values(): number {
    return this.#meta.values;
  }

  /** The sequence of the oldest message there may be. */
  get head(): number {
    return this.#meta.head;
  }

  /** The sequence after the newest message that is stored. */
  get storedTail(): number {
    return this.#storedTail;
  }

  /** Appends a message; resolves when it is stored. */
  async append(payload: Uint8Array, count: number): Promise<void> {
    const record = Buffer.allocUnsafe(4 + payload.length);
    record.writeUInt32BE(count, 0);
    record.set(payload, 4);
    this.#changes.push({ key: messageKey(this.#meta.tail), value: record });
    this.#meta.tail++;
    this.#meta.values += count;
    const { tail } = this.#meta;
    while (this.#meta.values > this.#maxValues && this.#meta.head < this.#storedTail) {
      const oldest = this.read(this.#meta.head);
      if (oldest === undefined) this.#meta.head++;
      else {
        this.droppedValues += oldest.count;
        this.#remove(oldest);
      }
    }
    await this.#committer.commit();
    this.#storedTail = Math.max(this.#storedTail, tail);
  }

  /** A stored message; undefined where it is gone, or not yet stored. */
  read(sequence: number): BufferedMessage | undefined {
    const record = this.#store.get(messageKey(sequence));
    if (record === undefined) return undefined;
    const bytes = Buffer.from(record);
    return { sequence, count: bytes.readUInt32BE(0), payload: bytes.subarray(4) };
  }

  #remove(message: { sequence: number; count: number }): void {
    this.#changes.push({ key: messageKey(message.sequence), value: undefined });
    this.#meta.values -= message.count;
    this.#removed.add(message.sequence);
    while (this.#removed.delete(this.#meta.head)) this.#meta.head++;
  }

  /** Removes messages that arrived at the far end; resolves when that is stored. */
  remove(messages: readonly { sequence: number; count: number }[]): Promise<void> {
    for (const message of messages) {
      // One that a full buffer dropped meanwhile is gone already.
      if (message.sequence >= this.#meta.head) this.#remove(message);
    }
    return this.#committer.commit();
  }

  async close(): Promise<void> {
    await this.#committer.commit();
    await this.#store.close();
  }
}
