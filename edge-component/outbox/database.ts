import { type Database, open, type RootDatabase } from 'lmdb';
import { messageOf, TwinError } from '../../shared/core/index.js';

type Rows = Database<Buffer, Buffer>;
/** Hands a write of a transaction over, so that its promise is somebody's. */
export type Own = (write: Promise<boolean>) => void;

/**
 * The outbox's file: an lmdb environment with its tables. A transaction is on disk (fsync) when
 * {@link OutboxDatabase.write} resolves.
 */
export class OutboxDatabase {
  /** Time and sequence → row. */
  readonly queue: Rows;
  /** Keys of the rows that are not GOOD: they are dropped first. */
  readonly doubtful: Rows;
  /** Rows of streams that the far end refuses for now. */
  readonly parked: Rows;
  readonly checkpoints: Database<string, string>;
  readonly #root: RootDatabase<Buffer, Buffer>;
  /** Alias id → alias. */
  readonly #aliasTable: Database<string, number>;
  readonly #aliasIds = new Map<string, number>();
  readonly #aliases: string[] = [];

  /** @param path folder of the environment; made when it is not there */
  constructor(path: string) {
    const root = openEnvironment(path);
    const binary = { keyEncoding: 'binary', encoding: 'binary' } as const;
    this.#root = root;
    this.queue = root.openDB<Buffer, Buffer>({ name: 'queue', ...binary });
    this.doubtful = root.openDB<Buffer, Buffer>({ name: 'doubtful', ...binary });
    this.parked = root.openDB<Buffer, Buffer>({ name: 'parked', ...binary });
    this.checkpoints = root.openDB<string, string>({ name: 'checkpoints', encoding: 'string' });
    this.#aliasTable = root.openDB<string, number>({
      name: 'aliases',
      keyEncoding: 'uint32',
      encoding: 'string',
    });
    for (const { key, value } of this.#aliasTable.getRange()) {
      this.#aliases[key] = value;
      this.#aliasIds.set(value, key);
    }
  }

  /** The alias of an id, undefined where there is none. */
  alias(id: number): string | undefined {
    return this.#aliases[id];
  }

  /** The id of an alias; a new one is written with the transaction that `own` belongs to. */
  aliasId(alias: string, own: Own): number {
    const known = this.#aliasIds.get(alias);
    if (known !== undefined) return known;
    const id = this.#aliases.length;
    this.#aliases[id] = alias;
    this.#aliasIds.set(alias, id);
    const written = this.#aliasTable.put(id, alias);
    // If the transaction fails, the alias is not known on disk.
    written.then(undefined, () => this.#aliasIds.delete(alias));
    own(written);
    return id;
  }

  /**
   * Runs writes as one transaction; resolves when it is on disk.
   *
   * @throws TwinError `STORAGE` with lmdb's reason; nothing was written then
   */
  async write(action: (own: Own) => void): Promise<void> {
    // lmdb rejects the promises of single writes, too: they are owned here, the batch tells.
    let last: Promise<boolean> | undefined;
    const own: Own = (write) => {
      if (write === last) return;
      last = write;
      write.then(undefined, () => {});
    };
    try {
      await this.#root.batch(() => action(own));
    } catch (error) {
      throw new TwinError('STORAGE', await reasonOf(error), { cause: error, retryable: true });
    }
  }

  close(): Promise<void> {
    return this.#root.close();
  }
}

interface TreeStats {
  entryCount: number;
  pageSize: number;
  treeLeafPageCount: number;
  treeBranchPageCount: number;
  overflowPages: number;
}

/** Number of rows of a table. */
export function rowCount(table: Rows): number {
  return (table.getStats() as TreeStats).entryCount;
}

/** Bytes of the pages that a table uses. */
export function pageBytes(table: Rows): number {
  const s = table.getStats() as TreeStats;
  return (s.treeLeafPageCount + s.treeBranchPageCount + s.overflowPages) * s.pageSize;
}

/** lmdb tells why a commit failed through a promise that rejects with the reason. */
async function reasonOf(error: unknown): Promise<string> {
  const { commitError } = error as { commitError?: Promise<never> };
  if (commitError === undefined) return messageOf(error);
  return await commitError.then(() => messageOf(error), messageOf);
}

/**
 * `overlappingSync` off makes a commit mean that it is on disk. Transactions are ours to form: left
 * to form them itself, lmdb rejects promises that nobody holds when a commit fails, which would end
 * the process.
 */
function openEnvironment(path: string): RootDatabase<Buffer, Buffer> {
  return open<Buffer, Buffer>({
    path,
    noSubdir: false,
    overlappingSync: false,
    eventTurnBatching: false,
    commitDelay: 0,
    maxDbs: 8,
    keyEncoding: 'binary',
    encoding: 'binary',
  });
}
