import type { KeyValueChange, KeyValueStore } from './key-value.js';

const PREFIX = 'R';
const SEPARATOR = '\u0000';

/** A table of records by id, all in memory, whose changes go to the store with the next commit. */
export class RecordTable<T> {
  readonly #rows = new Map<string, T>();
  readonly #prefix: string;
  readonly #store: KeyValueStore;
  readonly #changed = new Set<string>();

  constructor(store: KeyValueStore, name: string) {
    this.#store = store;
    this.#prefix = PREFIX + SEPARATOR + name + SEPARATOR;
    this.reload();
  }

  get size(): number {
    return this.#rows.size;
  }

  get(id: string): T | undefined {
    return this.#rows.get(id);
  }

  values(): IterableIterator<T> {
    return this.#rows.values();
  }

  entries(): IterableIterator<[string, T]> {
    return this.#rows.entries();
  }

  set(id: string, row: T): void {
    this.#rows.set(id, row);
    this.#changed.add(id);
  }

  delete(id: string): void {
    if (this.#rows.delete(id)) this.#changed.add(id);
  }

  /** What changed since the last call, for one commit. */
  collect(): KeyValueChange[] {
    const changes = [...this.#changed].map((id): KeyValueChange => {
      const row = this.#rows.get(id);
      return {
        key: Buffer.from(this.#prefix + id),
        value: row === undefined ? undefined : Buffer.from(JSON.stringify(row)),
      };
    });
    this.#changed.clear();
    return changes;
  }

  /** Takes the rows from the store again. */
  reload(): void {
    this.#rows.clear();
    this.#changed.clear();
    for (const key of this.#store.keys(Buffer.from(this.#prefix))) {
      const id = Buffer.from(key).toString().slice(this.#prefix.length);
      const value = this.#store.get(key);
      if (value !== undefined) this.#rows.set(id, JSON.parse(Buffer.from(value).toString()) as T);
    }
  }
}
