import type { Quality } from '../../shared/core/index.js';
import type { Fate } from './ledger.js';

/** A row's key and quality. */
export type Removal = readonly [key: string, quality: Quality];
/** What became of how many rows. */
export type Fates = readonly (readonly [Fate, number])[];

/**
 * Rows that one transaction removes at most: it must fit into the room that is kept for removals when the
 * disk is full.
 */
export const MOST_REMOVED = 1000;

interface Waiting {
  keys: readonly Removal[];
  fates: Fates;
  resolve: () => void;
  reject: (error: unknown) => void;
}

/**
 * Gathers removals: acknowledgements come one by one, thousands a second, and a transaction for each would cost
 * more than all the rest of a value's way.
 */
export class Removals {
  readonly #apply: (keys: readonly Removal[], fates: Fates) => Promise<void>;
  readonly #waitMs: () => number;
  #waiting: Waiting[] = [];
  #running: Promise<void> | undefined;

  /**
   * @param apply removes rows in one transaction
   * @param waitMs how long a removal waits for company
   */
  constructor(
    apply: (keys: readonly Removal[], fates: Fates) => Promise<void>,
    waitMs: () => number,
  ) {
    this.#apply = apply;
    this.#waitMs = waitMs;
  }

  /**
   * Removes rows, together with what else is to be removed about now.
   *
   * @param keys at most {@link MOST_REMOVED}
   */
  add(keys: readonly Removal[], fates: Fates): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ keys, fates, resolve, reject });
      this.#running ??= this.#run();
    });
  }

  /** Resolves when nothing is left to be removed. */
  async idle(): Promise<void> {
    await this.#running;
  }

  async #run(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, this.#waitMs()));
    while (this.#waiting.length > 0) {
      const batches: Waiting[][] = [];
      while (this.#waiting.length > 0) batches.push(this.#next());
      // All at once: the database commits what is waiting for it together, with one fsync.
      await Promise.all(batches.map((batch) => this.#removeAll(batch)));
    }
    this.#running = undefined;
  }

  async #removeAll(batch: readonly Waiting[]): Promise<void> {
    try {
      await this.#apply(
        batch.flatMap(({ keys }) => keys),
        batch.flatMap(({ fates }) => fates),
      );
      for (const { resolve } of batch) resolve();
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
  }

  /** As many as go into one transaction. */
  #next(): Waiting[] {
    let rows = 0;
    let count = 0;
    for (const { keys } of this.#waiting) {
      rows += keys.length;
      if (count > 0 && rows > MOST_REMOVED) break;
      count++;
    }
    return this.#waiting.splice(0, count);
  }
}
