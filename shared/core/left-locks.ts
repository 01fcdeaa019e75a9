import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * Removes the locks that a killed process left below a folder: directories named `….lock`, as libraries
 * make them that keep keys. They would be waited for in silence, for minutes, or for ever where the clock
 * has been set back since. Only for a folder of which the caller holds the lock itself.
 *
 * @returns paths of what was removed; none where the folder is not there
 */
export async function removeLeftLocks(folder: string): Promise<string[]> {
  let entries: Awaited<ReturnType<typeof list>>;
  try {
    entries = await list(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
  const left = entries
    .filter((entry) => entry.isDirectory() && entry.name.endsWith('.lock'))
    .map((entry) => join(entry.parentPath, entry.name));
  for (const path of left) await rm(path, { recursive: true, force: true });
  return left;
}

const list = (folder: string) => readdir(folder, { recursive: true, withFileTypes: true });
