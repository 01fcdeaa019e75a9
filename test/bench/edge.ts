import { type ChildProcess, fork } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { packageFile } from '../../shared/core/index.js';
import { type EdgeProcess, startEdgeProcess, temporaryFolder, until } from '../support/edge.js';
import type { BenchIo } from './main.js';

const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Resident memory by kind, MB. */
interface Resident {
  /** The process's own. */
  anonMb: number;
  /** Pages of mapped files (the outbox, libraries): the kernel takes them back when it needs them. */
  fileMb: number;
}

/** CPU seconds a process has used, and its resident memory, from /proc. */
function usage(pid: number): { cpuS: number } & Resident {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').pop()?.split(' ') ?? [];
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const mb = (name: string) =>
    Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1] ?? 0) / 1024;
  return {
    cpuS: (Number(fields[11]) + Number(fields[12])) / 100,
    anonMb: mb('RssAnon'),
    fileMb: mb('RssFile'),
  };
}

/** Keeps the most that was seen. */
class Peak implements Resident {
  anonMb = 0;
  fileMb = 0;
  #totalMb = 0;

  see({ anonMb, fileMb }: Resident): void {
    this.anonMb = Math.max(this.anonMb, anonMb);
    this.fileMb = Math.max(this.fileMb, fileMb);
    this.#totalMb = Math.max(this.#totalMb, anonMb + fileMb);
  }

  toString(): string {
    return `resident at most ${Math.round(this.#totalMb)} MB (own ${Math.round(this.anonMb)}, mapped files ${Math.round(this.fileMb)})`;
  }
}

interface Broker {
  child: ChildProcess;
  url: string;
}

/** The broker in a process of its own, so that the component has its core to itself. */
async function startBroker(port = 0): Promise<Broker> {
  const child = fork(fileURLToPath(new URL('../support/edge-broker.js', import.meta.url)), [
    String(port),
  ]);
  const url = await new Promise<string>((resolve) =>
    child.once('message', (m) => resolve((m as { url: string }).url)),
  );
  return { child, url };
}

/** A recording of `streams` columns at `hz`, repeated for ever. */
async function writeRecording(folder: string, streams: number, hz: number): Promise<object> {
  const rows = Math.max(200, hz * 20);
  const lines = Array.from({ length: rows }, (_, r) =>
    [r / hz, ...Array.from({ length: streams }, (_, i) => r + i / streams)].join(','),
  );
  const header = ['t', ...Array.from({ length: streams }, (_, i) => `c${i}`)].join(',');
  await writeFile(join(folder, 'r.csv'), `${header}\n${lines.join('\n')}\n`);
  return {
    name: 'replay',
    type: 'csv',
    file: 'r.csv',
    repeat: true,
    clockToleranceS: 86_400,
    signals: Array.from({ length: streams }, (_, i) => ({ column: `c${i}`, alias: `/s/${i}` })),
  };
}

async function withEdge(
  streams: number,
  hz: number,
  url: string,
  action: (edge: EdgeProcess, folder: string, config: object) => Promise<void>,
): Promise<void> {
  const folder = await temporaryFolder();
  const config = {
    dataDir: 'data',
    sources: [await writeRecording(folder.path, streams, hz)],
    publisher: { type: 'sitewise-edge', url },
    status: { port: 0 },
    log: { level: 'error' },
  };
  const edge = await startEdgeProcess(folder.path, config);
  try {
    await action(edge, folder.path, config);
  } finally {
    await edge.stop();
    await folder.remove();
  }
}

async function sustained(io: BenchIo, seconds: number): Promise<void> {
  const broker = await startBroker();
  await withEdge(1000, 20, broker.url, async (edge) => {
    await wait(3000);
    const pid = edge.child.pid ?? 0;
    const [a, ua, ta] = [await edge.status(), usage(pid), performance.now()];
    const peak = new Peak();
    for (let i = 0; i < seconds; i++) {
      await wait(1000);
      peak.see(usage(pid));
    }
    const [b, ub, tb] = [await edge.status(), usage(pid), performance.now()];
    const s = (tb - ta) / 1000;
    io.print(
      `sustained, 1000 streams at 20 Hz, ${s.toFixed(0)} s: in ${Math.round((b.outbox.appended - a.outbox.appended) / s)}/s, out ${Math.round((b.published - a.published) / s)}/s, waiting ${a.queueDepth} → ${b.queueDepth}, ${Math.round(((ub.cpuS - ua.cpuS) / s) * 100)} % of a core, ${peak}, ${((b.published - a.published) / (b.publisher.messages - a.publisher.messages)).toFixed(1)} values a message`,
    );
  });
  broker.child.kill();
}

