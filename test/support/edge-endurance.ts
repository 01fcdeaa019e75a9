import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { connectAsync, type MqttClient } from 'mqtt';
import { createRng } from '../../shared/core/index.js';
import { type EdgeProcess, startEdgeProcess, temporaryFolder, until } from './edge.js';
import { FarEndChecker, type FarEndFigures } from './far-end-checker.js';

/** What a run came to. */
export interface EnduranceFigures extends FarEndFigures {
  kills: number;
  brokerRestarts: number;
  cuts: number;
  clockSteps: number;
  /** The component's own account at the end has no gap, and says so. */
  gaps: string[];
}

/** Values in one message, each a stream of its own per topic. */
const VALUES = 8;
const TOPICS = 5;
/** Values that may be between the device and the far end. */
const MOST_UNDER_WAY = 50_000;
const HOUR_S = 3600;
const DAY_S = 86_400;

/** The broker that most gateways run, where it is installed. */
export function findMosquitto(): string | undefined {
  return ['mosquitto', '/usr/sbin/mosquitto'].find(
    (path) => spawnSync(path, ['-h']).error === undefined,
  );
}

/** Debian's libfaketime, where it is installed. */
export function findFaketime(): string | undefined {
  return ['/usr/lib', '/usr/local/lib']
    .filter(existsSync)
    .flatMap((base) => [base, ...readdirSync(base).map((name) => join(base, name))])
    .map((folder) => join(folder, 'faketime/libfaketimeMT.so.1'))
    .find(existsSync);
}

/**
 * Shell commands that put a process under faketime, its clock away from the true one by what a file says. Only
 * the wall clock is set, as by a time service. The library also rewrites deadlines of waits on the monotonic clock, by a
 * workaround for older C libraries; it goes wrong when the offset is changed meanwhile, and what then waits for
 * ever waits on a clock that no machine has.
 */
export function underFaketime(library: string, offsetFile: string): string {
  return `export LD_PRELOAD=${library} FAKETIME_TIMESTAMP_FILE=${offsetFile} FAKETIME_NO_CACHE=1 DONT_FAKE_MONOTONIC=1 FAKETIME_DONT_FAKE_MONOTONIC=1 FAKETIME_FORCE_MONOTONIC_FIX=0`;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** A mosquitto that keeps its sessions on disk, and can be restarted. */
class SourceBroker {
  readonly url: string;
  readonly #program: string;
  readonly #configFile: string;
  #child: ChildProcess | undefined;

  constructor(program: string, folder: string, port: number) {
    this.url = `mqtt://127.0.0.1:${port}`;
    this.#program = program;
    this.#configFile = join(folder, 'mosquitto.conf');
    writeFileSync(
      this.#configFile,
      [
        `listener ${port} 127.0.0.1`,
        'allow_anonymous true',
        'persistence true',
        `persistence_location ${folder}/`,
        'max_queued_messages 0',
        'max_inflight_messages 500',
        'user root',
        '',
      ].join('\n'),
    );
  }

  start(): void {
    this.#child = spawn(this.#program, ['-c', this.#configFile], { stdio: 'ignore' });
  }

  /** Ends it as a service is ended: it writes its sessions. */
  async stop(): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGTERM');
    await gone;
  }
}

