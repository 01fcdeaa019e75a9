import { createHash, randomBytes } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { lstat, mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { dirname, join } from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type Entry, openPromise, type ZipFile } from 'yauzl';
import { messageOf, TwinError } from '../../core/index.js';
import { pruneCache, touch } from './cache.js';

/** What an archive may grow to before it is refused. */
export interface ArchiveLimits {
  /** Number of files and folders. */
  maxEntries: number;
  /** All files together when unpacked, bytes. */
  maxTotalBytes: number;
  /** One file's share of compressed to unpacked size above which it is a bomb, once over 16 MiB. */
  maxRatio: number;
  /** What the cache may hold before the least recently used go, bytes; default 2 GiB. */
  maxCacheBytes?: number;
}

export const DEFAULT_ARCHIVE_LIMITS: ArchiveLimits = {
  maxEntries: 20_000,
  maxTotalBytes: 2 * 1024 ** 3,
  maxRatio: 500,
};

const RATIO_MATTERS_FROM = 16 * 1024 * 1024;
const DEFAULT_CACHE_BYTES = 2 * 1024 ** 3;
const MANIFEST = '.twinloop-manifest.json';

const invalid = (path: string, what: string, cause?: unknown) =>
  new TwinError('FMU_INVALID', `${path}: ${what}`, cause === undefined ? {} : { cause });

/**
 * Where unpacked FMUs are kept when nobody says otherwise: a folder of this user alone under the
 * system's temporary folder.
 */
export function defaultCacheDir(): string {
  // Containers run as users that have no name.
  return join(tmpdir(), `twinloop-fmus-${process.getuid?.() ?? userInfo().username}`);
}

