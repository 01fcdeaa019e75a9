import { type ChildProcess, fork, spawnSync } from 'node:child_process';
import { getEventListeners, once, setMaxListeners } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compiledEntry, packageFile } from '../../shared/core/index.js';
import { createFmuPool, openFmu } from '../../shared/fmi/index.js';
import { count } from '../study/common/options.js';
import { type BenchIo, defineBench } from './common/bench.js';

const ROUNDS = 15;
const WEB_LINE = packageFile('shared/twins/web-line/web-line.fmu');

const median = (values: number[]) =>
  [...values].sort((a, b) => a - b)[values.length >> 1] as number;

function call(command: string, args: readonly string[]): void {
  const { status, stderr } = spawnSync(command, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${stderr}`);
}

/** Median wall times, ms; one of each a round, so that a busy moment befalls all of them. */
async function compare<K extends string>(
  things: Record<K, () => void | Promise<void>>,
  rounds = ROUNDS,
): Promise<Record<K, number>> {
  const times = Object.fromEntries(Object.keys(things).map((k) => [k, [] as number[]]));
  for (let round = 0; round <= rounds; round++) {
    for (const [name, start] of Object.entries<() => void | Promise<void>>(things)) {
      const began = performance.now();
      await start();
      // The first round fills caches.
      if (round > 0) times[name]?.push(performance.now() - began);
    }
  }
  return Object.fromEntries(Object.entries(times).map(([k, t]) => [k, median(t)])) as Record<
    K,
    number
  >;
}

const ms = (value: number) => `${value.toFixed(0)} ms`;

async function help(io: BenchIo): Promise<void> {
  const cli = compiledEntry('cli');
  const t = await compare({
    node: () => call(process.execPath, ['-e', '0']),
    help: () => call(process.execPath, [cli, '--help']),
    noun: () => call(process.execPath, [cli, 'fmu', 'simulate', '--help']),
  });
  const ratio = (value: number) => `${ms(value)}, ${(value / t.node).toFixed(2)} × node -e 0`;
  io.print(`node -e 0                    ${ms(t.node)}`);
  io.print(`twinloop --help              ${ratio(t.help)} (at most 3)`);
  io.print(`twinloop fmu simulate --help ${ratio(t.noun)}`);
}

async function simulate(io: BenchIo): Promise<void> {
  const args = ['simulate', WEB_LINE, '--stop-time', '1'];
  const ours = () => call(process.execPath, [compiledEntry('cli'), 'fmu', ...args]);
  const fmpy = process.env.TWINLOOP_FMPY;
  if (fmpy === undefined) {
    io.print('fmpy simulate                skipped: set TWINLOOP_FMPY to a program `fmpy`');
    const t = await compare({ ours });
    io.print(`twinloop fmu simulate        ${ms(t.ours)}`);
    return;
  }
  const t = await compare({ ours, fmpy: () => call(fmpy, args) });
  io.print(`fmpy simulate                ${ms(t.fmpy)}`);
  io.print(
    `twinloop fmu simulate        ${ms(t.ours)}, ${(t.ours / t.fmpy).toFixed(2)} × fmpy (at most 1)`,
  );
}

async function lanes(io: BenchIo): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'twinloop-bench-'));
  const bare = join(folder, 'bare.mjs');
  await writeFile(bare, "process.send('hello');\nprocess.on('message', () => process.exit(0));\n");
  const fmu = await openFmu(WEB_LINE);
  const end = async (child: ChildProcess) => {
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  };
  const forked: ChildProcess[] = [];
  const pools: { close(): Promise<void> }[] = [];
  const t = await compare({
    fork: async () => {
      const child = fork(bare);
      forked.push(child);
      await once(child, 'message');
    },
    lane: async () => void pools.push(await createFmuPool({ fmu, lanes: 1 })),
    // Not timed with the others, which would wait for the dying.
    closing: async () => {
      await Promise.all([...forked.splice(0).map(end), ...pools.splice(0).map((p) => p.close())]);
    },
  });
  await rm(folder, { recursive: true, force: true });
  io.print(`bare fork                    ${ms(t.fork)}`);
  io.print(`FMU lane ready               ${ms(t.lane)}, ${ms(t.lane - t.fork)} above (at most 60)`);
}

/** Many runs under one signal: what they leave behind, and whether they slow down. */
async function manyRuns(io: BenchIo, count: number): Promise<void> {
  const pool = await createFmuPool({ fmu: await openFmu(WEB_LINE), lanes: 1 });
  const { signal } = new AbortController();
  setMaxListeners(0, signal);
  const request = { interface: 'me' as const, startValues: {}, unknowns: [], knowns: [] };
  const part = Math.min(1000, Math.floor(count / 2));
  const times: number[] = [];
  let heapMb = 0;
  for (let done = 0; done < count; done += part) {
    const began = performance.now();
    for (let i = 0; i < part; i++) await pool.jacobian({ ...request, signal });
    times.push((performance.now() - began) / part);
    if (done === part) heapMb = process.memoryUsage().heapUsed / 1e6;
  }
  const grown = process.memoryUsage().heapUsed / 1e6 - heapMb;
  await pool.close();
  const [first, last] = [median(times.slice(0, 5)), median(times.slice(-5))];
  io.print(
    `${count} runs, one signal: first thousands ${first.toFixed(2)} ms a run, last ${last.toFixed(2)}; ${getEventListeners(signal, 'abort').length} listeners left, heap ${grown >= 0 ? '+' : ''}${grown.toFixed(1)} MB`,
  );
}

export const bench = defineBench({
  measures: 'How long what is started often takes to start.',
  options: { runs: count('runs in one pool', 100_000) },
  async run({ runs }, io) {
    await help(io);
    await simulate(io);
    await lanes(io);
    await manyRuns(io, runs);
  },
});
