import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Sha256 } from '@aws-crypto/sha256-js';
import {
  BatchPutAssetPropertyValueCommand,
  GetAssetPropertyAggregatesCommand,
  GetAssetPropertyValueCommand,
  GetAssetPropertyValueHistoryCommand,
  type IoTSiteWiseClient,
} from '@aws-sdk/client-iotsitewise';
import { SignatureV4 } from '@smithy/signature-v4';
import { compiledEntry } from '../../shared/core/index.js';
import { createSiteWiseClient } from '../../shared/sitewise/index.js';
import { startSiteWise } from '../../simulators/sitewise/index.js';
import { KIND } from '../../simulators/sitewise/store/block.js';
import { withAccount } from '../../simulators/sitewise/transfer/open-account.js';
import { count } from '../study/common/options.js';
import { type BenchIo, defineBench } from './common/bench.js';

const STREAMS = 20;
const DAYS = 30;
const PUT_STREAMS = 200;
const IN_FLIGHT = 8;
const READERS = 8;
const WRITERS = 4;

interface Server {
  endpoint: string;
  region: string;
  credentials: { accessKeyId: string; secretAccessKey: string };
  startMs: number;
  rssMb(): Promise<number>;
  /** CPU time it has used, milliseconds; the system counts in steps of ten. */
  cpuMs(): Promise<number>;
  stop(): Promise<void>;
}

