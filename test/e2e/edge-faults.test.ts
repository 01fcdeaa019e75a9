import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { copyFile, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { compiledEntry } from '../../shared/core/index.js';
import { type EdgeProcess, startEdgeProcess, type TestBroker, until } from '../support/edge.js';
import { runKills } from '../support/edge-kills.js';
import { sourceBench } from '../support/edge-sources.js';

const { cleanups, setUp } = sourceBench();

/** Whether a process may have a small disk of its own. */
const MAY_MOUNT = spawnSync('unshare', ['--map-root-user', '--mount', 'true']).status === 0;

/** A replay of one stream; row r has the value r. */
async function replayConfig(
  folder: string,
  broker: TestBroker,
  options: { rows?: number; intervalS?: number; change?: object } = {},
): Promise<object> {
  const { rows = 200_000, intervalS = 0.001, change = {} } = options;
  const lines = Array.from({ length: rows }, (_, i) => `${i * intervalS},${i}`);
  await writeFile(join(folder, 'r.csv'), ['t,x', ...lines].join('\n'));
  return {
    dataDir: 'data',
    sources: [
      {
        name: 'replay',
        type: 'csv',
        file: 'r.csv',
        clockToleranceS: 86_400,
        signals: [{ column: 'x', alias: '/x' }],
      },
    ],
    publisher: { type: 'sitewise-edge', url: broker.url, maxWaitMs: 10, ackTimeoutMs: 1000 },
    status: { port: 0 },
    log: { level: 'warn' },
    ...change,
  };
}

async function start(
  folder: string,
  config: object,
  options?: Parameters<typeof startEdgeProcess>[2],
): Promise<EdgeProcess> {
  const edge = await startEdgeProcess(folder, config, options);
  cleanups.push(() => edge.kill());
  return edge;
}

/**
 * The first child of a component, as soon as there is one; undefined: the component is up, or has ended, and none
 * was seen (on a busy machine it may come and go between two looks).
 */
async function childOf(parent: ChildProcess): Promise<number | undefined> {
  let up = false;
  parent.once('message', () => {
    up = true;
  });
  for (; !up && parent.exitCode === null; await new Promise((resolve) => setImmediate(resolve))) {
    const { pid } = parent;
    const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '');
    const [child] = children.trim().split(' ');
    // Stopped before it runs its own program, it would stop its parent, too, which waits for that.
    if (child && (await argumentsOf(child)) !== (await argumentsOf(pid))) return Number(child);
  }
  return undefined;
}

const argumentsOf = (pid: string | number | undefined) =>
  readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');

