import { createHash, randomBytes } from 'node:crypto';
import { readFileSync, renameSync, rmSync } from 'node:fs';
import { mkdir, open, readdir, readFile, rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { open as openLmdb, type RootDatabase } from 'lmdb';
import { messageOf, TwinError } from '../core/index.js';
import { checkKey } from './keys.js';
import type { ObjectStore, PutCondition } from './object-store.js';

/** Not a key (its first segment begins with a dot): what the store keeps for itself. */
const OWN_FOLDER = '.store';

const etagOf = (body: Uint8Array) => createHash('sha256').update(body).digest('hex').slice(0, 32);

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code;
}

function toStorageError(error: unknown, what: string): TwinError {
  if (error instanceof TwinError) return error;
  const code = codeOf(error);
  const message = `${what}: ${messageOf(error)}`;
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS') {
    return new TwinError('ACCESS_DENIED', `${message}. Check the folder's owner and mode.`, {
      cause: error,
    });
  }
  return new TwinError('STORAGE', message, { cause: error });
}

/** An object's ETag while the lock is held, or undefined where there is none. */
function currentEtag(path: string): string | undefined {
  try {
    return etagOf(readFileSync(path));
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

function checkCondition(key: string, found: string | undefined, condition: PutCondition): void {
  if (condition.ifNoneMatch !== undefined && found !== undefined) {
    throw new TwinError('CONFLICT', `${key} exists already: somebody else wrote it first.`);
  }
  if (condition.ifMatch !== undefined && condition.ifMatch !== found) {
    throw new TwinError(
      'CONFLICT',
      found === undefined
        ? `${key} is gone: somebody else removed it.`
        : `${key} was changed by somebody else since it was read.`,
    );
  }
}

// One lock environment per folder and process: LMDB must not be opened twice for one file.
const locks = new Map<string, RootDatabase>();

function lockOf(directory: string): RootDatabase {
  const path = join(directory, OWN_FOLDER, 'lock');
  let lock = locks.get(path);
  if (lock === undefined) {
    lock = openLmdb({ path, mapSize: 1 << 20, maxDbs: 1 });
    locks.set(path, lock);
  }
  return lock;
}

/**
 * An object store in a folder: one file per object, named as its key. Conditional writes are safe
 * between processes of one machine: compare and rename happen under LMDB's writer lock, which the
 * kernel frees when its holder dies. Not for network file systems.
 *
 * @param directory created when it is not there
 */
export function createFolderStore(directory: string): ObjectStore {
  const root = resolve(directory);
  const pathOf = (key: string) => {
    checkKey(key);
    return join(root, ...key.split('/'));
  };
  const exclusively = <T>(act: () => T): T => lockOf(root).transactionSync(act);

  return {
    async get(key) {
      const path = pathOf(key);
      try {
        const body = await readFile(path);
        return { body, etag: etagOf(body) };
      } catch (error) {
        const code = codeOf(error);
        if (code === 'ENOENT' || code === 'EISDIR' || code === 'ENOTDIR') return undefined;
        throw toStorageError(error, `Could not read ${key} in ${root}`);
      }
    },

    async put(key, body, condition = {}) {
      const path = pathOf(key);
      const temporary = join(root, OWN_FOLDER, 'incoming', randomBytes(12).toString('hex'));
      try {
        await mkdir(dirname(temporary), { recursive: true });
        await mkdir(dirname(path), { recursive: true });
        const handle = await open(temporary, 'wx');
        try {
          await handle.writeFile(body);
          await handle.sync();
        } finally {
          await handle.close();
        }
        exclusively(() => {
          if (condition.ifMatch !== undefined || condition.ifNoneMatch !== undefined) {
            checkCondition(key, currentEtag(path), condition);
          }
          renameSync(temporary, path);
        });
        await syncFolder(dirname(path));
        return { etag: etagOf(body) };
      } catch (error) {
        // Where the folder can't be, neither can what would be removed: the first error says why.
        await rm(temporary, { force: true }).catch(() => undefined);
        throw toStorageError(error, `Could not write ${key} in ${root}`);
      }
    },

    async list(prefix) {
      try {
        const entries = await readdir(root, { recursive: true, withFileTypes: true });
        return entries
          .filter((entry) => entry.isFile())
          .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1))
          .map((path) => path.split(/[\\/]/).join('/'))
          .filter((key) => !key.startsWith('.') && key.startsWith(prefix))
          .sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
      } catch (error) {
        if (codeOf(error) === 'ENOENT') return [];
        throw toStorageError(error, `Could not list ${root}`);
      }
    },

    async delete(key) {
      const path = pathOf(key);
      try {
        await mkdir(join(root, OWN_FOLDER), { recursive: true });
        exclusively(() => rmSync(path, { force: true }));
      } catch (error) {
        throw toStorageError(error, `Could not delete ${key} in ${root}`);
      }
    },
  };
}

/** Makes a rename survive a power loss; platforms that cannot sync a folder do it by themselves. */
async function syncFolder(directory: string): Promise<void> {
  try {
    const handle = await open(directory, 'r');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch (error) {
    const code = codeOf(error);
    if (code !== 'EISDIR' && code !== 'EPERM' && code !== 'EINVAL') throw error;
  }
}
