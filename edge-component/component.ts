import { createHash } from 'node:crypto';
import { join, resolve } from 'node:path';
import type { EdgeConfig, SourceConfig } from '../shared/config/index.js';
import {
  type Clock,
  type Closeable,
  closeAll,
  type Logger,
  lockFolder,
  nsToDate,
  nsToSeconds,
  packageVersion,
  systemClock,
  TwinError,
  writeFileAtomic,
} from '../shared/core/index.js';
import { ClockWatch } from './clock/clock-watch.js';
import { readNtpState } from './clock/ntp-state.js';
import { DeadLetters } from './outbox/dead-letters.js';
import { Outbox } from './outbox/outbox.js';
import type { EdgeSample } from './outbox/record.js';
import { GATEWAY_CLOCK } from './pipeline/signal-pipeline.js';
import { SourceLedger } from './pipeline/source-ledger.js';
import { createPublisher } from './publishers/create.js';
import { Sender } from './publishers/sender.js';
import { createSource } from './sources/create.js';
import { type SampleSink, SourceRunner } from './sources/source-runner.js';
import { takeLedger } from './status/ledger.js';
import { LedgerStreams } from './status/ledger-streams.js';
import { RateMeter } from './status/rate-meter.js';
import { startStatusServer } from './status/server.js';
import type { EdgeStatus } from './status/status.js';
import type { VirtualSensors } from './virtual-sensors/virtual-sensors.js';

export interface EdgeOptions {
  /** What relative paths of the config are relative to. */
  baseDir: string;
  /** Where the config came from, for people. */
  configSource: string;
  logger: Logger;
  clock?: Clock;
}

/** A running component. */
export interface EdgeComponent extends Closeable {
  /** e.g. `http://127.0.0.1:9464` */
  readonly statusUrl: string;
  readonly dataDir: string;
  status(): EdgeStatus;
  /** Stops reading and sending for a while; connections and the outbox stay. */
  pause(): void;
  resume(): void;
  /** Tries values again that the far end refused. */
  flush(): void;
  /**
   * Takes a new config: sources and publisher are started anew, what waits in the outbox stays.
   *
   * @throws TwinError `CONFIG_INVALID` when it names another data folder; the last config stays then
   */
  reconfigure(config: EdgeConfig): Promise<void>;
}

const MB = 1024 * 1024;

/**
 * Starts the component: sources → pipeline → outbox → publisher.
 *
 * @throws TwinError `ALREADY_RUNNING` (two on one folder), `PORT_IN_USE`, `STORAGE`
 */
export async function startEdge(config: EdgeConfig, options: EdgeOptions): Promise<EdgeComponent> {
  const component = new Component(config, options);
  try {
    await component.start();
  } catch (error) {
    await component.close().catch(() => {});
    throw error;
  }
  return component;
}

class Component implements EdgeComponent {
  readonly dataDir: string;
  readonly #options: EdgeOptions;
  readonly #clock: Clock;
  readonly #startedNs: bigint;
  readonly #rates: RateMeter;
  /** Closed last: what stays through a change of the config. */
  readonly #base: Closeable[] = [];
  readonly #watch: ClockWatch;
  #config: EdgeConfig;
  #outbox: Outbox | undefined;
  #deadLetters: DeadLetters | undefined;
  #runners: SourceRunner[] = [];
  /** By source name; they outlive a change of the config. */
  readonly #ledgers = new Map<string, SourceLedger>();
  #sender: Sender | undefined;
  #virtualSensors: VirtualSensors | undefined;
  #ledgerStreams: LedgerStreams | undefined;
  /** Values of the component's own: stored since the start, and being stored. */
  #own = { stored: 0, inHand: 0 };
  #statusUrl = '';
  #state: EdgeStatus['component']['state'] = 'running';

