import type { KeyValueChange, KeyValueStore } from './key-value.js';

/** Something whose changes are written together with others'. */
export interface ChangeSource {
  collect(): KeyValueChange[];
}

/**
 * Group commit: whoever asks while one commit is under way shares the next, which takes all changes
 * of all sources. So a batch is on disk as a whole or not at all.
 */
export class Committer {
  readonly #store: KeyValueStore;
  readonly #sources: readonly ChangeSource[];
  readonly #onFailure: (error: unknown) => void;
  #next: { promise: Promise<void>; settle: (error?: unknown) => void } | undefined;
  #running = false;
  /** Commits made. */
  commits = 0;

  constructor(
    store: KeyValueStore,
    sources: readonly ChangeSource[],
    onFailure: (error: unknown) => void,
  ) {
    this.#store = store;
    this.#sources = sources;
    this.#onFailure = onFailure;
  }

  /** Resolves when every change made until now is stored. */
  commit(): Promise<void> {
    if (this.#next === undefined) {
      let settle: (error?: unknown) => void = () => {};
      const promise = new Promise<void>((resolve, reject) => {
        settle = (error) => (error === undefined ? resolve() : reject(error));
      });
      this.#next = { promise, settle };
      if (!this.#running) void this.#run();
    }
    return this.#next.promise;
  }

  async #run(): Promise<void> {
    this.#running = true;
    // Requests that came in together go out together.
    await new Promise((resolve) => setImmediate(resolve));
    while (this.#next !== undefined) {
      const { settle } = this.#next;
      this.#next = undefined;
      try {
        const changes = this.#sources.flatMap((source) => source.collect());
        if (changes.length > 0) {
          await this.#store.commit(changes);
          this.commits++;
        }
        settle();
      } catch (error) {
        // Changes made meanwhile stand on what was lost: whoever waits for them is told as well.
        this.#onFailure(error);
        settle(error);
        const waiting = this.#next as { settle: (error?: unknown) => void } | undefined;
        this.#next = undefined;
        waiting?.settle(error);
      }
    }
    this.#running = false;
  }
}
