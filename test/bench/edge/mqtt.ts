import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { temporaryFolder, until } from '../../support/edge.js';
import { findMosquitto } from '../../support/edge-endurance.js';
import type { BenchIo } from '../common/bench.js';
import { startBroker, startGateway, usage, wait } from './measure.js';
import { startTelegraf, telegrafMqtt, telegrafOutput } from './telegraf.js';

/** The broker that devices publish to: mosquitto where it is installed, else that of the tests. */
async function startSourceBroker(folder: string): Promise<{ child: ChildProcess; url: string }> {
  const mosquitto = findMosquitto();
  if (mosquitto === undefined) return await startBroker();
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as { port: number };
  probe.close();
  await once(probe, 'close');
  const file = join(folder, 'mosquitto.conf');
  const limits = 'max_queued_messages 0\nmax_inflight_messages 1000';
  writeFileSync(file, `listener ${port} 127.0.0.1\nallow_anonymous true\nuser root\n${limits}\n`);
  const child = spawn(mosquitto, ['-c', file], { stdio: 'ignore' });
  return { child, url: `mqtt://127.0.0.1:${port}` };
}

/** Publishes to the source's broker from a process of its own. */
function publish(
  url: string,
  count: number,
  perS: number,
): { begun: Promise<number>; done: Promise<number> } {
  const device = fork(fileURLToPath(new URL('mqtt-device.js', import.meta.url)), [
    ...[url, 'in/v', String(count), String(perS)],
  ]);
  const told = <T>(key: string, of: (m: Record<string, unknown>) => T) =>
    new Promise<T>((resolve, reject) => {
      device.on('message', (m) => {
        if (key in (m as object)) resolve(of(m as Record<string, unknown>));
      });
      device.once('exit', (code) => reject(new Error(`the device ended with ${code}`)));
    });
  return {
    begun: told('begun', () => performance.now()),
    done: told('done', (m) => Number(m.done)),
  };
}

const source = (url: string, cleanSession: boolean) => ({
  name: 'device',
  type: 'mqtt',
  url,
  cleanSession,
  signals: [{ topic: 'in/v', jsonPath: 'v', timePath: 't', timeUnit: 'ns', alias: '/v' }],
});

async function ours(
  io: BenchIo,
  what: string,
  options: { count: number; perS: number; cleanSession: boolean },
): Promise<void> {
  const { count, perS, cleanSession } = options;
  const folder = await temporaryFolder();
  const [from, to] = [await startSourceBroker(folder.path), await startBroker()];
  const edge = await startGateway(folder.path, {
    dataDir: 'data',
    sources: [source(from.url, cleanSession)],
    publisher: { type: 'sitewise-edge', url: to.url },
    status: { port: 0 },
    log: { level: 'error' },
  });
  try {
    await until('it is up', async () => (await edge.status()).sources[0]?.state === 'up');
    const pid = edge.child.pid ?? 0;
    const before = usage(pid);
    const sent = publish(from.url, count, perS);
    const t0 = await sent.begun;
    let stored = 0;
    let last = t0;
    const arrived = async () => {
      const now = (await edge.status()).ledger.outbox.stored;
      if (now > stored) [stored, last] = [now, performance.now()];
      return stored >= count;
    };
    const sentS = await sent.done;
    await until('all are stored', arrived, 120_000).catch(() => {});
    const cpuS = usage(pid).cpuS - before.cpuS;
    const { queueDepth, published } = await edge.status();
    io.print(
      `${what}: sent in ${sentS.toFixed(1)} s, ${count - stored} of ${count} not stored, ${Math.round((stored * 1000) / (last - t0))} messages/s durable, ${((cpuS * 1e6) / count).toFixed(0)} µs of CPU a message; ${published} published meanwhile, ${queueDepth} waiting`,
    );
  } finally {
    await edge.stop();
    from.child.kill();
    to.child.kill();
    await folder.remove();
  }
}

async function telegraf(io: BenchIo, path: string, count: number, perS: number): Promise<void> {
  const folder = await temporaryFolder();
  const [from, to] = [await startSourceBroker(folder.path), await startBroker()];
  const config = telegrafOutput(to.url) + telegrafMqtt(from.url, 'in/v');
  const agent = startTelegraf(path, folder.path, config);
  try {
    await wait(2000);
    const pid = agent.pid ?? 0;
    const before = usage(pid);
    const sent = publish(from.url, count, perS);
    const t0 = await sent.begun;
    await sent.done;
    let arrived = 0;
    let last = t0;
    await until(
      'all have arrived',
      async () => {
        const now = await to.messages();
        if (now > arrived) [arrived, last] = [now, performance.now()];
        return arrived >= count;
      },
      60_000,
    ).catch(() => {});
    io.print(
      `  Telegraf, in memory: ${count - arrived} of ${count} did not arrive, ${Math.round((arrived * 1000) / (last - t0))} messages/s, ${(((usage(pid).cpuS - before.cpuS) * 1e6) / count).toFixed(0)} µs of CPU a message`,
    );
  } finally {
    agent.kill();
    from.child.kill();
    to.child.kill();
    await folder.remove();
  }
}

/** MQTT intake: as fast as the broker takes messages, and 1,000 a second without a kept session. */
export async function mqtt(
  io: BenchIo,
  { quick, telegrafPath }: { quick: boolean; telegrafPath?: string | undefined },
): Promise<void> {
  const [flood, steady] = quick ? [10_000, 3000] : [100_000, 30_000];
  await ours(io, 'MQTT intake', { count: flood, perS: 0, cleanSession: false });
  if (telegrafPath !== undefined) await telegraf(io, telegrafPath, flood, 0);
  const clean = { count: steady, perS: 1000, cleanSession: true };
  await ours(io, 'MQTT at 1,000/s, clean session', clean);
  if (telegrafPath !== undefined) await telegraf(io, telegrafPath, steady, 1000);
}