/** Makes the cache folder; refuses one that another user could have prepared. */
async function secureDir(dir: string): Promise<void> {
  try {
    await mkdir(dir, { recursive: true, mode: 0o700 });
    const uid = process.getuid?.() ?? -1;
    const found = await lstat(dir);
    if (!found.isDirectory() || (uid >= 0 && found.uid !== uid) || (found.mode & 0o002) !== 0) {
      throw new TwinError(
        'STORAGE',
        `The FMU cache ${dir} must be a folder of this user that others can't write to. Remove it or name another with cacheDir.`,
      );
    }
  } catch (error) {
    if (error instanceof TwinError) throw error;
    throw new TwinError('STORAGE', `Could not use the FMU cache ${dir}: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

/** The SHA-256 of a file, hexadecimal. */
export async function sha256OfFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  try {
    for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  } catch (error) {
    throw new TwinError('FILE_INVALID', `Could not read ${path}: ${messageOf(error)}`, {
      cause: error,
    });
  }
  return hash.digest('hex');
}

/** A name without the `.` that some tools write into paths: it means the folder itself. */
function plainName(name: string): string {
  return name.replace(/(^|\/)(\.\/)+/g, '$1');
}

/** A safe relative path, or the reason why it is none. */
function checkName(entry: Entry): string | undefined {
  const name = entry.fileName;
  if (name.length === 0 || name.length > 1024) return 'a name of no or absurd length';
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  if (/[\u0000-\u001f\u007f]/.test(name)) return 'control characters in a name';
  if (name.includes('\\')) return 'a backslash in a name';
  if (name.startsWith('/') || /^[A-Za-z]:/.test(name)) return 'an absolute path';
  const parts = plainName(name).replace(/\/$/, '').split('/');
  if (parts.some((p) => p === '..' || p === '')) return 'a path that leaves its folder';
  if (parts.some((p) => Buffer.byteLength(p) > 255)) return 'a name of more than 255 bytes';
  // The upper 16 bits are the Unix mode where the archive was made on Unix.
  const type = (entry.externalFileAttributes >>> 16) & 0o170000;
  if (type !== 0 && type !== 0o100000 && type !== 0o040000) return 'a link or device';
  if ((entry.generalPurposeBitFlag & 1) !== 0) return 'an encrypted file';
  return undefined;
}

function countBytes(onBytes: (n: number) => Error | undefined): Transform {
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      const fault = onBytes(chunk.length);
      if (fault === undefined) done(null, chunk);
      else done(fault);
    },
  });
}

async function unpackInto(
  zip: ZipFile,
  path: string,
  dir: string,
  limits: ArchiveLimits,
): Promise<Record<string, number>> {
  const manifest: Record<string, number> = {};
  const seen = new Map<string, 'file' | 'folder'>();
  const contents = new Map<string, string>();
  let total = 0;
  if (zip.entryCount > limits.maxEntries) {
    throw invalid(path, `${zip.entryCount} entries; at most ${limits.maxEntries} are unpacked.`);
  }
  for await (const entry of zip.eachEntry()) {
    const quoted = JSON.stringify(entry.fileName.slice(0, 200));
    const reason = checkName(entry);
    if (reason !== undefined) {
      throw invalid(path, `refused for its entry ${quoted}: ${reason}.`);
    }
    const isFolder = entry.fileName.endsWith('/');
    const name = plainName(entry.fileName).replace(/\/$/, '');
    if (name === '') continue;
    const key = name.toLowerCase();
    const before = seen.get(key);
    // The same file once more, to the bit, does no harm; which of two that differ is meant?
    const content = `${name} ${entry.uncompressedSize} ${entry.crc32}`;
    if (before === 'file' && !isFolder && contents.get(key) === content) continue;
    contents.set(key, content);
    if (before !== undefined && !(isFolder && before === 'folder')) {
      throw invalid(
        path,
        `refused for its entry ${quoted}: the name occurs twice, with different content.`,
      );
    }
    const parts = key.split('/');
    for (let i = 1; i < parts.length; i++) {
      const parent = parts.slice(0, i).join('/');
      if (seen.get(parent) === 'file') {
        throw invalid(path, `refused for its entry ${quoted}: a file is used as a folder.`);
      }
      seen.set(parent, 'folder');
    }
    seen.set(key, isFolder ? 'folder' : 'file');
    const target = join(dir, name);
    if (isFolder) {
      await mkdir(target, { recursive: true });
      continue;
    }
    await mkdir(dirname(target), { recursive: true });
    let size = 0;
    const counter = countBytes((n) => {
      size += n;
      total += n;
      if (total > limits.maxTotalBytes) {
        return invalid(path, `unpacks to more than ${limits.maxTotalBytes} bytes; refused.`);
      }
      const ratio = size / Math.max(1, entry.compressedSize);
      if (size > RATIO_MATTERS_FROM && ratio > limits.maxRatio) {
        return invalid(
          path,
          `its entry ${quoted} unpacks to over ${limits.maxRatio} times its size: a zip bomb, refused.`,
        );
      }
      return undefined;
    });
    const source = await zip.openReadStreamPromise(entry);
    await pipeline(source, counter, createWriteStream(target, { flags: 'wx', mode: 0o600 }));
    manifest[name] = size;
  }
  return manifest;
}

/** Whether a cached folder still has every file in full (temporary folders are swept by age). */
async function isComplete(dir: string): Promise<boolean> {
  try {
    const manifest = JSON.parse(await readFile(join(dir, MANIFEST), 'utf8')) as Record<
      string,
      number
    >;
    const sizes = await Promise.all(
      Object.entries(manifest).map(
        async ([name, size]) => (await stat(join(dir, name))).size === size,
      ),
    );
    return sizes.every(Boolean);
  } catch {
    return false;
  }
}

/**
 * Unpacks an archive that nobody vouches for into a cache keyed by its content. A second call with
 * the same content finds the folder there; two processes at once do no harm.
 *
 * @returns the folder with the archive's files, and the archive's SHA-256
 * @throws TwinError `FILE_NOT_FOUND`, `FILE_INVALID`, `FMU_INVALID` (no zip, hostile names, links,
 *   encryption, bombs), `STORAGE`
 */
export async function unpackArchive(
  path: string,
  cacheDir: string,
  limits: ArchiveLimits = DEFAULT_ARCHIVE_LIMITS,
): Promise<{ dir: string; sha256: string }> {
  const sha256 = await sha256OfFile(path);
  const dir = join(cacheDir, sha256);
  await secureDir(cacheDir);
  if (await isComplete(dir)) {
    await touch(dir);
    return { dir, sha256 };
  }
  const scratch = `${dir}.${process.pid}.${randomBytes(4).toString('hex')}.tmp`;
  let zip: ZipFile | undefined;
  try {
    await mkdir(scratch, { mode: 0o700 });
    try {
      zip = await openPromise(path, { lazyEntries: true, strictFileNames: true });
      const manifest = await unpackInto(zip, path, scratch, limits);
      await writeFile(join(scratch, MANIFEST), JSON.stringify(manifest), { flag: 'wx' });
    } catch (error) {
      if (error instanceof TwinError) throw error;
      if (isDiskFault(error)) {
        throw new TwinError('STORAGE', `Could not unpack ${path}: ${messageOf(error)}`, {
          cause: error,
        });
      }
      throw invalid(path, `not a readable FMU archive (zip): ${messageOf(error)}`, error);
    }
    await moveIntoPlace(scratch, dir);
    await pruneCache(cacheDir, dir, limits.maxCacheBytes ?? DEFAULT_CACHE_BYTES);
    return { dir, sha256 };
  } finally {
    zip?.close();
    await rm(scratch, { recursive: true, force: true });
  }
}

async function moveIntoPlace(scratch: string, dir: string): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    try {
      await rename(scratch, dir);
      return;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      const taken = code === 'ENOTEMPTY' || code === 'EEXIST' || code === 'EPERM';
      if (taken && (await isComplete(dir))) return;
      if (!taken || attempt > 2) {
        throw new TwinError('STORAGE', `Could not fill the FMU cache: ${messageOf(error)}`, {
          cause: error,
        });
      }
      // What lies there is damaged: out of the way with it, then once more.
      const damaged = `${dir}.${randomBytes(4).toString('hex')}.damaged`;
      await rename(dir, damaged).catch(() => undefined);
      await rm(damaged, { recursive: true, force: true });
    }
  }
}

function isDiskFault(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ENOSPC' || code === 'EACCES' || code === 'EIO' || code === 'EROFS';
}
