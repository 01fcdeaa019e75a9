import { randomBytes } from 'node:crypto';
import { type FileHandle, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { unwritableError } from './files.js';

/** Characters that are gathered before they are written: longer strings outlive the collection of young garbage. */
const GATHERED = 1 << 14;

/**
 * Text that grows on disk, so that much of it needs no memory. Its file has no name from the start: it
 * is gone with the process, however that ends.
 */
export class ScratchText {
  readonly #file: FileHandle;
  readonly #what: string;
  #waiting = '';

  private constructor(file: FileHandle, what: string) {
    this.#file = file;
    this.#what = what;
  }

  /**
   * An empty one in the temporary folder.
   *
   * @param what it holds, for errors
   * @throws TwinError `FILE_UNWRITABLE`
   */
  static async open(what: string): Promise<ScratchText> {
    const path = join(tmpdir(), `twinloop-text-${randomBytes(8).toString('hex')}`);
    try {
      const file = await open(path, 'wx+', 0o600);
      await rm(path);
      return new ScratchText(file, what);
    } catch (error) {
      throw fault(error, what);
    }
  }

  /** Adds to its end. @throws TwinError `FILE_UNWRITABLE` */
  async add(text: string): Promise<void> {
    this.#waiting += text;
    if (this.#waiting.length >= GATHERED) await this.#write();
  }

  async #write(): Promise<void> {
    const text = this.#waiting;
    this.#waiting = '';
    try {
      await this.#file.appendFile(text);
    } catch (error) {
      throw fault(error, this.#what);
    }
  }

  /** All of it from the start, in parts. @throws TwinError `FILE_UNWRITABLE` */
  async *parts(): AsyncGenerator<string> {
    await this.#write();
    yield* this.#file.createReadStream({ start: 0, encoding: 'utf8', autoClose: false });
  }

  /** Gives its disk space back. */
  async close(): Promise<void> {
    await this.#file.close();
  }
}

const fault = (error: unknown, what: string) =>
  unwritableError(error, `${what} to a scratch file in ${tmpdir()} (TMPDIR)`) ?? error;