async function connected(url: string): Promise<MqttClient> {
  for (let tries = 0; ; tries++) {
    try {
      return await connectAsync(url, { connectTimeout: 2000, reconnectPeriod: 100 });
    } catch (error) {
      if (tries > 50) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

/**
 * Sends values through the component while it is killed (SIGKILL), its source's broker restarted, the far end
 * cut off and, where faketime is installed, its clock set by ± 1 h, ± 1 day and to 1970. Every value that the
 * source's broker acknowledged must be at the far end: once in effect, in order, right to the bit.
 */
export async function runEndurance(options: {
  values: number;
  kills: number;
  seed: number;
  perS?: number;
  onProgress?: (done: number) => void;
}): Promise<EnduranceFigures> {
  const mosquitto = findMosquitto();
  if (mosquitto === undefined) throw new Error('mosquitto is not installed');
  const faketime = findFaketime();
  const { kills, perS = 8000 } = options;
  const rng = createRng(options.seed);
  const folder = await temporaryFolder();
  const broker = new SourceBroker(mosquitto, folder.path, await freePort());
  broker.start();
  const checker = await FarEndChecker.start();
  const offsetFile = join(folder.path, 'offset');
  let clockSteps = 0;
  let offsetS = 0;
  const setClock = (seconds: number) => {
    if (faketime === undefined) return;
    if (seconds !== offsetS) clockSteps++;
    offsetS = seconds;
    writeFileSync(`${offsetFile}.new`, `${seconds < 0 ? '' : '+'}${seconds}\n`);
    renameSync(`${offsetFile}.new`, offsetFile);
  };
  setClock(0);
  const config = {
    dataDir: 'data',
    sources: [
      {
        name: 'device',
        type: 'mqtt',
        url: broker.url,
        backoff: { minMs: 50, maxMs: 500 },
        signals: Array.from({ length: TOPICS * VALUES }, (_, i) => ({
          topic: `in/${Math.floor(i / VALUES)}`,
          jsonPath: `v[${i % VALUES}]`,
          timePath: 't',
          timeUnit: 'ns',
          alias: `/s${i}`,
        })),
      },
    ],
    publisher: { type: 'sitewise-edge', url: checker.url, maxWaitMs: 20, ackTimeoutMs: 1000 },
    outbox: { liveWindowS: 0 },
    status: { port: 0 },
    log: { level: 'error' },
  };
  const start = () =>
    startEdgeProcess(
      folder.path,
      config,
      faketime === undefined
        ? {}
        : {
            shellPrefix: underFaketime(faketime, offsetFile),
          },
    );
  let edge: EdgeProcess | undefined;
  let client: MqttClient | undefined;
  try {
    edge = await start();
    await until('it is up', async () => (await edge?.status())?.sources[0]?.state === 'up');
    client = await connected(broker.url);
    const device = client;
    const messages = Math.ceil(options.values / VALUES);
    const from = BigInt(Date.now()) * 1_000_000n;
    let killed = 0;
    let sent = 0;
    let acknowledged = 0;
    let sending = true;
    const sender = (async () => {
      const startedMs = performance.now();
      for (let i = 0; i < messages; i++) {
        const due = (i * VALUES * 1000) / perS;
        // No faster than the faults come, so that each of them meets values under way.
        while (
          performance.now() - startedMs < due ||
          sent - acknowledged > 2000 ||
          // Nor than they arrive: else the last life would have most of them to itself.
          sent * VALUES - checker.figures.arrived > MOST_UNDER_WAY ||
          (killed < kills && i > ((killed + 2) / kills) * messages)
        ) {
          await new Promise((resolve) => setTimeout(resolve, 5));
        }
        // A thousand a second of the device's own time: each value has an instant of its own.
        const timeNs = from + BigInt(i) * 1_000_100n;
        const values = Array.from({ length: VALUES }, (_, k) => checker.valueOf(i, k));
        checker.expect(i % TOPICS, VALUES, timeNs, values);
        sent++;
        device.publish(`in/${i % TOPICS}`, `{"t":${timeNs},"v":[${values}]}`, { qos: 1 }, () => {
          acknowledged++;
        });
      }
      await until('all is acknowledged', () => acknowledged === sent, 120_000);
      sending = false;
    })();
    let brokerRestarts = 0;
    let cuts = 0;
    const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
    const failed = sender.catch(() => {
      sending = false;
    });
    while (killed < kills || sending) {
      if (killed < kills) {
        // Evenly over the values, each at a moment of its own.
        const share = (killed + rng.uniform()) / kills;
        while (sending && sent < share * messages) await pause(20);
        const kind = killed % 5;
        if (kind === 1 && faketime !== undefined && sending) {
          // Only who has agreed with the device before can tell whose clock was set.
          await until('values in this life', async () => {
            const { stored = 0, uncertainReasons = {} } = (await edge?.status())?.sources[0] ?? {};
            return stored > 0 && Object.keys(uncertainReasons).length === 0;
          });
          for (const step of [HOUR_S, 0, -HOUR_S, 0, DAY_S, 0, -DAY_S, 0]) {
            setClock(step);
            await pause(60 + rng.uniform() * 100);
          }
        }
        if (kind === 2) {
          await checker.cut();
          cuts++;
        }
        if (kind === 3) {
          await broker.stop();
          brokerRestarts++;
          broker.start();
        }
        await edge.kill();
        killed++;
        // A gateway without a battery: it starts in 1970, and its clock is set a while later.
        const boots1970 = kind === 4 && faketime !== undefined;
        if (boots1970) setClock(-Math.round(Date.now() / 1000) + DAY_S);
        edge = await start();
        if (boots1970) {
          await pause(100 + rng.uniform() * 300);
          setClock(0);
        }
        if (kind === 2) await checker.restore();
        options.onProgress?.(killed);
      } else await pause(50);
    }
    await sender;
    await failed;
    // However slow the machine is: as long as there is progress.
    for (let before = -1; checker.missing > 0 && checker.figures.arrived > before; ) {
      before = checker.figures.arrived;
      await until('all has arrived', () => checker.missing === 0, 60_000).catch(() => {});
    }
    await until('nothing waits', async () => (await edge?.status())?.queueDepth === 0, 120_000);
    const { ledger } = await edge.status();
    const { gaps } = ledger;
    return { kills: killed, brokerRestarts, cuts, clockSteps, gaps, ...checker.figures };
  } finally {
    await client?.endAsync(true).catch(() => {});
    await edge?.kill();
    await broker.stop();
    await checker.close();
    await folder.remove();
  }
}
