import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { packageFile, ScratchText } from '../../../shared/core/index.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'twinloop-scratch-'));
  vi.stubEnv('TMPDIR', folder);
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true, force: true });
});

/** Runs the rest of its arguments where `$0` is a file system of 1 MB, seen by this process only. */
const ON_SMALL_DISK = 'mount -t tmpfs -o size=1m none "$0" && exec "$@"';
const canMount =
  process.platform === 'linux' &&
  spawnSync('unshare', ['-Urm', 'sh', '-c', ON_SMALL_DISK, tmpdir(), 'true']).status === 0;

describe.skipIf(process.platform === 'win32')('text on disk', () => {
  it('comes back whole, whatever its length, and leaves no file while it is there', async () => {
    const text = await ScratchText.open('the text');
    const lines = Array.from({ length: 40_000 }, (_, k) => `${k} é 😀\n`);
    for (const line of lines) await text.add(line);
    expect(readdirSync(folder)).toEqual([]);
    let back = '';
    for await (const part of text.parts()) back += part;
    expect(back === lines.join('')).toBe(true);
    await text.close();
  });

  it('says where it can’t be written', async () => {
    vi.stubEnv('TMPDIR', join(folder, 'missing'));
    await expect(ScratchText.open('the text')).rejects.toMatchObject({
      code: 'FILE_UNWRITABLE',
      message: expect.stringMatching(/^Could not write the text to a scratch file in .*missing/),
    });
  });

  it.skipIf(!canMount)('says that the disk is full', () => {
    const program = `
      const { ScratchText } = await import(${JSON.stringify(packageFile('dist/shared/core/index.js'))});
      const text = await ScratchText.open('the text');
      try {
        for (let k = 0; k < 200; k++) await text.add('x'.repeat(10000));
      } catch ({ code, message }) {
        console.log(code, message);
      }`;
    const node = [process.execPath, '--input-type=module', '-e', program];
    const run = spawnSync('unshare', ['-Urm', 'sh', '-c', ON_SMALL_DISK, folder, ...node]);
    expect(String(run.stdout)).toMatch(
      /^FILE_UNWRITABLE Could not write the text to .* \(TMPDIR\): the disk is full\. Name another place\.$/m,
    );
  });
});
