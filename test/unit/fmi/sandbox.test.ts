import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sweepScratches } from '../../../shared/core/index.js';
import {
  createFmuPool,
  openFmu,
  resultColumn,
  type SandboxLevel,
} from '../../../shared/fmi/index.js';
import { buildFmu, hasCompiler } from './fixture-fmus.js';
import { HOSTILE_ATTEMPTS } from './hostile-attempts.js';

const hasNamespaces =
  process.platform === 'linux' &&
  spawnSync('unshare', ['--user', '--map-root-user', '--mount', '--net', '--pid', '--fork', 'true'])
    .status === 0;

const secret = join(tmpdir(), `twinloop-test-secret-${userInfo().uid}.txt`);

/** Processes of the kind that the test FMU leaves behind. */
function leftBehind(): number {
  return readdirSync('/proc').filter((pid) => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('86397.25');
    } catch {
      return false;
    }
  }).length;
}

describe.skipIf(!hasCompiler || process.platform !== 'linux')('an FMU that means harm', () => {
  let port = 0;
  const server = createServer((socket) => socket.destroy());
  beforeAll(async () => {
    writeFileSync(secret, 'a password\n', { mode: 0o600 });
    process.env.TWINLOOP_TEST_SECRET = 'a password';
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    port = (server.address() as { port: number }).port;
  });
  afterAll(() => {
    server.close();
    rmSync(secret, { force: true });
    delete process.env.TWINLOOP_TEST_SECRET;
  });

  const attempt = async (sandbox: SandboxLevel, mode: number, at = 0, timeoutMs = 20_000) => {
    const fmu = await openFmu(buildFmu('intruder', 2, undefined, ['-O1', `-DSECRET="${secret}"`]));
    const pool = await createFmuPool({ fmu, lanes: 1, sandbox });
    try {
      // A weaker sandbox than the one meant would be harmed in earnest.
      expect(pool.sandboxLevel).toBe(sandbox);
      const run = await pool.simulate({
        interface: 'cs',
        stopTimeS: 0.2,
        startValues: { mode, at },
        timeoutMs,
      });
      return resultColumn(run, 'y').at(-1);
    } finally {
      await pool.close();
    }
  };

  const table = HOSTILE_ATTEMPTS.map((attempt) => [attempt.what, attempt] as const);
  describe.each(['namespaces', 'process', 'none'] as const)('in the sandbox "%s"', (level) => {
    it.skipIf(level === 'namespaces' && !hasNamespaces).each(table)(
      '%s, or not',
      async (_, { mode, on, gets }) => {
        const at = on === undefined ? 0 : { caller: process.pid, port }[on];
        expect(await attempt(level, mode, at)).toBe(gets[level]);
      },
    );
  });

  it.skipIf(!hasNamespaces)('can neither widen its view nor look through another', async () => {
    expect(await attempt('namespaces', 10)).toBe(0);
    expect(await attempt('namespaces', 12, 1)).toBe(0);
  });

  const contained: SandboxLevel[] = hasNamespaces ? ['namespaces', 'process'] : ['process'];
  it.each(contained)('writes into a scratch folder, gone after the run ("%s")', async (level) => {
    const { TMPDIR } = process.env;
    const own = mkdtempSync(join(tmpdir(), 'twinloop-scratches-'));
    process.env.TMPDIR = own;
    try {
      expect(await attempt(level, 3)).toBe(1);
      expect(existsSync('fmu-wrote-here.txt')).toBe(false);
      expect(readdirSync(own).filter((name) => name.startsWith('twinloop-lane-'))).toEqual([]);
    } finally {
      if (TMPDIR === undefined) delete process.env.TMPDIR;
      else process.env.TMPDIR = TMPDIR;
      rmSync(own, { recursive: true });
    }
  });

  it('has scratch folders of killed callers swept away, and those alone', () => {
    const parent = mkdtempSync(join(tmpdir(), 'twinloop-scratches-'));
    // A process that has ended, and whose number is not taken again at once.
    const gone = spawnSync(process.execPath, ['-e', '']).pid;
    const make = (name: string, ageMs: number) => {
      mkdirSync(join(parent, name, 'root'), { recursive: true });
      const when = new Date(Date.now() - ageMs);
      utimesSync(join(parent, name), when, when);
    };
    const hour = 60 * 60 * 1000;
    make(`twinloop-lane-${gone}-abcdef`, 2 * hour);
    make(`twinloop-fleet-${gone}-abcdef`, 2 * hour);
    make(`twinloop-lane-${gone}-recent`, hour / 2);
    make(`twinloop-lane-${process.pid}-abcdef`, 2 * hour);
    make(`other-${gone}-abcdef`, 2 * hour);
    try {
      sweepScratches(parent);
      expect(readdirSync(parent).sort()).toEqual(
        [
          `other-${gone}-abcdef`,
          `twinloop-lane-${gone}-recent`,
          `twinloop-lane-${process.pid}-abcdef`,
        ].sort(),
      );
    } finally {
      rmSync(parent, { recursive: true });
    }
  });

  it.each(contained)('leaves no process behind ("%s")', async (level) => {
    expect(await attempt(level, 4)).toBe(1);
    expect(leftBehind()).toBe(0);
  });

  it.each(contained)('is ended at the deadline with all that it started ("%s")', async (level) => {
    await expect(attempt(level, 5, 0, 1000)).rejects.toMatchObject({ code: 'FMU_TIMEOUT' });
    expect(leftBehind()).toBe(0);
  });

  it.each(contained)('does not fill the disk ("%s")', async (level) => {
    if (level === 'namespaces') expect(await attempt(level, 9)).toBeLessThanOrEqual(256);
    else {
      await expect(attempt(level, 9)).rejects.toMatchObject({
        code: 'FMU_CRASHED',
        message: expect.stringMatching(/scratch folder/),
      });
    }
  });

  it('ends with the process that started it, even hanging and killed', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'twinloop-orphans-'));
    const script = join(dir, 'run.mjs');
    const fmi = new URL('../../../dist/shared/fmi/index.js', import.meta.url).href;
    const file = buildFmu('intruder', 2, undefined, ['-O1', `-DSECRET="${secret}"`]);
    writeFileSync(
      script,
      `import { createFmuPool, openFmu } from ${JSON.stringify(fmi)};
       const pool = await createFmuPool({ fmu: await openFmu(${JSON.stringify(file)}), lanes: 1 });
       pool.simulate({ interface: 'cs', startValues: { mode: 5 } }).catch(() => undefined);
       setTimeout(() => { console.log(pool.pids.join()); process.kill(process.pid, 'SIGKILL'); }, 600);`,
    );
    const { stdout } = spawnSync(process.execPath, [script], { encoding: 'utf8', timeout: 30_000 });
    const pid = Number(stdout.trim());
    expect(pid).toBeGreaterThan(0);
    await expect.poll(() => isRunning(pid), { timeout: 5000 }).toBe(false);
    if (hasNamespaces) await expect.poll(leftBehind, { timeout: 5000 }).toBe(0);
    rmSync(dir, { recursive: true });
  });
});

