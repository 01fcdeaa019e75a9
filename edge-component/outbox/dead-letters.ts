import { createReadStream } from 'node:fs';
import { mkdir, open, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type Clock,
  csvLine,
  type Logger,
  messageOf,
  nsToDate,
  TwinError,
  toTimeInNanos,
} from '../../shared/core/index.js';
import type { RejectedEntry } from '../publishers/publisher.js';

/** A file is closed at this size and another begun. */
const FILE_BYTES = 8 * 1024 * 1024;
/** Names of our files. */
const OUR_FILE = /^\d{4}-\d\d-\d\d-\d+\.(csv|reasons\.txt)$/;
/** Files that the limit has room for: they are deleted whole. */
const FILES_AT_LEAST = 4;

/**
 * Values that will not be sent any more, in files that SiteWise can import in bulk: a folder per
 * reason (its code), CSV without a header, and beside each file the messages of its reasons.
 */
export class DeadLetters {
  readonly directory: string;
  #maxBytes: number;
  readonly #clock: Clock;
  readonly #logger: Logger;
  /** Values written, by reason. */
  readonly counts: Record<string, number> = {};
  /** Values deleted with their files because all together grew too large, by reason, since the start. */
  readonly deleted: Record<string, number> = {};
  readonly #onDelete: (reason: string, values: number) => Promise<void>;
  readonly #messages = new Map<string, Set<string>>();
  #tail: Promise<void> = Promise.resolve();

  /** @param options.onDelete keeps durably that so many values are about to be deleted; nothing else does */
  constructor(options: {
    directory: string;
    maxBytes: number;
    onDelete?: (reason: string, values: number) => Promise<void>;
    clock: Clock;
    logger: Logger;
  }) {
    this.directory = join(options.directory, 'dead-letters');
    this.#maxBytes = options.maxBytes;
    this.#onDelete = options.onDelete ?? (async () => {});
    this.#clock = options.clock;
    this.#logger = options.logger;
  }

  /** Changes how much is kept; what is over it goes with the next values. */
  limit(maxBytes: number): void {
    this.#maxBytes = maxBytes;
  }

  /**
   * Writes entries; when it resolves they are on disk.
   *
   * @throws TwinError `STORAGE`
   */
  write(rejected: readonly RejectedEntry[]): Promise<void> {
    const written = this.#tail.then(() => this.#write(rejected));
    this.#tail = written.catch(() => {});
    return written;
  }

