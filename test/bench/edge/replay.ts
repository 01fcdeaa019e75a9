import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type EdgeProcess, temporaryFolder, until } from '../../support/edge.js';
import type { BenchIo } from '../common/bench.js';
import { Peak, startBroker, startGateway, usage, wait } from './measure.js';

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
  const edge = await startGateway(folder.path, config);
  try {
    await action(edge, folder.path, config);
  } finally {
    await edge.stop();
    await folder.remove();
  }
}

/** 1,000 streams at 20 Hz through the outbox to a broker. */
export async function sustained(io: BenchIo, seconds: number): Promise<void> {
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

/** The drain of an outage of one hour, live values beside it. */
export async function backlog(io: BenchIo, values: number): Promise<void> {
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
  const edge = await startGateway(folder.path, { ...config, sources: [liveSource, old] });
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

/** 100 values a second. */
export async function idle(io: BenchIo, seconds: number): Promise<void> {
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