  constructor(config: EdgeConfig, options: EdgeOptions) {
    this.#config = config;
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.dataDir = resolve(options.baseDir, config.dataDir);
    this.#startedNs = this.#clock.nowNs();
    this.#rates = new RateMeter(this.#clock);
    this.#watch = new ClockWatch({
      clock: this.#clock,
      monotonicMs: () => performance.now(),
      check: config.clock.check,
      ntpState: readNtpState,
      logger: options.logger,
    });
  }

  get statusUrl(): string {
    return this.#statusUrl;
  }

  async start(): Promise<void> {
    const { logger } = this.#options;
    const { outbox: policy } = this.#config;
    this.#base.push(await lockFolder(this.dataDir, 'data folder'));
    await this.#watch.start();
    this.#base.push(this.#watch);
    this.#outbox = await Outbox.open({
      directory: this.dataDir,
      maxBytes: policy.maxMb * MB,
      slowAt: policy.slowAt,
      batchMs: policy.batchMs,
      clock: this.#clock,
      logger,
    });
    this.#base.push(this.#outbox);
    this.#deadLetters = new DeadLetters({
      directory: this.dataDir,
      maxBytes: policy.deadLetterMaxMb * MB,
      clock: this.#clock,
      logger,
    });
    const sampling = setInterval(() => this.#sampleRates(), 1000);
    sampling.unref();
    this.#base.push({ close: async () => clearInterval(sampling) });
    await this.#startParts();
    const server = await startStatusServer(this.#config.status.port, () => this.status());
    this.#base.push(server);
    this.#statusUrl = server.url;
    await writeFileAtomic(
      join(this.dataDir, 'status.json'),
      `${JSON.stringify({ url: server.url, pid: process.pid })}\n`,
    );
    logger.info('Edge component is running', {
      statusUrl: server.url,
      dataDir: this.dataDir,
      sources: this.#config.sources.length,
      waiting: this.#outbox.depth,
    });
  }

  status(): EdgeStatus {
    const outbox = this.#outbox;
    const sender = this.#sender;
    if (outbox === undefined || sender === undefined)
      throw new Error('The component has not started.');
    const publisher = sender.status;
    const sources = this.#runners.map((r) => r.health);
    const { oldestNs, fault, setAside } = outbox;
    const { dropped, appended } = outbox.counters;
    const names = new Set(sources.map((s) => s.name));
    const ledger = takeLedger({
      sources,
      account: outbox.account,
      missingAtStart: outbox.missingAtStart,
      appended,
      own: this.#own.stored,
      ownInHand: this.#own.inHand,
      handed: [...this.#ledgers].reduce(
        (n, [name, { account }]) => (names.has(name) ? n : n + account.stored + account.made),
        0,
      ),
    });
    const oldestAgeS =
      oldestNs === undefined ? 0 : Math.max(0, nsToSeconds(this.#clock.nowNs() - oldestNs));
    return {
      component: {
        name: 'com.twinloop.Edge',
        version: packageVersion(),
        pid: process.pid,
        startedAt: nsToDate(this.#startedNs + this.#watch.shiftNs).toISOString(),
        state: this.#state,
        configSource: this.#options.configSource,
      },
      healthy:
        publisher.connected &&
        fault === undefined &&
        // What the far end refuses is on no dashboard: somebody has to mend that there.
        outbox.parkedDepth === 0 &&
        this.#watch.trusted &&
        ledger.gaps.length === 0 &&
        sources.every((s) => s.state === 'up' || s.state === 'stopped'),
      clock: this.#watch.status,
      ledger,
      queueDepth: outbox.depth,
      oldestAgeS,
      published: publisher.published,
      dropped: dropped.GOOD + dropped.BAD + dropped.UNCERTAIN,
      deadLettered: { ...this.#deadLetters?.counts },
      ratesPerS: this.#rates.read(),
      outbox: {
        ...outbox.counters,
        bytes: outbox.bytes,
        maxBytes: this.#config.outbox.maxMb * MB,
        parked: outbox.parkedDepth,
        ...(fault === undefined ? {} : { fault }),
        ...(setAside === undefined ? {} : { setAside }),
      },
      publisher: { type: this.#config.publisher.type, ...publisher },
      sources,
      ...(this.#virtualSensors === undefined
        ? {}
        : { virtualSensors: this.#virtualSensors.status }),
    };
  }

  pause(): void {
    this.#state = 'paused';
    this.#applyPause();
  }

  resume(): void {
    this.#state = 'running';
    this.#applyPause();
  }

  flush(): void {
    this.#sender?.flush();
  }

  async reconfigure(config: EdgeConfig): Promise<void> {
    const { logger, baseDir } = this.#options;
    if (resolve(baseDir, config.dataDir) !== this.dataDir) {
      throw new TwinError(
        'CONFIG_INVALID',
        `The data folder cannot change while the component runs (from ${this.dataDir} to ${config.dataDir}): restart it.`,
      );
    }
    await this.#stopParts();
    this.#config = config;
    this.#watch.check = config.clock.check;
    const { maxMb, slowAt, batchMs } = config.outbox;
    this.#outbox?.limit({ maxBytes: maxMb * MB, slowAt, batchMs });
    await this.#startParts();
    this.#applyPause();
    logger.info('Configuration applied', { sources: config.sources.length });
  }

  async close(): Promise<void> {
    this.#state = 'stopping';
    await this.#stopParts();
    await closeAll(this.#base.splice(0));
  }

  #sampleRates(): void {
    this.#rates.sample(this.#outbox?.counters.appended ?? 0, this.#sender?.status.published ?? 0);
  }

  async #startParts(): Promise<void> {
    const { logger } = this.#options;
    const outbox = this.#outbox;
    const deadLetters = this.#deadLetters;
    if (outbox === undefined || deadLetters === undefined) return;
    const clock = this.#clock;
    const random = Math.random;
    const trust = this.#watch;
    this.#sender = new Sender({
      outbox,
      counts: this.#sender?.status,
      deadLetters,
      publisher: await createPublisher(this.#config.publisher, {
        clientId: this.#clientId(),
        clock,
        logger,
      }),
      policy: this.#config.outbox,
      clock,
      trust,
      logger,
      random,
    });
    const virtualSensors = await this.#createVirtualSensors();
    this.#virtualSensors = virtualSensors;
    const sink: SampleSink =
      virtualSensors === undefined
        ? outbox
        : {
            append: async (samples, checkpoint) => {
              await outbox.append(samples, checkpoint);
              virtualSensors.observe(samples);
            },
            checkpoint: (source) => outbox.checkpoint(source),
            get slow() {
              return outbox.slow;
            },
          };
    this.#runners = this.#config.sources.map((config: SourceConfig) => {
      const source = createSource(config, {
        dataDir: this.dataDir,
        baseDir: this.#options.baseDir,
        clock,
        logger,
      });
      const ledger = this.#ledgers.get(config.name) ?? new SourceLedger();
      this.#ledgers.set(config.name, ledger);
      return new SourceRunner({ config, source, sink, clock, logger, random, ledger, trust });
    });
    this.#sender.start();
    for (const runner of this.#runners) runner.start();
    virtualSensors?.start();
    const { ledgerAlias, ledgerEveryS } = this.#config.status;
    this.#ledgerStreams =
      ledgerAlias === undefined
        ? undefined
        : new LedgerStreams({
            prefix: ledgerAlias,
            everyS: ledgerEveryS,
            status: () => this.status(),
            append: (samples) => this.#appendOwn(samples),
            clock,
            logger,
          });
    this.#ledgerStreams?.start();
  }

  /** Stores values that no source handed over. */
  async #appendOwn(samples: readonly EdgeSample[]): Promise<void> {
    const own = this.#own;
    own.inHand += samples.length;
    try {
      await this.#outbox?.append(this.#watch.trusted ? samples : samples.map(uncertain));
      own.stored += samples.length;
    } finally {
      own.inHand -= samples.length;
    }
  }

  /** The simulation stack is loaded only where a twin is configured. */
  async #createVirtualSensors(): Promise<VirtualSensors | undefined> {
    const config = this.#config.virtualSensors;
    if (config === undefined) return undefined;
    const { VirtualSensors } = await import('./virtual-sensors/virtual-sensors.js');
    return new VirtualSensors({
      config,
      baseDir: this.#options.baseDir,
      append: (samples) => this.#appendOwn(samples),
      clock: this.#clock,
      logger: this.#options.logger,
    });
  }

  /** Sources first, so that nothing new comes while the last is being sent. */
  async #stopParts(): Promise<void> {
    await Promise.all(this.#runners.map((r) => r.close()));
    await this.#virtualSensors?.close();
    await this.#ledgerStreams?.close();
    await this.#sender?.close();
  }

  #applyPause(): void {
    const paused = this.#state === 'paused';
    for (const runner of this.#runners) runner.paused = paused;
    if (this.#sender !== undefined) this.#sender.paused = paused;
  }

  /** One client id per data folder: a second component on another folder must not oust this one. */
  #clientId(): string {
    const hash = createHash('sha256').update(this.dataDir).digest('hex').slice(0, 12);
    return `twinloop-edge-${hash}`;
  }
}

/** As it is while the gateway's clock is not set. */
function uncertain(sample: EdgeSample): EdgeSample {
  if (sample.quality !== 'GOOD') return sample;
  return { ...sample, quality: 'UNCERTAIN', reason: GATEWAY_CLOCK };
}