async function serve(dataDir: string): Promise<Server> {
  const began = performance.now();
  const child = spawn(process.execPath, [compiledEntry('test/bench/sitewise/server'), dataDir], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  for await (const line of createInterface({ input: child.stdout })) {
    text = line;
    break;
  }
  const startMs = performance.now() - began;
  const exited = once(child, 'exit');
  return {
    ...JSON.parse(text),
    startMs,
    rssMb: async () => {
      const status = await readFile(`/proc/${child.pid}/status`, 'utf8');
      return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024;
    },
    cpuMs: async () => {
      const stat = await readFile(`/proc/${child.pid}/stat`, 'utf8');
      const fields = (stat.split(') ').pop() ?? '').split(' ');
      return (Number(fields[11]) + Number(fields[12])) * 10;
    },
    stop: async () => {
      child.kill('SIGTERM');
      await exited;
    },
  };
}

/** Fills a store without the API: put requests take nothing that is older than a week. */
async function fill(dataDir: string, values: number, nowS: number): Promise<void> {
  const perStream = Math.floor(values / STREAMS);
  const stepS = (DAYS * 86_400) / perStream;
  await withAccount(dataDir, true, async (account) => {
    const series = Array.from(
      { length: STREAMS },
      (_, i) =>
        account.createSeries({
          alias: `/bench/${i}`,
          assetId: undefined,
          propertyId: undefined,
          dataType: 'DOUBLE',
        }).number,
    );
    for (let i = 0; i < perStream; i++) {
      const time = nowS - DAYS * 86_400 + i * stepS;
      const seconds = Math.floor(time);
      const nanos = Math.floor((time - seconds) * 1e9);
      for (const s of series) {
        const number = Math.sin(i / 1000) + s;
        account.values.put(s, { seconds, nanos, quality: 0, kind: KIND.double, number });
      }
      if (i % 2000 === 0) await account.commit();
    }
  });
}

/** Full batches, 10 × 10, by the SDK, so many at a time. @returns values a second */
async function ingest(
  client: IoTSiteWiseClient,
  seconds: number,
  nowS: number,
  lanes = IN_FLIGHT,
): Promise<number> {
  const until = performance.now() + seconds * 1000;
  const began = performance.now();
  let requests = 0;
  let sequence = 0;
  const lane = async () => {
    while (performance.now() < until) {
      const n = sequence++;
      const group = n % (PUT_STREAMS / 10);
      const round = Math.floor(n / (PUT_STREAMS / 10));
      const { errorEntries } = await client.send(
        new BatchPutAssetPropertyValueCommand({
          entries: Array.from({ length: 10 }, (_, e) => ({
            entryId: String(e),
            propertyAlias: `/put/${group * 10 + e}`,
            propertyValues: Array.from({ length: 10 }, (_, v) => ({
              value: { doubleValue: round + v / 10 },
              timestamp: {
                timeInSeconds: nowS - 500_000 + round,
                offsetInNanos: v * 100_000_000,
              },
              quality: 'GOOD' as const,
            })),
          })),
        }),
      );
      if (errorEntries?.length) throw new Error(JSON.stringify(errorEntries[0]));
      requests++;
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  return (requests * 100) / ((performance.now() - began) / 1000);
}

/** Hours of history by the SDK, so many at a time. @returns requests a second */
async function readHours(
  client: IoTSiteWiseClient,
  seconds: number,
  end: Date,
  lanes: number,
): Promise<number> {
  const began = performance.now();
  const until = began + seconds * 1000;
  let requests = 0;
  const lane = async () => {
    while (performance.now() < until) {
      await client.send(
        new GetAssetPropertyValueHistoryCommand({
          propertyAlias: `/bench/${requests++ % STREAMS}`,
          startDate: new Date(end.getTime() - 3_600_000),
          endDate: end,
          maxResults: 20_000,
        }),
      );
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  return requests / ((performance.now() - began) / 1000);
}

/** What is left of a lone client's throughput when many read and write at once. */
async function together(
  client: IoTSiteWiseClient,
  seconds: number,
  nowS: number,
  io: BenchIo,
): Promise<void> {
  const end = new Date(nowS * 1000);
  const reads = await readHours(client, seconds, end, 1);
  const writes = await ingest(client, seconds, nowS, 1);
  const [mixedReads, mixedWrites] = await Promise.all([
    readHours(client, seconds, end, READERS),
    ingest(client, seconds, nowS, WRITERS),
  ]);
  const percent = (share: number) => `${Math.round(share * 100)} %`;
  const [ofReads, ofWrites] = [mixedReads / reads, mixedWrites / writes];
  io.print(
    `one reader of hours: ${Math.round(reads)} requests/s; one writer: ${Math.round(writes)} values/s`,
  );
  io.print(
    `${READERS} readers and ${WRITERS} writers at once: ${Math.round(mixedReads)} requests/s (${percent(ofReads)}) and ${Math.round(mixedWrites)} values/s (${percent(ofWrites)}), together ${percent(ofReads + ofWrites)} of a lone client’s`,
  );
}

/** A page of a history, received and not parsed: what the server has to do with it. */
async function readRaw(server: Server, propertyAlias: string, startDate: Date): Promise<void> {
  const url = new URL(server.endpoint);
  const signer = new SignatureV4({
    service: 'iotsitewise',
    region: server.region,
    credentials: server.credentials,
    sha256: Sha256,
  });
  const query = { propertyAlias, startDate: startDate.toISOString(), maxResults: '20000' };
  const { headers } = await signer.sign({
    method: 'GET',
    protocol: url.protocol,
    hostname: url.hostname,
    path: '/properties/history',
    query,
    headers: { host: url.host },
  });
  const { host: _host, ...others } = headers;
  const target = `${server.endpoint}/properties/history?${new URLSearchParams(query)}`;
  const answer = await fetch(target, { headers: others });
  if (answer.status !== 200) throw new Error(await answer.text());
  await answer.arrayBuffer();
}

async function time(
  repeat: number,
  run: (i: number) => Promise<unknown>,
  server?: Server,
): Promise<string> {
  const times: number[] = [];
  const cpu = (await server?.cpuMs()) ?? 0;
  for (let i = 0; i < repeat; i++) {
    const began = performance.now();
    await run(i);
    times.push(performance.now() - began);
  }
  times.sort((a, b) => a - b);
  const at = (share: number) => (times[Math.floor(share * (repeat - 1))] ?? 0).toFixed(1);
  const used = server === undefined ? 0 : ((await server.cpuMs()) - cpu) / repeat;
  const shown = server === undefined ? '' : `, server CPU ${used.toFixed(1)} ms each`;
  return `median ${at(0.5)} ms, 95 % ${at(0.95)} ms (${repeat} runs${shown})`;
}

async function startAndStop(): Promise<void> {
  const siteWise = await startSiteWise();
  await siteWise.close();
}

export const bench = defineBench({
  measures: 'Figures of the stand-in for SiteWise: its store, its start, and loads of clients.',
  options: {
    values: count('values in its store', 10_000_000),
    seconds: count('seconds of each load', 15),
  },
  run: measureStandIn,
});

async function measureStandIn(
  { values, seconds }: { values: number; seconds: number },
  io: BenchIo,
): Promise<void> {
  const dataDir = await mkdtemp(join(tmpdir(), 'twinloop-bench-sitewise-'));
  const nowS = Math.floor(Date.now() / 1000);
  try {
    const filled = performance.now();
    await fill(dataDir, values, nowS);
    const rate = values / ((performance.now() - filled) / 1000);
    io.print(`store filled with ${values} values: ${Math.round(rate)} values/s`);
    const server = await serve(dataDir);
    io.print(
      `process started, store of ${values} values open, answering: ${server.startMs.toFixed(0)} ms`,
    );
    io.print(`of which startSiteWise(), in memory: ${await time(10, startAndStop)}`);
    const client = createSiteWiseClient(server);
    const end = new Date(nowS * 1000);
    const before = (s: number) => new Date((nowS - s) * 1000);
    try {
      const alias = (i: number) => `/bench/${i % STREAMS}`;
      io.print(
        `latest value: ${await time(
          200,
          (i) => client.send(new GetAssetPropertyValueCommand({ propertyAlias: alias(i) })),
          server,
        )}`,
      );
      let got = 0;
      const history = async (i: number, startDate: Date, maxResults: number) => {
        const page = await client.send(
          new GetAssetPropertyValueHistoryCommand({
            propertyAlias: alias(i),
            startDate,
            endDate: end,
            maxResults,
          }),
        );
        got = page.assetPropertyValueHistory?.length ?? 0;
      };
      const hour = await time(100, (i) => history(i, before(3600), 20_000), server);
      io.print(`1-hour range, ${got} values: ${hour}`);
      const page = await time(30, (i) => history(i, before(DAYS * 86_400), 20_000), server);
      io.print(`page of ${got} values, parsed by the SDK: ${page}`);
      const rawPage = await time(
        30,
        (i) => readRaw(server, alias(i), before(DAYS * 86_400)),
        server,
      );
      io.print(`page of ${got} values, as bytes: ${rawPage}`);
      const aggregates = await time(
        STREAMS,
        async (i) => {
          const answer = await client.send(
            new GetAssetPropertyAggregatesCommand({
              propertyAlias: alias(i),
              aggregateTypes: ['AVERAGE', 'MINIMUM', 'MAXIMUM'],
              resolution: '1h',
              startDate: before(DAYS * 86_400),
              endDate: end,
              maxResults: 2500,
            }),
          );
          got = answer.aggregatedValues?.length ?? 0;
        },
        server,
      );
      io.print(
        `hourly aggregates over ${DAYS} days, ${got} from ${Math.floor(values / STREAMS)} values: ${aggregates}`,
      );
      io.print(`resident after reading: ${(await server.rssMb()).toFixed(0)} MB`);
      const [serverCpu, clientCpu] = [await server.cpuMs(), process.cpuUsage()];
      const ingested = await ingest(client, seconds, nowS);
      const per = ingested * seconds;
      const used = process.cpuUsage(clientCpu);
      const perValueUs = (ms: number) => ((ms * 1000) / per).toFixed(1);
      io.print(
        `ingest in full batches by the SDK: ${Math.round(ingested)} values/s; CPU a value: server ${perValueUs((await server.cpuMs()) - serverCpu)} µs, client ${perValueUs((used.user + used.system) / 1000)} µs`,
      );
      await together(client, seconds, nowS, io);
      io.print(`resident after ingest: ${(await server.rssMb()).toFixed(0)} MB`);
    } finally {
      client.destroy();
      await server.stop();
    }
  } finally {
    await rm(dataDir, { recursive: true });
  }
}
