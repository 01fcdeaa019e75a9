import { randomBytes } from 'node:crypto';
import type { Stats } from 'node:fs';
import { mkdir, open, readFile, realpath, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { messageOf, TwinError } from './errors.js';

/** What a file is to hold, at once or in parts. */
export type FileContent = string | Uint8Array | AsyncIterable<string>;

/**
 * Writes a file so that a reader, or a crash at any moment, sees the old content or the new one,
 * never a part: temporary file, fsync, rename. Its folder is made where it is missing.
 *
 * @throws TwinError `STORAGE`
 */
export async function writeFileAtomic(path: string, data: FileContent): Promise<void> {
  const temporary = `${path}.${process.pid}.${randomBytes(4).toString('hex')}.tmp`;
  try {
    await makeFolder(dirname(path));
    const handle = await open(temporary, 'wx');
    try {
      await writeFile(handle, data);
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
    const why = SYSTEM_WORDS[(error as NodeJS.ErrnoException).code ?? ''] ?? messageOf(error);
    throw new TwinError('FILE_INVALID', `Could not read the ${what} ${path}: ${why}.`, {
      cause: error,
    });
  }
}

/** What the system says of paths that can't be read or written, in words. */
const SYSTEM_WORDS: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EDQUOT: 'your quota of the disk is used up',
  EFBIG: 'the file would be too large',
  EISDIR: 'it is a folder',
  ELOOP: 'its links lead in a circle',
  ENAMETOOLONG: 'the name is too long',
  ENOENT: 'there is no such folder',
  ENOSPC: 'the disk is full',
  ENOTDIR: 'a part of the path is a file',
  ENOTEMPTY: 'it is a folder',
  EPERM: 'permission denied',
  EROFS: 'the file system is read-only',
};

/**
 * A fault of the file system as the user's error, where it is one: the path that was named can't be
 * written, and another can.
 *
 * @returns undefined for any other error
 */
export function unwritableError(
  error: unknown,
  path?: string,
): TwinError<'FILE_UNWRITABLE'> | undefined {
  const fault = (error instanceof TwinError ? error.cause : error) as NodeJS.ErrnoException;
  const why = SYSTEM_WORDS[fault?.code ?? ''];
  if (why === undefined || fault.syscall === undefined) return undefined;
  return new TwinError(
    'FILE_UNWRITABLE',
    `Could not write ${path ?? fault.path ?? 'the output'}: ${why}. Name another place.`,
    { cause: fault },
  );
}

/**
 * Checks before a long computation that its result can be written where the user wants it, by a file
 * that is written there and removed.
 *
 * @param kind what the path is to become, or to be already
 * @throws TwinError `FILE_UNWRITABLE`
 */
export async function checkWritable(path: string, kind: 'file' | 'folder'): Promise<void> {
  try {
    let place = resolve(path);
    let found = await statOf(place);
    const there = found;
    // What is no plain file, such as /dev/stdout or a pipe, is written as it is.
    if (kind === 'file' && there !== undefined && !there.isFile()) {
      if (there.isDirectory()) throw pathError('EISDIR', path);
      return;
    }
    if (there?.isFile() === true && kind === 'file') {
      place = dirname(await realpath(place));
      found = await statOf(place);
    }
    while (found === undefined) {
      place = dirname(place);
      found = await statOf(place);
    }
    if (!found.isDirectory()) throw pathError('ENOTDIR', path);
    const probe = join(place, `.twinloop-${randomBytes(6).toString('hex')}.tmp`);
    await (await open(probe, 'wx')).close();
    await rm(probe);
  } catch (error) {
    throw unwritableError(error, path) ?? error;
  }
}

/** What is at a path; undefined where there is nothing. */
async function statOf(path: string): Promise<Stats | undefined> {
  return stat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
    return undefined;
  });
}

const pathError = (code: string, path: string) =>
  Object.assign(new Error(code), { code, path, syscall: 'open' });

/**
 * Makes a folder and those above it that are missing. Node's own recursive `mkdir` never returns where
 * a file system says of a folder that is there that it is not, as /proc does.
 */
async function makeFolder(path: string): Promise<void> {
  const missing: string[] = [];
  let place = resolve(path);
  while ((await statOf(place)) === undefined) {
    missing.push(place);
    place = dirname(place);
  }
  for (const folder of missing.reverse()) {
    await mkdir(folder).catch((error: NodeJS.ErrnoException) => {
      // Somebody else made it meanwhile.
      if (error.code !== 'EEXIST') throw error;
    });
  }
}

/**
 * Writes a file that the user named: as {@link writeFileAtomic}, but into what is no plain file, such
 * as `/dev/stdout` or a pipe, and through links.
 *
 * @throws TwinError `FILE_UNWRITABLE`, `STORAGE`
 */
export async function writeUserFile(path: string, data: FileContent): Promise<void> {
  try {
    const found = await statOf(path);
    if (found === undefined || found.isFile()) {
      await writeFileAtomic(found === undefined ? path : await realpath(path), data);
    } else await writeFile(path, data);
  } catch (error) {
    throw unwritableError(error, path) ?? error;
  }
}
