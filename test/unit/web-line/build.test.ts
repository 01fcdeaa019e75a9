import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { unzipSync } from 'fflate';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { packageFile } from '../../../shared/core/index.js';
import { lineFmu, openLine, settleLine, worst } from './line-pool.js';

const hasCompiler = spawnSync('cc', ['--version']).status === 0;
const ARCHIVES = ['web-line.fmu', 'web-line-fmi3.fmu'] as const;

describe.skipIf(!hasCompiler)('the build of the web line (needs cc)', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'twinloop-line-'));
    const build = spawnSync(
      process.execPath,
      [packageFile('shared/twins/web-line/build.mjs'), folder, '--this-machine'],
      {
        encoding: 'utf8',
      },
    );
    expect(build.status, build.stderr).toBe(0);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('makes the committed archives from the committed sources', () => {
    for (const archive of ARCHIVES) {
      const committed = unzipSync(readFileSync(packageFile(`shared/twins/web-line/${archive}`)));
      const built = unzipSync(readFileSync(join(folder, archive)));
      const texts = Object.keys(built).filter((name) => !name.startsWith('binaries/'));
      for (const name of texts) {
        expect(Buffer.from(built[name]!).equals(committed[name] ?? Buffer.alloc(0)), name).toBe(
          true,
        );
      }
      expect(Object.keys(committed)).toEqual(expect.arrayContaining(Object.keys(built)));
    }
  });

  it('gives binaries for both architectures in the committed archives', () => {
    const machines: Record<string, number> = {
      'binaries/linux64/WebLine.so': 0x3e,
      'binaries/aarch64-linux/WebLine.so': 0xb7,
    };
    const entries = unzipSync(readFileSync(lineFmu(2)));
    for (const [name, machine] of Object.entries(machines)) {
      expect(entries[name]?.[18], name).toBe(machine);
    }
  });

  it('computes the same states of rest as the committed binaries', async () => {
    const drag = { 1: 0.01, 3: 0.15, 7: 0.02, 9: 0.2 };
    for (const [at, archive] of ARCHIVES.entries()) {
      const committed = await openLine(lineFmu(at === 0 ? 2 : 3));
      const built = await openLine(join(folder, archive));
      try {
        const a = await settleLine(committed, drag);
        const b = await settleLine(built, drag);
        expect(worst(a.omega, b.omega)).toBeLessThan(1e-6);
        expect(worst(a.tension, b.tension)).toBeLessThan(1e-5);
      } finally {
        await Promise.all([committed.close(), built.close()]);
      }
    }
  });
});