/** Whether a process lives; one that nobody has buried yet does not. */
function isRunning(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

describe.skipIf(!hasCompiler)('a library whose static memory an error spoilt', () => {
  it('costs the bad point only: the next is run in a fresh process', async () => {
    const pool = await createFmuPool({ fmu: await openFmu(buildFmu('poisoned', 2)), lanes: 1 });
    try {
      const good = async () => {
        const run = await pool.simulate({ startValues: { k: 1 } });
        expect(resultColumn(run, 'y').at(-1)).toBeCloseTo(Math.exp(-1), 6);
      };
      await good();
      await expect(pool.simulate({ startValues: { k: 3 } })).rejects.toMatchObject({
        code: 'FMI_CALL_FAILED',
        message: expect.stringMatching(/friction law/),
      });
      await good();
      expect(pool.repeatedRuns).toBe(1);
    } finally {
      await pool.close();
    }
  });

  it('is told from a bad point: that fails twice, once in a used process and once in a fresh', async () => {
    const pool = await createFmuPool({ fmu: await openFmu(buildFmu('poisoned', 2)), lanes: 1 });
    try {
      const [first] = pool.pids;
      await expect(pool.simulate({ startValues: { k: 3 } })).rejects.toThrow(/friction law/);
      await pool.simulate({ startValues: { k: 1 } });
      expect(pool.pids).not.toContain(first);
      expect(pool.repeatedRuns).toBe(0);
    } finally {
      await pool.close();
    }
  });
});