  async #write(rejected: readonly RejectedEntry[]): Promise<void> {
    const byCode = new Map<string, RejectedEntry[]>();
    for (const entry of rejected) {
      const same = byCode.get(entry.code) ?? [];
      same.push(entry);
      byCode.set(entry.code, same);
    }
    for (const [code, entries] of byCode) {
      try {
        await this.#append(code, entries);
      } catch (cause) {
        throw new TwinError('STORAGE', `Dead letters could not be written to ${this.directory}.`, {
          cause,
          retryable: true,
        });
      }
      this.counts[code] = (this.counts[code] ?? 0) + entries.length;
      const [first] = entries;
      this.#logger.warn('Values became dead letters', {
        code,
        count: entries.length,
        example: first?.entry.sample.alias,
        message: first?.message,
      });
    }
    // They are on disk: whatever is wrong with older files is no reason to write them again.
    await this.#limit().catch((error: unknown) => {
      this.#logger.error('Old dead letter files could not be deleted', { error: messageOf(error) });
    });
  }

  async #append(code: string, entries: readonly RejectedEntry[]): Promise<void> {
    const folder = join(this.directory, code.replaceAll(/[^A-Za-z0-9_-]/g, '_'));
    await mkdir(folder, { recursive: true });
    const path = join(folder, await this.#currentFile(folder));
    const lines = entries.map(({ entry: { sample } }) => {
      const time = toTimeInNanos(sample.timeNs);
      return csvLine([
        sample.alias,
        sample.dataType,
        time.timeInSeconds,
        time.offsetInNanos,
        sample.quality,
        sample.value === null ? '' : String(sample.value),
      ]);
    });
    await appendDurably(path, lines.join(''));
    const said = this.#messages.get(path) ?? new Set<string>();
    this.#messages.set(path, said);
    const news = [...new Set(entries.map((e) => e.message))].filter((m) => !said.has(m));
    if (news.length > 0 && said.size < 100) {
      for (const message of news) said.add(message);
      await appendDurably(path.replace(/\.csv$/, '.reasons.txt'), `${news.join('\n')}\n`);
    }
  }

  /** One file a day, and another when it is full. */
  async #currentFile(folder: string): Promise<string> {
    const day = nsToDate(this.#clock.nowNs()).toISOString().slice(0, 10);
    const own = (await readdir(folder)).filter((f) => OUR_FILE.test(f) && f.endsWith('.csv'));
    // Old files may be gone, so the next number follows the newest name, not how many there are.
    const numbered = own
      .filter((f) => f.startsWith(day))
      .map((f) => ({ name: f, number: Number(f.slice(day.length + 1, -'.csv'.length)) }))
      .sort((a, b) => a.number - b.number);
    const { name: last, number } = numbered.at(-1) ?? { name: undefined, number: 0 };
    const full = Math.min(FILE_BYTES, this.#maxBytes / FILES_AT_LEAST);
    if (last !== undefined && (await stat(join(folder, last))).size < full) return last;
    return `${day}-${String(number + 1).padStart(4, '0')}.csv`;
  }

  /** Deletes the oldest files while all together are too large. */
  async #limit(): Promise<void> {
    const files = await filesIn(this.directory);
    let total = files.reduce((sum, f) => sum + f.size, 0);
    files.sort((a, b) => a.mtimeMs - b.mtimeMs || (a.path < b.path ? -1 : 1));
    for (const file of files.slice(0, -1)) {
      if (total <= this.#maxBytes) break;
      const { path, reason } = file;
      const values = path.endsWith('.csv') ? await rowsIn(path) : 0;
      // First the account: after a kill in between they are counted twice, never not at all.
      await this.#onDelete(reason, values);
      await rm(path, { force: true });
      this.#messages.delete(path);
      total -= file.size;
      if (values === 0) continue;
      this.deleted[reason] = (this.deleted[reason] ?? 0) + values;
      this.#logger.error('Deleted an old dead letter file to stay within the limit', {
        ...{ path, reason, values },
      });
    }
  }
}

interface FileSize {
  path: string;
  /** The folder's name. */
  reason: string;
  size: number;
  mtimeMs: number;
}

/** Our files in the folders of the reasons; somebody else's, and what goes away meanwhile, are none of them. */
async function filesIn(directory: string): Promise<FileSize[]> {
  const files: FileSize[] = [];
  for (const folder of await readdir(directory, { withFileTypes: true })) {
    if (!folder.isDirectory()) continue;
    const names = await unlessGone(readdir(join(directory, folder.name)));
    for (const name of names ?? []) {
      if (!OUR_FILE.test(name)) continue;
      const path = join(directory, folder.name, name);
      const found = await unlessGone(stat(path));
      if (found?.isFile()) {
        files.push({ path, reason: folder.name, size: found.size, mtimeMs: found.mtimeMs });
      }
    }
  }
  return files;
}

/** Rows of a file: a text in quotes may have line ends of its own. */
async function rowsIn(path: string): Promise<number> {
  const QUOTE = 0x22;
  const LINE_END = 0x0a;
  let rows = 0;
  let quoted = false;
  for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
    for (const byte of chunk) {
      if (byte === QUOTE) quoted = !quoted;
      else if (byte === LINE_END && !quoted) rows++;
    }
  }
  return rows;
}

/** What is there; undefined for what somebody deleted meanwhile. */
async function unlessGone<T>(found: Promise<T>): Promise<T | undefined> {
  try {
    return await found;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return undefined;
  }
}

async function appendDurably(path: string, text: string): Promise<void> {
  const handle = await open(path, 'a');
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
}
