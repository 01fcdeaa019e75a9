import type { AssetPropertyValue } from '@aws-sdk/client-iotsitewise';
import type { EdgeBuffer } from './buffer.js';
import { type EdgeMessage, parsePayload, streamKey } from './payload.js';

/** SiteWise's limit of the values in an entry. */
const VALUES_PER_ENTRY = 10;
/** Values held in memory at most; the rest waits in the buffer. */
const WINDOW_VALUES = 20_000;

/** A message some of whose values are in the window. */
interface OpenMessage {
  sequence: number;
  count: number;
  left: number;
}

/** A value on its way to SiteWise. */
export interface WaitingValue {
  value: AssetPropertyValue;
  message: OpenMessage;
  sinceMs: number;
}

/** Values of one stream that go out together. */
export interface Entry {
  key: string;
  values: WaitingValue[];
}

/**
 * What of the buffer is on its way: values by stream, in order of arrival. A message leaves the buffer
 * once each of its values was taken or given up.
 */
export class SendWindow {
  readonly #buffer: EdgeBuffer;
  readonly #maxWaitMs: number;
  readonly #streams = new Map<string, WaitingValue[]>();
  #values = 0;
  #nextSequence: number;
  #done: OpenMessage[] = [];

  /** @param maxWaitMs an entry that is not full goes out when its oldest value has waited so long */
  constructor(buffer: EdgeBuffer, maxWaitMs: number) {
    this.#buffer = buffer;
    this.#maxWaitMs = maxWaitMs;
    this.#nextSequence = buffer.head;
  }

  /** Takes in from the buffer what there is room for. */
  fill(nowMs: number): void {
    const buffer = this.#buffer;
    this.#nextSequence = Math.max(this.#nextSequence, buffer.head);
    while (this.#values < WINDOW_VALUES && this.#nextSequence < buffer.storedTail) {
      const stored = buffer.read(this.#nextSequence);
      this.#nextSequence++;
      // Sent before, with older ones still waiting; or dropped from a full buffer.
      if (stored === undefined) continue;
      const parsed = parsePayload(stored.payload);
      const { sequence, count } = stored;
      const message: OpenMessage = { sequence, count, left: count };
      if (typeof parsed === 'string') this.#done.push(message);
      else this.#add(parsed, message, nowMs);
    }
  }

  #add(parsed: EdgeMessage, message: OpenMessage, sinceMs: number): void {
    const key = streamKey(parsed);
    const queue = this.#streams.get(key) ?? [];
    for (const value of parsed.propertyValues) queue.push({ value, message, sinceMs });
    this.#streams.set(key, queue);
    this.#values += parsed.propertyValues.length;
  }

  /**
   * Takes out what is due, streams by turns.
   *
   * @param most entries at most
   * @returns the entries, and how long it is until more are due, ms
   */
  take(most: number, nowMs: number): { entries: Entry[]; waitMs: number } {
    const entries: Entry[] = [];
    let waitMs = this.#maxWaitMs;
    // A window that is full has no room for what would fill the batches: send what there is.
    const crowded = this.#values >= WINDOW_VALUES;
    for (const [key, queue] of this.#streams) {
      while (entries.length < most && queue.length > 0) {
        const waited = nowMs - (queue[0]?.sinceMs ?? nowMs);
        if (queue.length < VALUES_PER_ENTRY && waited < this.#maxWaitMs && !crowded) {
          waitMs = Math.min(waitMs, this.#maxWaitMs - waited);
          break;
        }
        entries.push({ key, values: queue.splice(0, VALUES_PER_ENTRY) });
      }
      if (queue.length === 0) this.#streams.delete(key);
      if (entries.length >= most) break;
    }
    // Streams take turns: the ones just served go to the end.
    for (const { key } of entries) {
      const queue = this.#streams.get(key);
      if (queue !== undefined) {
        this.#streams.delete(key);
        this.#streams.set(key, queue);
      }
    }
    return { entries, waitMs };
  }

  /** Values that were taken, or given up. */
  settle(values: readonly WaitingValue[]): void {
    this.#values -= values.length;
    for (const { message } of values) {
      message.left--;
      if (message.left === 0) this.#done.push(message);
    }
  }

  /** Values that go out again, before those that came later. */
  giveBack(key: string, values: readonly WaitingValue[]): void {
    if (values.length === 0) return;
    this.#streams.set(key, [...values, ...(this.#streams.get(key) ?? [])]);
  }

  /** Removes from the buffer the messages of which nothing is left. */
  async removeDone(): Promise<void> {
    if (this.#done.length === 0) return;
    const arrived = this.#done;
    this.#done = [];
    await this.#buffer.remove(arrived);
  }
}
