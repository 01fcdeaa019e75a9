import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { connectAsync } from 'mqtt';
import { temporaryFolder } from '../../support/edge.js';
import type { BenchIo } from '../common/bench.js';
import { median, startBroker, startGateway, usage } from './measure.js';
import { opcuaSource, startServer } from './opcua.js';
import { startTelegraf, telegrafMqtt, telegrafOpcua, telegrafOutput } from './telegraf.js';

/** From the start of the process to the first value at the far end, s, and the CPU seconds that took. */
interface Start {
  firstS: number;
  cpuS: number;
}

async function oursOnce(source: object, folder: string): Promise<Start> {
  const broker = await startBroker();
  const t0 = performance.now();
  const edge = await startGateway(folder, {
    dataDir: 'data',
    sources: [source],
    publisher: { type: 'sitewise-edge', url: broker.url },
    status: { port: 0 },
    log: { level: 'error' },
  });
  const firstS = ((await broker.first) - t0) / 1000;
  const { cpuS } = usage(edge.child.pid ?? 0);
  await edge.stop();
  broker.child.kill();
  return { firstS, cpuS };
}

async function telegrafOnce(path: string, input: string, folder: string): Promise<Start> {
  const broker = await startBroker();
  const t0 = performance.now();
  const agent = startTelegraf(path, folder, telegrafOutput(broker.url) + input);
  const firstS = ((await broker.first) - t0) / 1000;
  const { cpuS } = usage(agent.pid ?? 0);
  agent.kill();
  await once(agent, 'exit');
  broker.child.kill();
  return { firstS, cpuS };
}

const tell = (starts: readonly Start[]) =>
  `first value after ${median(starts.map((s) => s.firstS)).toFixed(2)} s (${Math.min(...starts.map((s) => s.firstS)).toFixed(2)} at best), ${median(starts.map((s) => s.cpuS)).toFixed(2)} s of CPU`;

/** Start to first value, the median of several starts on an empty data folder. */
export async function start(
  io: BenchIo,
  { quick, telegrafPath }: { quick: boolean; telegrafPath?: string | undefined },
): Promise<void> {
  const rounds = quick ? 3 : 9;
  const device = await startBroker();
  const client = await connectAsync(device.url);
  const talking = setInterval(() => client.publish('in/v', '{"v":1}', { qos: 1 }), 20);
  const [few, many] = [await startServer(10), await startServer(1500)];
  const folder = await temporaryFolder();
  const file = join(folder.path, 'r.csv');
  await writeFile(file, 't,a\n0,1\n0.1,2\n0.2,3\n');
  const cases: { name: string; source: object; input?: string }[] = [
    {
      name: 'recording',
      source: {
        ...{ name: 'r', type: 'csv', file, repeat: true, clockToleranceS: 86_400 },
        signals: [{ column: 'a', alias: '/a' }],
      },
    },
    {
      name: 'MQTT',
      source: {
        ...{ name: 'm', type: 'mqtt', url: device.url },
        signals: [{ topic: 'in/v', jsonPath: 'v', alias: '/v' }],
      },
      input: telegrafMqtt(device.url, 'in/v'),
    },
    {
      name: 'OPC UA, 10 nodes',
      source: opcuaSource(few.url, 10),
      input: telegrafOpcua(few.url, 10),
    },
    {
      name: 'OPC UA, 1,500 nodes',
      source: opcuaSource(many.url, 1500),
      input: telegrafOpcua(many.url, 1500),
    },
  ];
  try {
    for (const { name, source, input } of cases) {
      const starts: Start[] = [];
      const theirs: Start[] = [];
      for (let round = 0; round < rounds; round++) {
        const empty = await temporaryFolder();
        starts.push(await oursOnce(source, empty.path));
        if (telegrafPath !== undefined && input !== undefined) {
          theirs.push(await telegrafOnce(telegrafPath, input, empty.path));
        }
        await empty.remove();
      }
      io.print(`start, ${name}: ${tell(starts)}`);
      if (theirs.length > 0) io.print(`  Telegraf: ${tell(theirs)}`);
    }
  } finally {
    clearInterval(talking);
    await client.endAsync(true);
    for (const { child } of [device, few, many]) child.kill();
    await folder.remove();
  }
}
