// FMUs that mean harm, run by an ordinary user: on each level of the sandbox, and where the system lets
// nobody make a user namespace. `sandbox.test.ts` does the same as the user of the tests.
import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, chownSync, copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SandboxLevel } from '../../../shared/fmi/index.js';
import { outputOf } from '../../support/child-output.js';
import { buildFmu, hasCompiler } from './fixture-fmus.js';
import { HOSTILE_ATTEMPTS } from './hostile-attempts.js';

const NOBODY = 65534;
/** How long the processes that an FMU leaves behind sleep, which tells them from those of other tests. */
const MARK = '86397.5';
const asNobody = ['setpriv', '--reuid', `${NOBODY}`, '--regid', `${NOBODY}`, '--clear-groups'];
const withoutNamespaces = [
  ...asNobody,
  ...['unshare', '--user', '--map-root-user', 'sh', '-c'],
  'echo 0 > /proc/sys/user/max_user_namespaces && exec "$@"',
  'sh',
];
const works = (command: readonly string[]) =>
  spawnSync(command[0] as string, [...command.slice(1), 'true']).status === 0;

const canSwitch =
  process.platform === 'linux' && process.getuid?.() === 0 && hasCompiler && works(asNobody);
const hasNamespaces =
  canSwitch && works([...asNobody, 'unshare', '--user', '--map-root-user', '--mount', '--net']);
const canForbid = hasNamespaces && works(withoutNamespaces);
const because = (possible: boolean, why: string) => (possible ? '' : ` (skipped: ${why})`);

const program = `
import { existsSync, readdirSync, readFileSync } from 'node:fs';
const { fmi, file, tasks, mark } = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const { createFmuPool, openFmu, resultColumn } = await import(fmi);
const fmu = await openFmu(file);
const found = () => readdirSync('/proc').filter((pid) => {
  try { return readFileSync('/proc/' + pid + '/cmdline', 'utf8').includes(mark); }
  catch { return false; }
}).length;
// The kernel ends what is in a namespace after the namespace's first process.
const leftBehind = async () => {
  const until = Date.now() + 5000;
  while (found() > 0 && Date.now() < until) await new Promise((go) => setTimeout(go, 20));
  return found();
};
const told = [];
for (const { level, mode, at, timeoutMs } of tasks) {
  const pool = await createFmuPool({ fmu, lanes: 1, sandbox: level });
  const one = { level: pool.sandboxLevel, mode };
  try {
    const run = await pool.simulate({
      interface: 'cs', stopTimeS: 0.2, timeoutMs: timeoutMs ?? 20000,
      startValues: { mode, at: at === 'caller' ? process.pid : at ?? 0 },
    });
    one.got = resultColumn(run, 'y').at(-1);
  } catch (error) { one.code = error.code; one.message = error.message; }
  finally { await pool.close(); }
  told.push({ ...one, leftBehind: await leftBehind(), wroteHere: existsSync('fmu-wrote-here.txt') });
}
console.log(JSON.stringify(told));
`;

interface Task {
  /** The strongest sandbox to try; left out, the default. */
  level?: SandboxLevel;
  mode: number;
  at?: number | 'caller';
  timeoutMs?: number;
}
interface Told {
  level: SandboxLevel;
  got?: number;
  code?: string;
  message?: string;
  leftBehind: number;
  wroteHere: boolean;
}

