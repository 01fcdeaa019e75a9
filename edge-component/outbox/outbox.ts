import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type Closeable,
  messageOf,
  QUALITIES,
  secondsToNs,
  TwinError,
} from '../../shared/core/index.js';
import { AccountedWrites, type Entry } from './accounted-writes.js';
import { NO_BYTES, OutboxDatabase, pageBytes, rowCount } from './database.js';
import { accountOf, type Fate, NO_TOTALS, type OutboxAccount } from './ledger.js';
import type { Checkpoint, OutboxCounters, OutboxEntry, OutboxOptions } from './outbox-types.js';
import { park, unpark } from './parking.js';
import { oldestTimeOf, type PeekRange, readRange } from './reading.js';
import { type EdgeSample, encodeKey } from './record.js';
import { type Fates, MOST_REMOVED, type Removal, Removals } from './removals.js';
import { type SetAside, setAsideIfBroken } from './repair.js';
import { rowsOf } from './reserved-space.js';
import { victimsOf } from './victims.js';

export type { Checkpoint, OutboxCounters, OutboxEntry, OutboxOptions } from './outbox-types.js';
export { MOST_REMOVED } from './removals.js';

interface PendingAppend {
  samples: readonly EdgeSample[];
  checkpoint: Checkpoint | undefined;
  resolve: () => void;
  reject: (error: unknown) => void;
}

/** The size is looked at after so many appended samples, so that a burst cannot run far past it. */
const CHECK_EVERY = 2000;

/**
 * The durable queue between sources and publisher, on lmdb. An append resolves when its samples are
 * on disk (fsync); what is removed was delivered. Rows order by time.
 */