async function backlog(io: BenchIo, values: number): Promise<void> {
  // An outage at 2,000 values/s, lived through quickly: the values are written at full speed with
  // old timestamps, then the broker comes up while live ones go on at 2,000/s.
  const broker = await startBroker();
  const port = Number(new URL(broker.url).port);
  broker.child.kill();
  await new Promise((resolve) => broker.child.once('exit', resolve));
  const folder = await temporaryFolder();
  const streams = 100;
  const live = await writeRecording(folder.path, streams, 20);
  const rows = Math.ceil(values / streams);
  const nowS = Date.now() / 1000;
  const lines = Array.from({ length: rows }, (_, r) =>
    [(nowS - 3600 + (r * 3500) / rows).toFixed(3), ...Array(streams).fill(r)].join(','),
  );
  const header = ['t', ...Array.from({ length: streams }, (_, i) => `c${i}`)].join(',');
  await writeFile(join(folder.path, 'old.csv'), `${header}\n${lines.join('\n')}\n`);
  const old = {
    name: 'outage',
    type: 'csv',
    file: 'old.csv',
    epoch: 'recorded',
    timeScale: 1e9,
    clockToleranceS: 86_400,
    signals: Array.from({ length: streams }, (_, i) => ({ column: `c${i}`, alias: `/s/${i}` })),
  };
  const config = {
    dataDir: 'data',
    publisher: { type: 'sitewise-edge', url: `mqtt://127.0.0.1:${port}` },
    status: { port: 0 },
    log: { level: 'error' },
  };
  const liveSource = {
    ...live,
    signals: Array.from({ length: streams }, (_, i) => ({ column: `c${i}`, alias: `/live/${i}` })),
  };
  const edge = await startEdgeProcess(folder.path, { ...config, sources: [liveSource, old] });
  await until(
    'the outage is stored',
    async () => (await edge.status()).queueDepth >= values,
    300_000,
  );
  const stored = (await edge.status()).queueDepth;
  const again = await startBroker(port);
  await until('connected', async () => (await edge.status()).publisher.connected, 30_000);
  const t0 = performance.now();
  const pid = edge.child.pid ?? 0;
  const first = await edge.status();
  const peak = new Peak();
  await until(
    'drained',
    async () => {
      peak.see(usage(pid));
      return (await edge.status()).queueDepth < 20_000;
    },
    600_000,
  );
  const last = await edge.status();
  const s = (performance.now() - t0) / 1000;
  io.print(
    `backlog of ${stored} values with 2,000/s live beside it: drained in ${s.toFixed(1)} s, ${Math.round((last.published - first.published) / s)} values/s, ${peak}`,
  );
  await edge.stop();
  again.child.kill();
  await folder.remove();
}

async function idle(io: BenchIo, seconds: number): Promise<void> {
  const broker = await startBroker();
  await withEdge(100, 1, broker.url, async (edge) => {
    await wait(3000);
    const pid = edge.child.pid ?? 0;
    const [a, t0] = [usage(pid), performance.now()];
    await wait(seconds * 1000);
    const [b, s] = [usage(pid), (performance.now() - t0) / 1000];
    io.print(
      `idle, 100 values/s: ${(((b.cpuS - a.cpuS) / s) * 100).toFixed(1)} % of a core, resident ${Math.round(b.anonMb + b.fileMb)} MB`,
    );
  });
  broker.child.kill();
}

function packages(io: BenchIo): void {
  const folder = packageFile('greengrass-build/artifacts/com.twinloop.Edge/NEXT_PATCH');
  for (const arch of ['x64', 'arm64']) {
    const file = join(folder, `twinloop-edge-linux-${arch}.zip`);
    if (existsSync(file)) {
      io.print(`package ${arch}: ${(statSync(file).size / 1e6).toFixed(1)} MB`);
    } else io.print(`package ${arch}: not built (npm run build:component)`);
  }
}

/**
 * `npm run bench -- edge [sustained | backlog | idle | package] [quick]`: throughput, drain of a
 * backlog, idle load, package size; all of them when none is named.
 */
export async function run(args: readonly string[], io: BenchIo): Promise<void> {
  const quick = args.includes('quick');
  const parts: Record<string, () => Promise<void> | void> = {
    sustained: () => sustained(io, quick ? 5 : 30),
    backlog: () => backlog(io, quick ? 200_000 : 7_200_000),
    idle: () => idle(io, quick ? 5 : 20),
    package: () => packages(io),
  };
  const named = Object.keys(parts).filter((part) => args.includes(part));
  for (const part of named.length === 0 ? Object.keys(parts) : named) await parts[part]?.();
}
