import { lstat, readdir, rename, rm, utimes } from 'node:fs/promises';
import { join } from 'node:path';

/** What was used within this time is kept: a run may be going on in it, ms. */
const IN_USE_MS = 60 * 60 * 1000;

/** Notes that an entry of the cache is used. */
export async function touch(path: string): Promise<void> {
  const now = new Date();
  // Whoever swept it away makes it anew; whoever may not write here reads all the same.
  await utimes(path, now, now).catch(() => undefined);
}

async function bytesOf(path: string): Promise<number> {
  const found = await lstat(path);
  if (!found.isDirectory()) return found.size;
  const sizes = (await readdir(path)).map((name) => bytesOf(join(path, name)));
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}

/** An entry with its size and when it was used last. */
interface Entry {
  path: string;
  bytes: number;
  usedMs: number;
}

async function entriesOf(dir: string): Promise<Entry[]> {
  const names = await readdir(dir).catch(() => [] as string[]);
  const entries = names.map(async (name): Promise<Entry[]> => {
    const path = join(dir, name);
    try {
      return [{ path, bytes: await bytesOf(path), usedMs: (await lstat(path)).mtimeMs }];
    } catch {
      // It was moved away meanwhile.
      return [];
    }
  });
  return (await Promise.all(entries)).flat();
}

/**
 * Removes what was not used for longest from a cache that has grown above its limit: unpacked FMUs,
 * compiled sources and proofs alike. What was used within the last hour is kept.
 *
 * @param keep an entry that stays in any case
 */
export async function pruneCache(dir: string, keep: string, maxBytes: number): Promise<void> {
  const folders = ['compiled', 'proofs'].map((name) => join(dir, name));
  const entries = (await Promise.all([dir, ...folders].map(entriesOf)))
    .flat()
    .filter(({ path }) => !folders.includes(path))
    .sort((a, b) => a.usedMs - b.usedMs);
  let total = entries.reduce((sum, { bytes }) => sum + bytes, 0);
  for (const { path, bytes, usedMs } of entries) {
    if (total <= maxBytes) return;
    if (path === keep || Date.now() - usedMs < IN_USE_MS) continue;
    // Out of the way first, so that nobody finds half of it.
    const doomed = `${path}.${process.pid}.doomed`;
    try {
      await rename(path, doomed);
      await rm(doomed, { recursive: true, force: true });
      total -= bytes;
    } catch {
      // Somebody else removes it.
    }
  }
}
