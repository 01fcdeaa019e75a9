import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { removeLeftLocks } from '../../../shared/core/index.js';

it('removes lock folders at any depth, and nothing else', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'twinloop-locks-'));
  try {
    const locks = ['mutex.lock', 'own/certs/client.pem.mutex.lock'].map((p) => join(folder, p));
    for (const lock of locks) await mkdir(lock, { recursive: true });
    const kept = ['key.pem', 'a.lock'].map((name) => join(folder, name));
    for (const path of kept) await writeFile(path, 'x');
    expect((await removeLeftLocks(folder)).sort()).toEqual([...locks].sort());
    expect(locks.map((path) => existsSync(path))).toEqual([false, false]);
    expect(kept.map((path) => existsSync(path))).toEqual([true, true]);
    expect(await removeLeftLocks(join(folder, 'none'))).toEqual([]);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
