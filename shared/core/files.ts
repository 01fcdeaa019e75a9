import { randomBytes } from 'node:crypto';
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { messageOf, TwinError } from './errors.js';

/**
 * Writes a file so that a reader, or a crash at any moment, sees the old content or the new one,
 * never a part: temporary file, fsync, rename. Its folder is made where it is missing.
 *
 * @throws TwinError `STORAGE`
 */
export async function writeFileAtomic(path: string, data: string | Uint8Array): Promise<void> {
  const temporary = `${path}.${process.pid}.${randomBytes(4).toString('hex')}.tmp`;
  try {
    await mkdir(dirname(path), { recursive: true });
    const handle = await open(temporary, 'wx');
    try {
      await handle.writeFile(data);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, path);
  } catch (error) {
    // What keeps it from being written may keep it from being removed: the first cause is told.
    await rm(temporary, { force: true }).catch(() => undefined);
    throw new TwinError('STORAGE', `Could not write ${path}: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

/**
 * Reads a file that the user named.
 *
 * @param what what the file is to the user, e.g. `twin definition`
 * @throws TwinError `FILE_NOT_FOUND`, `FILE_INVALID` (a folder, no permission)
 */
export async function readUserFile(path: string, what: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
      throw new TwinError('FILE_NOT_FOUND', `No ${what} at ${path}: check the path.`, {
        cause: error,
      });
    }
    throw new TwinError('FILE_INVALID', `Could not read the ${what} ${path}: ${messageOf(error)}`, {
      cause: error,
    });
  }
}