export class Outbox implements Closeable {
  readonly #counts: Omit<OutboxCounters, 'writeFaults'> = {
    appended: 0,
    removed: 0,
    dropped: { GOOD: 0, BAD: 0, UNCERTAIN: 0 },
    unreadable: 0,
  };
  readonly setAside: SetAside | undefined;
  readonly #options: OutboxOptions;
  readonly #db: OutboxDatabase;
  #maxBytes: number;
  #slowAt: number;
  readonly #writes: AccountedWrites;
  /** Whether somebody works with a row, who will tell its fate. */
  #inUse: (key: string) => boolean = () => false;
  #exclusive: Promise<void> = Promise.resolve();
  #discarding = new Set<string>();
  #batchMs: number;
  #sinceCheck = 0;
  readonly #pending: PendingAppend[] = [];
  readonly #removals = new Removals(
    (keys, fates) => this.#removeKeys(keys, fates),
    () => this.#batchMs,
  );
  #listeners = new Set<() => void>();
  #closed = false;

  private constructor(
    options: OutboxOptions,
    database: OutboxDatabase,
    setAside: SetAside | undefined,
  ) {
    this.#options = options;
    this.#maxBytes = options.maxBytes;
    this.#slowAt = options.slowAt;
    this.#db = database;
    this.setAside = setAside;
    this.#batchMs = options.batchMs;
    this.#writes = new AccountedWrites(database, options.clock, options.logger);
  }

  /**
   * Opens the outbox of a folder. A file that cannot be read is set aside, reported, and a new one
   * begun.
   *
   * @throws TwinError `STORAGE` when no outbox can be opened there at all; `STATE_MISMATCH` for one that a
   *   newer version has written
   */
  static async open(options: OutboxOptions): Promise<Outbox> {
    const path = join(options.directory, 'outbox');
    try {
      await mkdir(path, { recursive: true });
      const setAside = await setAsideIfBroken(path, options.clock, options.logger);
      return new Outbox(options, new OutboxDatabase(path), setAside);
    } catch (error) {
      if (error instanceof TwinError) throw error;
      throw new TwinError('STORAGE', `Could not open the outbox ${path}: ${messageOf(error)}`, {
        cause: error,
      });
    }
  }

  /**
   * Takes samples. When it resolves they are on disk and survive a crash or power cut.
   *
   * @param checkpoint kept in the same transaction: after a crash the source resumes exactly there
   * @throws TwinError `STORAGE` when they could not be written; nothing of them is acknowledged
   */
  async append(samples: readonly EdgeSample[], checkpoint?: Checkpoint): Promise<void> {
    if (this.#closed) throw new TwinError('STORAGE', 'The outbox is closed.');
    if (samples.length === 0 && checkpoint === undefined) return;
    await new Promise<void>((resolve, reject) => {
      this.#pending.push({ samples, checkpoint, resolve, reject });
      if (this.#pending.length === 1) setTimeout(() => void this.#flush(), this.#batchMs);
    });
    this.#counts.appended += samples.length;
    this.#sinceCheck += samples.length;
    // They are stored: a fault here is told as a fault of the outbox, and tried again by the sender.
    if (this.#sinceCheck >= CHECK_EVERY) await this.enforceSize().catch(() => {});
    for (const listener of this.#listeners) listener();
  }

  /** What happened since it was opened. */
  get counters(): OutboxCounters {
    return { ...this.#counts, writeFaults: this.#writes.faults };
  }

  /** The place a source had reached with its last durable append. */
  checkpoint(source: string): string | undefined {
    return this.#db.checkpoints.get(source);
  }

  /** Reads entries without removing them. */
  peek(range: PeekRange): OutboxEntry[] {
    if (this.#closed || range.limit <= 0) return [];
    const { entries, unreadable } = readRange(this.#db, range, this.#discarding);
    if (unreadable.length > 0) this.#discard(unreadable);
    return entries;
  }

  /**
   * Removes what was delivered, or dead-lettered. Resolves when that is on disk.
   *
   * @param entries at most {@link MOST_REMOVED}, for a transaction of more does not fit into a full disk
   * @param fate what became of them, for the account
   */
  async remove(entries: readonly OutboxEntry[], fate: Fate = { kind: 'accepted' }): Promise<void> {
    if (this.#closed || entries.length === 0) return;
    await this.#removals.add(
      entries.map((e) => [e.key, e.sample.quality]),
      [[fate, entries.length]],
    );
    this.#counts.removed += entries.length;
  }

  /**
   * Keeps rows from being dropped while somebody works with them.
   *
   * @param inUse whether that is so for a key
   */
  protect(inUse: (key: string) => boolean): void {
    this.#inUse = inUse;
  }

  /** Puts entries aside, durably, so that they no longer stand before others. */
  async park(entries: readonly OutboxEntry[]): Promise<void> {
    if (!this.#closed) await park(this.#db, this.#writes, entries);
  }

  /** Puts the oldest parked entries back into the queue. @returns how many */
  unpark(limit: number): Promise<number> {
    return this.#alone(async () =>
      this.#closed ? 0 : await unpark(this.#db, this.#writes, limit),
    );
  }

  /** Number of parked samples; they count in {@link Outbox.depth}, too. */
  get parkedDepth(): number {
    return this.#closed ? 0 : rowCount(this.#db.parked);
  }

  /** Drops samples while the outbox is larger than allowed: the oldest, GOOD ones last. */
  enforceSize(): Promise<void> {
    this.#sinceCheck = 0;
    return this.bytes > this.#maxBytes ? this.#alone(() => this.#drop()) : Promise.resolve();
  }

  /** One at a time: two that choose rows by themselves would choose the same. */
  #alone<T>(action: () => Promise<T>): Promise<T> {
    const done = this.#exclusive.then(action);
    this.#exclusive = done.then(
      () => {},
      () => {},
    );
    return done;
  }

  async #drop(): Promise<void> {
    while (!this.#closed && this.bytes > this.#maxBytes) {
      // A tenth of a percent at a time, at least a few pages' worth.
      const count = Math.min(MOST_REMOVED, Math.max(500, Math.ceil(this.depth / 1000)));
      const victims = victimsOf(this.#db, count, this.#inUse);
      if (victims.length === 0) return;
      const counts = { GOOD: 0, BAD: 0, UNCERTAIN: 0 };
      for (const [, quality] of victims) counts[quality]++;
      await this.#removeKeys(
        victims,
        QUALITIES.map((q) => [{ kind: 'dropped', reason: `outbox-full-${q}` }, counts[q]]),
      );
      for (const quality of QUALITIES) this.#counts.dropped[quality] += counts[quality];
      this.#options.logger.warn('Outbox is full: dropped samples', {
        count: victims.length,
        bytes: this.bytes,
        maxBytes: this.#maxBytes,
      });
    }
  }

  /** Notes that dead letters are being deleted: their values are lost for good. */
  async deleteLetters(reason: string, count: number): Promise<void> {
    if (this.#closed || count === 0) return;
    const entry: Entry = (ledger, sign) => ledger.deleteLetters(reason, sign * count);
    await this.#writes.run('remove', 0, entry, () => {});
  }

  /** Changes the limits; what is over the allowed size goes with the next append or check. */
  limit({
    maxBytes,
    slowAt,
    batchMs,
  }: Pick<OutboxOptions, 'maxBytes' | 'slowAt' | 'batchMs'>): void {
    this.#maxBytes = maxBytes;
    this.#slowAt = slowAt;
    this.#batchMs = batchMs;
  }

  /** What became of all values, as it is on disk. */
  get account(): OutboxAccount {
    return this.#closed ? accountOf(NO_TOTALS, 0) : this.#writes.account;
  }

  /** Values of which no fate was known when it was opened; 0 when all is well. */
  get missingAtStart(): number {
    return this.#writes.missingAtStart;
  }

  /** Number of samples that wait. */
  get depth(): number {
    if (this.#closed) return 0;
    return rowCount(this.#db.queue) + rowCount(this.#db.parked);
  }

  /** Bytes of the pages in use. */
  get bytes(): number {
    if (this.#closed) return 0;
    return pageBytes(this.#db.queue) + pageBytes(this.#db.parked);
  }

  /** Share of the allowed size that is in use. */
  get fill(): number {
    return this.bytes / this.#maxBytes;
  }

  /** Whether sources should wait: the outbox is filling up or cannot be written. */
  get slow(): boolean {
    return this.fill >= this.#slowAt || this.#writes.fault !== undefined;
  }

  /** Why the last write failed, or that one does not end; undefined when all is well. */
  get fault(): string | undefined {
    return this.#writes.fault;
  }

  /** Time of the oldest sample, or undefined when empty. */
  get oldestNs(): bigint | undefined {
    if (this.#closed) return undefined;
    return oldestTimeOf(this.#db);
  }

  /** Calls back after every append. @returns stops that */
  onAppend(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Entries older than `ageS`, oldest first. */
  olderThan(ageS: number, limit: number): OutboxEntry[] {
    return this.peek({ untilNs: this.#options.clock.nowNs() - secondsToNs(ageS), limit });
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    await this.#flush();
    await this.#removals.idle();
    this.#closed = true;
    await this.#db.close();
  }

  async #removeKeys(keys: readonly Removal[], fates: Fates): Promise<void> {
    const hasParked = this.#hasParked;
    const entry: Entry = (ledger, sign) => {
      for (const [fate, count] of fates) if (count > 0) ledger.remove(fate, sign * count);
    };
    await this.#writes.run('remove', keys.length, entry, (own) => {
      for (const [key, quality] of keys) {
        own(this.#db.queue.remove(key));
        if (hasParked) own(this.#db.parked.remove(key));
        if (quality !== 'GOOD') own(this.#db.doubtful.remove(key));
      }
    });
  }

  get #hasParked(): boolean {
    return rowCount(this.#db.parked) > 0;
  }

  /** Writes all appends that came together as one transaction. */
  async #flush(): Promise<void> {
    const appends = this.#pending.splice(0);
    if (appends.length === 0) return;
    try {
      let rows = 0;
      for (const { samples } of appends) for (const sample of samples) rows += rowsOf(sample);
      const count = appends.reduce((n, { samples }) => n + samples.length, 0);
      const entry: Entry = (ledger, sign) => ledger.store(sign * count);
      await this.#writes.run('append', rows, entry, (own) => {
        for (const { samples, checkpoint } of appends) {
          for (const sample of samples) {
            const key = encodeKey(sample.timeNs, this.#writes.nextSequence());
            own(this.#db.queue.put(key, this.#db.rowOf(sample, own)));
            if (sample.quality !== 'GOOD') own(this.#db.doubtful.put(key, NO_BYTES));
          }
          if (checkpoint !== undefined) {
            own(this.#db.checkpoints.put(checkpoint.source, checkpoint.position));
          }
        }
      });
      for (const { resolve } of appends) resolve();
    } catch (error) {
      for (const { reject } of appends) reject(error);
    }
  }

  #discard(keys: readonly string[]): void {
    for (const key of keys) this.#discarding.add(key);
    this.#options.logger.error('Discarded unreadable rows of the outbox', { count: keys.length });
    this.#removeKeys(
      keys.map((key) => [key, 'BAD']),
      [[{ kind: 'dropped', reason: 'unreadable' }, keys.length]],
    )
      .then(
        () => {
          this.#counts.unreadable += keys.length;
        },
        (error: unknown) => {
          this.#options.logger.warn('Could not discard unreadable rows', {
            error: messageOf(error),
          });
        },
      )
      .finally(() => {
        for (const key of keys) this.#discarding.delete(key);
      });
  }
}