/** Whether a process is there, and is more than an entry that nobody has taken yet. */
function isRunning(pid: number): boolean {
  try {
    return !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

/** The values that arrived, each once, in the order of their first arrival. */
function distinct(broker: TestBroker): number[] {
  return [
    ...new Set(broker.values.filter((v) => v.quality === 'GOOD').map((v) => Number(v.value))),
  ];
}

function upTo(n: number): number[] {
  return Array.from({ length: n }, (_, i) => i);
}

describe('faults', { timeout: 90_000 }, () => {
  // At full length: npm run soak:edge.
  it.each([
    ['strictly in order', 0],
    ['in order beside a backlog and within it', 0.2],
  ])(
    'loses nothing when killed at random moments under load, %s',
    async (_how, liveWindowS) => {
      const figures = await runKills({ kills: 8, seed: 1, liveWindowS });
      expect(figures).toMatchObject({ lost: 0, contradicting: 0, disordered: 0 });
      expect(figures.acknowledged).toBeGreaterThan(1000);
    },
    180_000,
  );

  it('loses nothing while the broker is away, and ends within five seconds of SIGTERM', async () => {
    const { folder, broker } = await setUp();
    const edge = await start(folder, await replayConfig(folder, broker));
    await until('the first values', () => broker.values.length > 100);
    await broker.cut();
    await until('values wait', async () => (await edge.status()).queueDepth > 1000);
    await broker.restore();
    await until('the backlog is gone', async () => (await edge.status()).queueDepth < 300);
    const { outbox } = await edge.status();
    expect(outbox.dropped).toEqual({ GOOD: 0, BAD: 0, UNCERTAIN: 0 });
    const before = performance.now();
    expect(await edge.stop()).toBe(0);
    // Not a measure of speed: the promise of a clean stop.
    expect(performance.now() - before).toBeLessThan(5000);
    const values = distinct(broker);
    expect(values).toEqual(upTo(values.length));
  });

  it('starts with what a power cut left on disk: everything acknowledged by then', async () => {
    const { folder, broker } = await setUp();
    const config = await replayConfig(folder, broker);
    await broker.cut();
    const edge = await start(folder, config);
    await until('values wait', async () => (await edge.status()).queueDepth > 500);
    const acknowledged = (await edge.status()).outbox.appended;
    // The process stands still while the disk is copied, in the middle of whatever it did.
    edge.child.kill('SIGSTOP');
    const image = join(folder, 'after-the-cut');
    await mkdir(join(image, 'data/outbox'), { recursive: true });
    await copyFile(join(folder, 'data/outbox/data.mdb'), join(image, 'data/outbox/data.mdb'));
    await copyFile(join(folder, 'r.csv'), join(image, 'r.csv'));
    await edge.kill();
    await broker.restore();
    const again = await start(image, config);
    await until('all of it arrived', () => distinct(broker).length > acknowledged);
    expect((await again.status()).outbox.setAside).toBeUndefined();
    await again.stop();
    const values = distinct(broker);
    expect(values).toEqual(upTo(values.length));
  });

  /** Fills whatever `shellPrefix` has made small, then gives the broker back. */
  async function fillAndDrain(shellPrefix: (dataDir: string) => string, unshare: boolean) {
    const { folder, broker } = await setUp();
    await broker.cut();
    const dataDir = join(folder, 'data');
    await mkdir(dataDir);
    const config = await replayConfig(folder, broker, { intervalS: 0.0001 });
    const edge = await start(folder, config, { shellPrefix: shellPrefix(dataDir), unshare });
    await until('the disk is full', async () => (await edge.status()).outbox.writeFaults > 0);
    const full = await edge.status();
    expect(full.healthy).toBe(false);
    expect(full.outbox.fault).toBeDefined();
    await broker.restore();
    await until('new values flow again', () => distinct(broker).length > full.queueDepth + 2000);
    expect((await edge.status()).outbox.dropped).toEqual({ GOOD: 0, BAD: 0, UNCERTAIN: 0 });
    await edge.stop();
    const values = distinct(broker);
    expect(values).toEqual(upTo(values.length));
  }

  it('waits while its file may not grow, delivers what it has, and goes on when there is room', () =>
    fillAndDrain(() => 'ulimit -f 1200', false));

  it.skipIf(!MAY_MOUNT)('does so on a disk of 1.4 MB that is full (needs unshare --mount)', () =>
    fillAndDrain((dataDir) => `mount -t tmpfs -o size=1400k tmpfs '${dataDir}'`, true),
  );

  it('sets a corrupt outbox aside, says so, and works with a new one', async () => {
    const { folder, broker } = await setUp();
    await broker.cut();
    const config = await replayConfig(folder, broker);
    const edge = await start(folder, config);
    await until('values wait', async () => (await edge.status()).queueDepth > 2000);
    await edge.kill();
    const file = join(folder, 'data/outbox/data.mdb');
    const bytes = await readFile(file);
    // The pages of the tree are garbage, the head of the file is sound.
    bytes.fill(0x5a, 2 * 4096);
    await writeFile(file, bytes);
    await broker.restore();
    const again = await start(folder, config);
    const { outbox } = await again.status();
    expect(outbox.setAside?.reason).toBeTruthy();
    expect((await stat(outbox.setAside?.path ?? '')).isDirectory()).toBe(true);
    await until('values flow', () => broker.values.length > 10);
  });

  it('stops at SIGTERM though its look through the outbox hangs, and leaves the outbox as it is', async () => {
    const { folder, broker } = await setUp();
    await broker.cut();
    const config = await replayConfig(folder, broker);
    const first = await start(folder, config);
    const file = join(folder, 'edge.json');
    await until('values wait', async () => (await first.status()).queueDepth > 5000);
    await first.kill();
    // On a dying disk a read does not end: the process that looks is stopped in the middle of it.
    let stopped: { edge: ChildProcess; probe: number } | undefined;
    for (let attempt = 0; stopped === undefined && attempt < 20; attempt++) {
      const edge = spawn(
        process.execPath,
        [compiledEntry('edge-component/main'), '--config', file],
        {
          stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
        },
      );
      cleanups.push(async () => edge.kill('SIGKILL'));
      const probe = await childOf(edge);
      if (probe !== undefined && isRunning(probe)) {
        process.kill(probe, 'SIGSTOP');
        if (isRunning(probe)) stopped = { edge, probe };
      }
      if (stopped === undefined) edge.kill('SIGKILL');
    }
    const { edge, probe } = stopped!;
    const exited = new Promise((resolve) => edge.once('exit', resolve));
    edge.kill('SIGTERM');
    expect(await exited).toBe(0);
    await until('the look has ended, too', () => !isRunning(probe));
    await broker.restore();
    const again = await start(folder, config);
    expect((await again.status()).outbox.setAside).toBeUndefined();
    // Live values overtake those that waited: all are there in the end.
    const early = () => distinct(broker).filter((value) => value < 5000);
    await until('all that waited', () => early().length === 5000);
  });

  it('refuses a second component on one data folder', async () => {
    const { folder, broker } = await setUp();
    const config = await replayConfig(folder, broker);
    await start(folder, config);
    await expect(startEdgeProcess(folder, config)).rejects.toThrow(
      /ended with 2[\s\S]*in use by process/,
    );
  });

  it('dead-letters what is too old to be sent', async () => {
    const { folder, broker } = await setUp();
    await broker.cut();
    const outbox = { maxAgeS: 0.5 };
    const config = await replayConfig(folder, broker, { rows: 100, change: { outbox } });
    const edge = await start(folder, config);
    await until(
      'all are dead letters',
      async () => (await edge.status()).deadLettered.TooOld === 100,
    );
    // They leave the outbox only once they are in the file, so a moment later.
    await until('none waits', async () => (await edge.status()).queueDepth === 0);
    expect((await edge.status()).deadLettered).toEqual({ TooOld: 100 });
    await edge.stop();
    const day = new Date().toISOString().slice(0, 10);
    const text = await readFile(join(folder, `data/dead-letters/TooOld/${day}-0001.csv`), 'utf8');
    expect(
      text
        .trim()
        .split('\n')
        .map((l) => Number(l.split(',')[5])),
    ).toEqual(upTo(100));
  });

  it('deletes old dead letters at their limit: each value is counted, and it is not healthy until the next start', async () => {
    const { folder, broker } = await setUp();
    await broker.cut();
    const rows = 60_000;
    const outbox = { maxAgeS: 0.5, deadLetterMaxMb: 1 };
    const options = { rows, intervalS: 0.0001, change: { outbox } };
    const config = await replayConfig(folder, broker, options);
    const edge = await start(folder, config);
    await until('all are dead letters', async () => {
      const { ledger, queueDepth } = await edge.status();
      return ledger.outbox.stored === rows && queueDepth === 0;
    });
    await broker.restore();
    await until('it is connected', async () => (await edge.status()).publisher.connected);
    const { healthy, lost, ledger } = await edge.status();
    const { TooOld: deleted = 0 } = ledger.outbox.lettersDeleted;
    expect(healthy).toBe(false);
    expect(lost).toEqual({ 'dead-letter-deleted-TooOld': deleted });
    expect(ledger).toMatchObject({ outbox: { deadLettered: { TooOld: rows }, gap: 0 }, gaps: [] });
    const letters = join(folder, 'data/dead-letters/TooOld');
    const files = (await readdir(letters)).filter((f) => f.endsWith('.csv'));
    const texts = await Promise.all(files.map((f) => readFile(join(letters, f), 'utf8')));
    expect(deleted + texts.join('').split('\n').length - 1).toBe(rows);
    expect(deleted).toBeGreaterThan(10_000);
    const metrics = await (await fetch(`${edge.statusUrl}/metrics`)).text();
    expect(metrics).toContain(
      `twinloop_edge_dead_letters_deleted_total{reason="TooOld"} ${deleted}`,
    );
    await edge.stop();
    const again = await start(folder, config);
    await until('it is healthy', async () => (await again.status()).healthy);
    expect((await again.status()).ledger.outbox.lettersDeleted).toEqual({ TooOld: deleted });
  });
});
