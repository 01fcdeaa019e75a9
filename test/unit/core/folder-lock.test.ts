import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { lockFolder } from '../../../shared/core/index.js';

describe('lockFolder', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'twinloop-lock-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it('lets one holder in, and the next one after it', async () => {
    const first = await lockFolder(folder, 'data folder');
    await expect(lockFolder(folder, 'data folder')).rejects.toMatchObject({
      code: 'ALREADY_RUNNING',
      message: expect.stringContaining(String(process.pid)),
    });
    await first.close();
    const second = await lockFolder(folder, 'data folder');
    await second.close();
    await second.close();
  });

  it('takes over the lock of a process that is gone', async () => {
    const gone = spawnSync(process.execPath, ['-e', '']).pid;
    await writeFile(join(folder, '.lock'), JSON.stringify({ pid: gone, started: '1' }));
    const lock = await lockFolder(folder, 'data folder');
    await lock.close();
  });

  it('takes over the lock of a process whose pid now belongs to another', async () => {
    await writeFile(join(folder, '.lock'), JSON.stringify({ pid: process.pid, started: 'then' }));
    const lock = await lockFolder(folder, 'data folder');
    await lock.close();
  });

  it('takes over a lock file that was cut short', async () => {
    await writeFile(join(folder, '.lock'), '{"pi');
    const lock = await lockFolder(folder, 'data folder');
    await lock.close();
  });
});