describe.skipIf(!canSwitch)(
  `an FMU that means harm, run by an ordinary user${because(canSwitch, 'needs root, setpriv, cc')}`,
  { timeout: 180_000 },
  () => {
    const dir = mkdtempSync(join(tmpdir(), 'twinloop-hostile-'));
    const home = join(dir, 'home');
    const secret = join(dir, 'secret.txt');
    const rootsSecret = join(dir, 'roots-secret.txt');
    const files = { own: join(dir, 'own.fmu'), roots: join(dir, 'roots.fmu') };
    const server = createServer((socket) => socket.destroy());
    let port = 0;
    beforeAll(async () => {
      chmodSync(dir, 0o755);
      spawnSync('mkdir', [home]);
      chownSync(home, NOBODY, NOBODY);
      writeFileSync(join(home, 'run.mjs'), program);
      for (const path of [secret, rootsSecret])
        writeFileSync(path, 'a password\n', { mode: 0o600 });
      chownSync(secret, NOBODY, NOBODY);
      for (const [target, path] of [
        [files.own, secret],
        [files.roots, rootsSecret],
      ] as const) {
        const flags = ['-O1', `-DSECRET="${path}"`, `-DMARK="${MARK}"`];
        copyFileSync(buildFmu('intruder', 2, undefined, flags), target);
        chmodSync(target, 0o644);
      }
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      port = (server.address() as { port: number }).port;
    });
    afterAll(() => {
      server.close();
      rmSync(dir, { recursive: true, force: true });
    });

    const run = async (as: readonly string[], file: string, tasks: Task[]): Promise<Told[]> => {
      const fmi = new URL('../../../dist/shared/fmi/index.js', import.meta.url).href;
      const [command = '', ...before] = as;
      // In a file: on the command line the mark would be found in the program itself.
      const told = join(home, 'tasks.json');
      writeFileSync(told, JSON.stringify({ fmi, file, tasks, mark: MARK }));
      const child = spawn(command, [...before, process.execPath, join(home, 'run.mjs'), told], {
        cwd: home,
        env: {
          PATH: process.env.PATH,
          HOME: home,
          TMPDIR: home,
          TWINLOOP_TEST_SECRET: 'a password',
        },
      });
      const { code, stdout, stderr } = await outputOf(child);
      expect(code, stderr).toBe(0);
      return JSON.parse(stdout) as Told[];
    };
    const attempts = (level?: SandboxLevel): Task[] =>
      HOSTILE_ATTEMPTS.map(({ mode, on }) => ({
        ...(level !== undefined && { level }),
        mode,
        ...(on !== undefined && { at: on === 'port' ? port : on }),
      }));
    const outcome = (level: SandboxLevel) =>
      HOSTILE_ATTEMPTS.map(({ what, gets }) => `${what}: ${gets[level]} (${level})`);
    const asTold = (told: Told[]) =>
      told.map(({ got, level }, i) => `${HOSTILE_ATTEMPTS[i]?.what}: ${got} (${level})`);

    /** What stays, hangs and fills the disk: [writes where it is, forks, forks and hangs, fills]. */
    const lasting = (level?: SandboxLevel): Task[] =>
      [3, 4, 5, 9].map((mode) => ({
        ...(level !== undefined && { level }),
        mode,
        ...(mode === 5 && { timeoutMs: 1000 }),
      }));
    const isContained = (level: SandboxLevel, [writes, forks, hangs, fills]: Told[]) => {
      expect(writes).toMatchObject({ level, got: 1, wroteHere: false });
      expect(forks).toMatchObject({ level, got: 1, leftBehind: 0 });
      expect(hangs).toMatchObject({ level, code: 'FMU_TIMEOUT', leftBehind: 0 });
      if (level === 'namespaces') expect(fills?.got).toBeLessThanOrEqual(256);
      else expect(fills).toMatchObject({ level, code: 'FMU_CRASHED' });
    };

    it.skipIf(!hasNamespaces)('namespaces: nothing gets through', async () => {
      const told = await run(asNobody, files.own, attempts('namespaces'));
      expect(asTold(told)).toEqual(outcome('namespaces'));
      const wider: Task[] = [10, 12].map((mode) => ({ level: 'namespaces', mode, at: 1 }));
      for (const one of await run(asNobody, files.own, wider)) {
        expect(one).toMatchObject({ level: 'namespaces', got: 0 });
      }
      isContained('namespaces', await run(asNobody, files.own, lasting('namespaces')));
    });

    it('process: only the environment is kept out of what the user may do', async () => {
      expect(asTold(await run(asNobody, files.own, attempts('process')))).toEqual(
        outcome('process'),
      );
      isContained('process', await run(asNobody, files.own, lasting('process')));
    });

    it('none: all that the user may do', async () => {
      expect(asTold(await run(asNobody, files.own, attempts('none')))).toEqual(outcome('none'));
    });

    it.each(['process', 'none'] as const)(
      "%s: what is another user's stays out all the same",
      async (level) => {
        const told = await run(asNobody, files.roots, [
          { level, mode: 2 },
          { level, mode: 11 },
          { level, mode: 6, at: process.pid },
          { level, mode: 8, at: process.pid },
        ]);
        expect(told.map(({ got }) => got)).toEqual([0, 0, 0, 0]);
      },
    );

    it.skipIf(!canForbid)(
      `where no user namespace can be made the default is "process", with what it keeps out${because(canForbid, 'they cannot be forbidden here')}`,
      async () => {
        const told = await run(withoutNamespaces, files.own, attempts());
        expect(asTold(told)).toEqual(outcome('process'));
        isContained('process', await run(withoutNamespaces, files.own, lasting()));
      },
    );
  },
);
