import { open, type RootDatabase } from 'lmdb';
import { messageOf, TwinError } from '../../../shared/core/index.js';

/** One change: a value to put, or undefined to delete. */
export interface KeyValueChange {
  key: Uint8Array;
  value: Uint8Array | undefined;
}

/** An ordered store of bytes by bytes: on disk or in memory. */
export interface KeyValueStore {
  /** The value, or undefined where there is none. */
  get(key: Uint8Array): Uint8Array | undefined;
  /** Keys that begin with `prefix`, ascending. */
  keys(prefix: Uint8Array): Iterable<Uint8Array>;
  /**
   * Makes all changes or none, and resolves when they would survive the end of this process.
   *
   * @throws TwinError `STORAGE`
   */
  commit(changes: readonly KeyValueChange[]): Promise<void>;
  close(): Promise<void>;
}

/** The first key after all that begin with `prefix`. */
function endOf(prefix: Uint8Array): Uint8Array {
  const end = Uint8Array.from(prefix);
  for (let i = end.length - 1; i >= 0; i--) {
    if (end[i] !== 255) {
      end[i] = (end[i] ?? 0) + 1;
      return end.subarray(0, i + 1);
    }
  }
  return Uint8Array.of(255, 255, 255, 255);
}

/**
 * A store in one LMDB file.
 *
 * @param directory a folder of the store's own
 */
export function openLmdbStore(directory: string): KeyValueStore {
  const db: RootDatabase<Buffer, Buffer> = open({
    path: directory,
    encoding: 'binary',
    keyEncoding: 'binary',
    maxReaders: 16,
  });
  return {
    get: (key) => db.getBinary(key as Buffer),
    keys: (prefix) => db.getKeys({ start: prefix as Buffer, end: endOf(prefix) as Buffer }),
    async commit(changes) {
      try {
        // In this thread, for its failure: that of a transaction in LMDB's own thread (no room, for
        // instance) is also thrown where nobody can catch it, which would end the process.
        db.transactionSync(() => {
          for (const { key, value } of changes) {
            if (value === undefined) db.removeSync(key as Buffer);
            else db.putSync(key as Buffer, value as Buffer);
          }
        });
      } catch (cause) {
        throw new TwinError('STORAGE', `Could not write to ${directory}: ${messageOf(cause)}`, {
          cause,
        });
      }
    },
    close: () => db.close(),
  };
}

/** A store that lives as long as the process. */
export function createMemoryStore(): KeyValueStore {
  const values = new Map<string, Uint8Array>();
  const text = (key: Uint8Array) =>
    Buffer.from(key.buffer, key.byteOffset, key.length).toString('latin1');
  return {
    get: (key) => values.get(text(key)),
    keys(prefix) {
      const start = text(prefix);
      return [...values.keys()]
        .filter((key) => key.startsWith(start))
        .sort()
        .map((key) => Buffer.from(key, 'latin1'));
    },
    async commit(changes) {
      for (const { key, value } of changes) {
        if (value === undefined) values.delete(text(key));
        else values.set(text(key), Uint8Array.from(value));
      }
    },
    async close() {},
  };
}
