import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { lockFolder, packageFile } from '../../../shared/core/index.js';

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

  it('lets one of many processes in that find a dead holder at the same moment', async () => {
    const module = pathToFileURL(packageFile('dist/shared/core/folder-lock.js')).href;
    // Each notes when it held the folder; while it did, nobody else may have.
    const program = `
      const { lockFolder } = await import(${JSON.stringify(module)});
      process.once('message', async (at) => {
        while (Date.now() < at);
        const from = process.hrtime.bigint();
        try {
          const lock = await lockFolder(${JSON.stringify(folder)}, 'folder');
          const held = process.hrtime.bigint();
          for (const end = Date.now() + 30; Date.now() < end; );
          const until = process.hrtime.bigint();
          await lock.close();
          process.send({ held: String(held), until: String(until) });
        } catch (error) {
          process.send({ code: error.code });
        }
        process.disconnect();
      });
      process.send('ready');`;
    for (let round = 0; round < 4; round++) {
      await writeFile(join(folder, '.lock'), JSON.stringify({ pid: 4_194_305, started: '1' }));
      const children = Array.from({ length: 5 }, () =>
        spawn(process.execPath, ['--input-type=module', '-e', program], {
          stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
        }),
      );
      const next = () => Promise.all(children.map(async (c) => (await once(c, 'message'))[0]));
      await next();
      const answers = next();
      const at = Date.now() + 50;
      for (const child of children) child.send(at);
      const told = (await answers) as { code?: string; held?: string; until?: string }[];
      const spans = told
        .flatMap((t) => (t.held === undefined ? [] : [[BigInt(t.held), BigInt(t.until!)] as const]))
        .sort((a, b) => (a[0] < b[0] ? -1 : 1));
      expect(spans.length).toBeGreaterThan(0);
      spans.forEach(([held], i) => {
        if (i > 0) expect(held).toBeGreaterThan(spans[i - 1]![1]);
      });
      for (const { code } of told) expect([undefined, 'ALREADY_RUNNING']).toContain(code);
      expect((await readdir(folder)).filter((name) => name.startsWith('.lock'))).toEqual([]);
    }
  }, 60_000);
});
