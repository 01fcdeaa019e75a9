import { type FileHandle, open } from 'node:fs/promises';
import { TwinError } from '../../shared/core/index.js';

const KB = 1024;
/** The file grows by at least so much at once. */
const GROW_LEAST = 512 * KB;
const GROW_MOST = 32 * KB * KB;
/** Written at once, so that a disk that is nearly full still gives what it has. */
const PIECE = 128 * KB;
/** Kept back for removals: what is delivered must be taken out of the file when the disk is full. */
const FOR_REMOVALS = 512 * KB;
/** Pages that a transaction copies whatever it does: roots, branches, the list of free pages. */
const LEAST_NEED = 64 * KB;
/** Generous share of a leaf page for one row with a number, both of its keys. */
const NEED_A_ROW = 192;

/** How many rows of numbers a value takes the room of: a text has up to 1,024 characters. */
export function rowsOf({ value }: { value: unknown }): number {
  return typeof value === 'string' ? 1 + Math.ceil(Buffer.byteLength(value) / NEED_A_ROW) : 1;
}

/** What a transaction does, which decides how deep into the reserve it may go. */
export type Purpose = 'append' | 'remove';

/**
 * Makes the outbox's file large enough before each transaction, so that lmdb itself never meets a
 * full disk: after a write that failed half way it may refuse every later one until it is opened
 * again, and removals need room, too, for lmdb copies the pages that it changes.
 */
export class ReservedSpace {
  readonly #path: string;
  #file: FileHandle | undefined;
  /** Bytes of the pages in use. */
  readonly #usedBytes: () => number;
  #fileBytes = 0;
  /** Bytes that the transactions under way may need. */
  #promised = 0;
  #growing: Promise<void> | undefined;
  #idle: (() => void) | undefined;

  /** @param path the data file, which exists by the time of the first transaction */
  constructor(path: string, usedBytes: () => number) {
    this.#path = path;
    this.#usedBytes = usedBytes;
  }

  /**
   * Runs a transaction as soon as there is room for it.
   *
   * @param rows how many rows of numbers it touches, see {@link rowsOf}
   * @throws TwinError `STORAGE` (retryable) when the disk has no room; nothing was tried then
   */
  async run<T>(purpose: Purpose, rows: number, transaction: () => Promise<T>): Promise<T> {
    const need = LEAST_NEED + rows * NEED_A_ROW;
    // Pages that the last two transactions let go are not free for this one yet: thrice.
    const wanted = purpose === 'append' ? 3 * need + FOR_REMOVALS : need;
    while (this.#growing !== undefined || this.#room() < this.#promised + wanted) {
      if (this.#growing !== undefined) {
        // What another transaction was refused may be more than this one needs.
        await this.#growing.catch(() => {});
        continue;
      }
      this.#growing = this.#grow(wanted).finally(() => {
        this.#growing = undefined;
      });
      await this.#growing;
    }
    this.#promised += need;
    try {
      return await transaction();
    } finally {
      this.#promised -= need;
      if (this.#promised === 0) this.#idle?.();
    }
  }

  async close(): Promise<void> {
    await this.#file?.close();
  }

  #room(): number {
    return this.#fileBytes - this.#usedBytes();
  }

  /** Writes zeros behind the file's end while no transaction is under way that might do so, too. */
  async #grow(wanted: number): Promise<void> {
    if (this.#promised > 0) {
      await new Promise<void>((resolve) => {
        this.#idle = resolve;
      });
      this.#idle = undefined;
    }
    this.#file ??= await open(this.#path, 'r+');
    const file = this.#file;
    this.#fileBytes = (await file.stat()).size;
    if (this.#room() >= wanted) return;
    const step = Math.min(GROW_MOST, Math.max(GROW_LEAST, this.#fileBytes / 8));
    const end = this.#fileBytes + Math.max(step, wanted - this.#room());
    const zeros = Buffer.alloc(PIECE);
    try {
      while (this.#fileBytes < end) {
        const { bytesWritten } = await file.write(zeros, 0, PIECE, this.#fileBytes);
        this.#fileBytes += bytesWritten;
      }
      await file.datasync();
    } catch (cause) {
      if (this.#room() >= wanted) return;
      throw new TwinError(
        'STORAGE',
        `There is no room on the disk for the outbox (${(cause as Error).message}): free some; what is in the outbox is still delivered.`,
        { cause, retryable: true },
      );
    }
  }
}
