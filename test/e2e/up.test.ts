import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { FleetSummary, Snapshot } from '../../cloud/page/browser/protocol.js';
import { compiledEntry } from '../../shared/core/index.js';
import { outputOf } from '../support/child-output.js';

/** Starts the command line as a user does. */
function twinloop(args: readonly string[]): {
  child: ChildProcess;
  done: ReturnType<typeof outputOf>;
} {
  const child = spawn(process.execPath, [compiledEntry('cli'), ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  return { child, done: outputOf(child) };
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** The edge component's process, as it has noted in its data folder. */
async function edgePid(data: string): Promise<number> {
  return JSON.parse(await readFile(join(data, 'edge/status.json'), 'utf8')).pid;
}

/** Waits until a file is there: the sign that the stack is up. */
async function appears(path: string, child: ChildProcess): Promise<void> {
  for (;;) {
    if (existsSync(path)) return;
    if (child.exitCode !== null) throw new Error(`ended with ${child.exitCode} before ${path}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** What `twinloop page` shows of the stack that runs, once it has read a measurement. */
async function shownBeside(data: string, up: ChildProcess) {
  const page = twinloop(['page', '--data', data, '--port', '0', '--json']);
  const ended = new Promise<never>((_, reject) =>
    up.once('exit', () => reject(new Error('The stack ended before its page showed anything'))),
  );
  const answerOf = async (path: string): Promise<unknown> => {
    for (;;) {
      const answer = url === undefined ? undefined : await fetch(`${url}${path}`);
      const body = (await answer?.json()) as { channels?: object; assets?: object[] } | undefined;
      if (Object.keys(body?.channels ?? body?.assets ?? {}).length > 0) return body;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  };
  let url: string | undefined;
  let printed = '';
  page.child.stdout?.on('data', (text: string) => {
    printed += text;
    url ??= /http:\/\/127\.0\.0\.1:\d+\//.exec(printed)?.[0];
  });
  try {
    const both = Promise.all([answerOf('api/state'), answerOf('api/fleet')]);
    const [snapshot, fleet] = (await Promise.race([both, ended])) as [Snapshot, FleetSummary];
    return { snapshot, fleet };
  } finally {
    page.child.kill('SIGTERM');
    expect((await page.done).code).toBe(0);
  }
}

describe('twinloop up', () => {
  let folder: string;
  let data: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'twinloop-up-'));
    data = join(folder, 'data');
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it('carries every value from the machine to SiteWise and calibrates the twin from them', async () => {
    const run = twinloop(['up', '--for', '30', '--json', '--data', data, '--port', '0']);
    await appears(join(data, 'edge/status.json'), run.child);
    const { snapshot, fleet } = await shownBeside(data, run.child);
    // The loop has one machine: the page of its own, and a fleet of one for who asks.
    const ids = snapshot.machine.quantities.map((q) => q.id);
    expect(ids).toEqual(expect.arrayContaining(['parameter:b9', 'virtualSensor:S9_Tension_N']));
    expect(snapshot.status).not.toHaveProperty('fault');
    expect(fleet).toMatchObject({ of: 1, assets: [{ twin: 'web-line' }] });
    const { code, stdout, stderr } = await run.done;
    expect(stderr).toContain('The page');
    expect(code).toBe(0);
    const summary = JSON.parse(stdout);
    expect(summary).toMatchObject({ lost: 0, duplicated: 0 });
    expect(summary.published).toBeGreaterThan(100);
    expect(summary.stored).toBe(summary.published);
    expect(summary.calibrations).toBeGreaterThanOrEqual(1);
    expect(summary.steps).toBeGreaterThanOrEqual(5);
    expect(Object.keys(summary.parameters)).toHaveLength(9);
    for (const p of Object.values<Record<string, number>>(summary.parameters)) {
      expect(p.lower95).toBeLessThan(p.upper95!);
      expect(p.truth).toBeTypeOf('number');
    }
    expect(summary.virtualSensors.S9_Tension_N.lower95).toBeGreaterThan(100);
  }, 180_000);

  it('cut off from its broker for a while, leaves no reading unused, and tells the fate of each', async () => {
    const args = ['--for', '38', '--outage', '14:10', '--json', '--data', data, '--port', '0'];
    const { code, stdout, stderr } = await twinloop(['up', ...args]).done;
    expect(code).toBe(0);
    const [cut, back] = ['The broker is cut off.', 'The broker is back.'].map((text) =>
      stderr.indexOf(text),
    );
    expect(cut).toBeGreaterThan(0);
    expect(back).toBeGreaterThan(cut!);
    const summary = JSON.parse(stdout);
    expect(summary).toMatchObject({ lost: 0, duplicated: 0, unused: 0 });
    expect(summary.stored).toBe(summary.published);
    const { streams, samples } = summary.ledger;
    expect(Object.keys(streams).length).toBeGreaterThanOrEqual(9);
    for (const { received, ...fates } of Object.values<Record<string, number>>(streams)) {
      expect(received).toBeGreaterThan(20);
      expect(Object.values(fates).reduce((a, b) => a + b, 0)).toBe(received);
    }
    expect(samples).toMatchObject({ assimilated: samples.aligned, skipped: {}, quarantined: 0 });
    const told = [
      ...Object.values<Record<string, number>>(summary.parameters),
      ...Object.values<Record<string, number>>(summary.virtualSensors),
    ].filter((e) => e.truth !== undefined);
    const inside = told.filter((e) => e.truth! >= e.lower95! && e.truth! <= e.upper95!);
    // Bands of 95 %: of some thirty, one or two may miss.
    expect(told.length).toBeGreaterThan(20);
    expect(inside.length).toBeGreaterThanOrEqual(told.length - 3);
  }, 150_000);

  it('lets one stack at a data folder, starts a killed component again, ends on SIGINT with all its processes, tells machines how far it came, and goes on later', async () => {
    const first = twinloop(['up', '--data', data, '--port', '0']);
    await appears(join(data, 'fleet.json'), first.child);
    const second = await twinloop(['up', '--data', data, '--port', '0', '--json']).done;
    expect(second.code).toBe(2);
    expect(JSON.parse(second.stdout).error.code).toBe('ALREADY_RUNNING');
    const killed = await edgePid(data);
    process.kill(killed, 'SIGKILL');
    while ((await edgePid(data)) === killed) await new Promise((done) => setTimeout(done, 50));
    const pids = childrenOf(first.child.pid ?? 0);
    first.child.kill('SIGINT');
    const { code, stdout, stderr } = await first.done;
    expect(stderr).toContain('The component ended');
    expect(code).toBe(0);
    expect(stdout).toContain('goes on from here');
    for (const pid of await pids) expect(isAlive(pid)).toBe(false);

    const before = JSON.parse(await readFile(join(data, 'machine-time.json'), 'utf8')).machineS;
    const cut = twinloop(['up', '--data', data, '--port', '0', '--json']);
    let told = '';
    cut.child.stderr?.on('data', (text) => {
      const already = told.includes('Ctrl-C');
      told += text;
      // Once: a second signal would end it at once.
      if (!already && told.includes('Ctrl-C')) cut.child.kill('SIGINT');
    });
    const ended = await cut.done;
    expect(ended.code).toBe(0);
    expect(JSON.parse(ended.stdout)).toMatchObject({
      interrupted: true,
      endpoints: {},
      published: expect.any(Number),
      parameters: {},
    });
    const again = await twinloop(['up', '--data', data, '--port', '0', '--for', '1', '--json'])
      .done;
    expect(again.code).toBe(0);
    expect(JSON.parse(again.stdout)).toMatchObject({ lost: 0, duplicated: 0 });
    const after = JSON.parse(await readFile(join(data, 'machine-time.json'), 'utf8')).machineS;
    expect(after).toBeGreaterThanOrEqual(before);
    expect(isAlive(await edgePid(data))).toBe(false);
  }, 120_000);

  it.each([
    ['a port that is taken', 'PORT_IN_USE', /port/i],
    ['a missing recording', 'FILE_NOT_FOUND', /nowhere.csv/],
    ['a recording without a column', 'COLUMN_MISSING', /Main.R1.w.*It has: x\./],
    ['a twin that is not there', 'FILE_NOT_FOUND', /no-twin.json/],
    ['a wrong config', 'CONFIG_INVALID', /timeScale: found -1.*\n.*ports.monitor: found "x"/],
    ['a broken FMU', 'FMU_INVALID', /broken.fmu/],
  ])(
    'refuses %s with one clear error',
    async (what, code, message) => {
      const blocker = createServer();
      const args = ['up', '--data', data, '--for', '1', '--json'];
      if (what.includes('port')) {
        await new Promise<void>((resolve) => blocker.listen(0, '127.0.0.1', resolve));
        args.push('--port', String((blocker.address() as { port: number }).port));
      } else args.push('--port', '0');
      if (what.includes('missing recording')) args.push('--replay', join(folder, 'nowhere.csv'));
      if (what.includes('column')) {
        await writeFile(join(folder, 'few.csv'), 'time,x\n0,1\n1,2\n');
        args.push('--replay', join(folder, 'few.csv'));
      }
      if (what.includes('twin')) args.push('--twin', join(folder, 'no-twin.json'));
      if (what.includes('config')) {
        await writeFile(join(folder, 'stack.json'), '{"timeScale":-1,"ports":{"monitor":"x"}}');
        args.push('--config', join(folder, 'stack.json'));
      }
      if (what.includes('FMU')) {
        await writeFile(join(folder, 'broken.fmu'), 'PK not really');
        const twin = {
          name: 'broken',
          fmu: './broken.fmu',
          measured: [{ variable: 'y', alias: '/m/y' }],
          parameters: [{ variable: 'k', alias: '/m/k', prior: { mean: 0, std: 1 } }],
        };
        await writeFile(join(folder, 'twin.json'), JSON.stringify(twin));
        args.push('--twin', join(folder, 'twin.json'));
      }
      const { code: exitCode, stdout } = await twinloop(args).done;
      blocker.close();
      const { error } = JSON.parse(stdout);
      expect(error.code).toBe(code);
      expect(error.message).toMatch(message);
      expect(exitCode).toBe(2);
      // A start that failed leaves nothing behind.
      expect(existsSync(data)).toBe(false);
    },
    60_000,
  );
});

/** Process ids of the direct children of a process; none where the platform does not tell. */
async function childrenOf(pid: number): Promise<number[]> {
  const file = `/proc/${pid}/task/${pid}/children`;
  if (!existsSync(file)) return [];
  return (await readFile(file, 'utf8')).trim().split(' ').filter(Boolean).map(Number);
}
