import { join } from 'node:path';
import { type Database, open, type RootDatabase } from 'lmdb';
import { messageOf, TwinError } from '../../shared/core/index.js';
import { type EdgeSample, keyCodec, type Row, rowCodec, type UnreadableRow } from './record.js';
import { type Purpose, ReservedSpace } from './reserved-space.js';

/** The value of rows that are only keys. */
export const NO_BYTES = Buffer.alloc(0);
/** How tables and rows are laid out; a file without a note of it is of the first. */
const LAYOUT = '1';

/** Rows by their keys, see record.ts. */
export type Rows = Database<Row | UnreadableRow, string>;
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
  readonly doubtful: Database<Buffer, string>;
  /** Rows of streams that the far end refuses for now. */
  readonly parked: Rows;
  readonly checkpoints: Database<string, string>;
  /** The outbox's account, see ledger.ts. */
  readonly ledger: Database<string, string>;
  readonly #root: RootDatabase<Buffer, Buffer>;
  readonly #space: ReservedSpace;
  /** Alias id → alias. */
  readonly #aliasTable: Database<string, number>;
  readonly #aliasIds = new Map<string, number>();
  readonly #aliases: string[] = [];
  /** Alias ids that are on disk. */
  readonly #durable = new Set<number>();
  /** Whether the file has a note of its layout. */
  #noted: boolean;

  /**
   * @param path folder of the environment; made when it is not there
   * @throws TwinError `STATE_MISMATCH` for a file that a newer version has written; nothing in it is changed
   */
  constructor(path: string) {
    const root = openEnvironment(path);
    const keys = { keyEncoder: keyCodec, encoding: 'binary' as const };
    const rows = { ...keys, encoder: rowCodec };
    this.#root = root;
    this.queue = root.openDB({ name: 'queue', ...rows });
    this.doubtful = root.openDB({ name: 'doubtful', ...keys });
    this.parked = root.openDB({ name: 'parked', ...rows });
    this.checkpoints = root.openDB<string, string>({ name: 'checkpoints', encoding: 'string' });
    this.ledger = root.openDB<string, string>({ name: 'ledger', encoding: 'string' });
    const layout = this.ledger.get('layout');
    if (layout !== undefined && layout !== LAYOUT) {
      void root.close();
      throw new TwinError(
        'STATE_MISMATCH',
        `The outbox ${path} has layout ${layout}, and this version reads layout ${LAYOUT}: run the version that wrote it until it is empty, or move the folder away, with the values that wait in it.`,
      );
    }
    this.#noted = layout !== undefined;
    this.#aliasTable = root.openDB<string, number>({
      name: 'aliases',
      keyEncoding: 'uint32',
      encoding: 'string',
    });
    for (const { key, value } of this.#aliasTable.getRange()) {
      this.#aliases[key] = value;
      this.#aliasIds.set(value, key);
      this.#durable.add(key);
    }
    this.#space = new ReservedSpace(join(path, 'data.mdb'), () => this.#usedBytes());
  }

  /** The alias of an id, undefined where there is none. */
  alias(id: number): string | undefined {
    return this.#aliases[id];
  }

  /**
   * The id of an alias. Every transaction that uses a new one writes it, until one of them is on disk: the
   * first may fail and a later one succeed.
   */
  aliasId(alias: string, own: Own): number {
    let id = this.#aliasIds.get(alias);
    if (id === undefined) {
      id = this.#aliases.length;
      this.#aliases[id] = alias;
      this.#aliasIds.set(alias, id);
    }
    if (!this.#durable.has(id)) {
      const fresh = id;
      const written = this.#aliasTable.put(fresh, alias);
      written.then(
        () => this.#durable.add(fresh),
        () => {},
      );
      own(written);
    }
    return id;
  }

  /** A sample as a row. */
  rowOf({ alias, quality, dataType, value }: EdgeSample, own: Own): Row {
    return { aliasId: this.aliasId(alias, own), quality, dataType, value };
  }

  /**
   * Runs writes as one transaction; resolves when it is on disk.
   *
   * @param rows how many rows it touches
   * @throws TwinError `STORAGE` with the reason; nothing was written then
   */
  async write(purpose: Purpose, rows: number, action: (own: Own) => void): Promise<void> {
    // lmdb rejects the promises of single writes, too: they are owned here, the batch tells.
    let last: Promise<boolean> | undefined;
    const own: Own = (write) => {
      if (write === last) return;
      last = write;
      write.then(undefined, () => {});
    };
    try {
      await this.#space.run(purpose, rows, () =>
        this.#root.batch(() => {
          if (!this.#noted) own(this.ledger.put('layout', LAYOUT));
          action(own);
        }),
      );
      this.#noted = true;
    } catch (error) {
      if (error instanceof TwinError) throw error;
      throw new TwinError('STORAGE', await reasonOf(error), { cause: error, retryable: true });
    }
  }

  async close(): Promise<void> {
    await this.#space.close();
    await this.#root.close();
  }

  /** Bytes of all pages in use: the tables', the table of tables, the list of free pages. */
  #usedBytes(): number {
    const tables = [
      this.queue,
      this.doubtful,
      this.parked,
      this.checkpoints,
      this.ledger,
      this.#aliasTable,
    ];
    const own = this.#root.getStats() as TreeStats & { free: TreeStats };
    return tables.reduce(
      (sum, table) => sum + pageBytes(table),
      META_PAGES * own.pageSize + treeBytes(own) + treeBytes(own.free),
    );
  }
}

/** At the head of each lmdb file. */
const META_PAGES = 2;

/** What is asked of any table, whatever it holds. */
interface Table {
  getStats(): object;
}

interface TreeStats {
  entryCount: number;
  pageSize: number;
  treeLeafPageCount: number;
  treeBranchPageCount: number;
  overflowPages: number;
}

/** Number of rows of a table. */
export function rowCount(table: Table): number {
  return (table.getStats() as TreeStats).entryCount;
}

/** Bytes of the pages that a table uses. */
export function pageBytes(table: Table): number {
  return treeBytes(table.getStats() as TreeStats);
}

function treeBytes(s: TreeStats): number {
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
