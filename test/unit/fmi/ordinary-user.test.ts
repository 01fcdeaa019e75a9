// The example twin and the test FMUs in the default sandbox: as the user of the tests and, where that is
// root, as an ordinary user, too, with a cache of its own.
import { spawn } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  copyFileSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { packageFile } from '../../../shared/core/index.js';
import { outputOf } from '../../support/child-output.js';
import { asSlave, buildFmu, hasCompiler } from './fixture-fmus.js';

const NOBODY = 65534;
const isRoot = process.platform === 'linux' && process.getuid?.() === 0;
const reason = isRoot ? '' : ' (skipped: the tests do not run as root)';

/** Those that do harm or fail on purpose have tests of their own; arrays there are in FMI 3 only. */
const LEFT_OUT = new Set(['hostile', 'intruder', 'poisoned']);

const dir = mkdtempSync(join(tmpdir(), 'twinloop-users-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** All own FMUs, as files that anyone may read. */
function ownFmus(): string[] {
  const descriptions = readdirSync(packageFile('test/fixtures/fmus/descriptions'));
  const built = descriptions.flatMap((file) => {
    const [, name = '', version] = /^(.*)\.fmi([123])\.xml$/.exec(file) ?? [];
    if (LEFT_OUT.has(name)) return [];
    const plain = buildFmu(name, Number(version) as 1 | 2 | 3);
    return version === '1' ? [plain, buildFmu(name, 1, asSlave)] : [plain];
  });
  const twins = packageFile('shared/twins');
  const examples = readdirSync(twins, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.fmu'))
    .map((name) => join(twins, name));
  return [...built, ...examples].map((path) => {
    const copy = join(dir, basename(path));
    copyFileSync(path, copy);
    chmodSync(copy, 0o644);
    return copy;
  });
}

interface Ran {
  file: string;
  level?: string;
  rows?: number;
  error?: string;
}

/** Runs them in a process of a user. */
async function runAs(uid: number | undefined): Promise<Ran[]> {
  chmodSync(dir, 0o755);
  const home = mkdtempSync(join(dir, 'home-'));
  if (uid !== undefined) chownSync(home, uid, uid);
  const script = join(home, 'run.mjs');
  writeFileSync(
    script,
    `import { createFmuPool, openFmu } from ${JSON.stringify(new URL('../../../dist/shared/fmi/index.js', import.meta.url).href)};
     const ran = [];
     for (const file of ${JSON.stringify(ownFmus())}) {
       try {
         const pool = await createFmuPool({ fmu: await openFmu(file), lanes: 1 });
         try {
           const run = await pool.simulate({ stopTimeS: 0.2, stepSizeS: 0.1, outputIntervalS: 0.1 });
           ran.push({ file, level: pool.sandboxLevel, rows: run.time.length });
         } finally {
           await pool.close();
         }
       } catch (error) {
         ran.push({ file, error: error.message });
       }
     }
     console.log(JSON.stringify(ran));`,
  );
  const child = spawn(process.execPath, [script], {
    cwd: home,
    env: { PATH: process.env.PATH, HOME: home, TMPDIR: home },
    ...(uid !== undefined && { uid, gid: uid }),
  });
  const { code, stdout, stderr } = await outputOf(child);
  expect(code, stderr).toBe(0);
  return JSON.parse(stdout) as Ran[];
}

let tester: Promise<Ran[]> | undefined;
const asTester = () => {
  tester ??= runAs(undefined);
  return tester;
};

describe.skipIf(!hasCompiler)(
  'the own FMUs run in the default sandbox',
  { timeout: 120_000 },
  () => {
    it('as the user of the tests', async () => {
      const ran = await asTester();
      expect(ran.length).toBeGreaterThan(20);
      expect(ran.filter((r) => !((r.rows ?? 0) >= 2))).toEqual([]);
      expect(new Set(ran.map((r) => r.level)).size).toBe(1);
    });

    it.skipIf(!isRoot)(`as an ordinary user${reason}`, async () => {
      const ran = await runAs(NOBODY);
      expect(ran.length).toBeGreaterThan(20);
      expect(ran.filter((r) => !((r.rows ?? 0) >= 2))).toEqual([]);
      // An ordinary user is contained no less than root is.
      expect(ran.map((r) => r.level)).toEqual((await asTester()).map((r) => r.level));
    });
  },
);
