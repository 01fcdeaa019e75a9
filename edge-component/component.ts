import { join, resolve } from 'node:path';
import type { EdgeConfig } from '../shared/config/index.js';
import {
  type Clock,
  type Closeable,
  closeAll,
  type Logger,
  lockFolder,
  messageOf,
  removeLeftLocks,
  systemClock,
  TwinError,
  writeFileAtomic,
} from '../shared/core/index.js';
import { ClockWatch } from './clock/clock-watch.js';
import { readNtpState } from './clock/ntp-state.js';
import { resolveConfigPaths } from './config-paths.js';
import { DeadLetters } from './outbox/dead-letters.js';
import { Outbox } from './outbox/outbox.js';
import { Parts } from './parts.js';
import type { SourceLedger } from './pipeline/source-ledger.js';
import { RateMeter } from './status/rate-meter.js';
import { type StatusServer, startStatusServer } from './status/server.js';
import type { EdgeStatus } from './status/status.js';
import { takeStatus } from './status/take-status.js';

export interface EdgeOptions {
  /** What relative paths of the config are relative to. */
  baseDir: string;
  /** What `dataDir` is relative to; default: `baseDir`. */
  dataBaseDir?: string;
  /** Where the config came from, for people. */
  configSource: string;
  logger: Logger;
  clock?: Clock;
  /** Is told of a config that is about to be run, for what lies outside the component: its log. */
  onConfig?: (config: EdgeConfig) => void;
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
   * Takes a new config: sources and publisher are started anew, what waits in the outbox stays. All of it
   * takes effect, or none.
   *
   * @param baseDir what its relative paths are relative to, but for `dataDir`; default: as at the start
   * @throws TwinError `CONFIG_INVALID` when it names another data folder, `PORT_IN_USE`; the last config stays
   */
  reconfigure(config: EdgeConfig, baseDir?: string): Promise<void>;
  /** Notes for the status why a new config could not be had. */
  refused(error: unknown): void;
}

const MB = 1024 * 1024;
/** In the data folder: where a running component is asked for its status, or why it does not run. */
const STATUS_FILE = 'status.json';
/** Characters of a fault that the status tells; the log has all. */
const MOST_TOLD = 1000;

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
  /** By source name; they outlive a change of the config. */
  readonly #ledgers = new Map<string, SourceLedger>();
  #parts: Parts | undefined;
  /** Values of the component's own: stored since the start, and being stored. */
  #own = { stored: 0, inHand: 0 };
  #statusUrl = '';
  #server: StatusServer | undefined;
  #state: EdgeStatus['component']['state'] = 'starting';
  #failure: string | undefined;
  #configError: string | undefined;
  /** A change of the config under way: one after the other, and none after the end. */
  #changing: Promise<void> = Promise.resolve();
  #isClosing = false;

  constructor(config: EdgeConfig, options: EdgeOptions) {
    this.#config = resolveConfigPaths(config, options.baseDir);
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.dataDir = resolve(options.dataBaseDir ?? options.baseDir, config.dataDir);
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
    this.#base.push(await lockFolder(this.dataDir, 'data folder'));
    for (const lock of await removeLeftLocks(join(this.dataDir, 'pki'))) {
      logger.warn('A process that was killed left a lock on the keys: it was removed', { lock });
    }
    await this.#watch.start();
    this.#base.push(this.#watch);
    try {
      await this.#open();
      await this.#startParts();
      await this.#serve(this.#config.status.port);
    } catch (error) {
      // The folder is ours, so whoever asks for its status there learns why there is none.
      await this.#fail(error);
      await this.#note({ state: 'failed', error: this.#failure }).catch((fault: unknown) => {
        logger.warn('The failure could not be noted', { error: messageOf(fault) });
      });
      throw error;
    }
    this.#state = 'running';
    logger.info('Edge component is running', {
      statusUrl: this.#statusUrl,
      dataDir: this.dataDir,
      sources: this.#config.sources.length,
      waiting: this.#outbox?.depth,
    });
  }

  /** Opens what is kept on disk. */
  async #open(): Promise<void> {
    const { logger } = this.#options;
    const { outbox: policy } = this.#config;
    this.#outbox = await Outbox.open({
      directory: this.dataDir,
      maxBytes: policy.maxMb * MB,
      slowAt: policy.slowAt,
      batchMs: policy.batchMs,
      clock: this.#clock,
      logger,
    });
    const outbox = this.#outbox;
    this.#base.push(outbox);
    this.#deadLetters = new DeadLetters({
      directory: this.dataDir,
      maxBytes: policy.deadLetterMaxMb * MB,
      onDelete: (reason, values) => outbox.deleteLetters(reason, values),
      clock: this.#clock,
      logger,
    });
    const sampling = setInterval(() => this.#sampleRates(), 1000);
    sampling.unref();
    this.#base.push({ close: async () => clearInterval(sampling) });
  }

  status(): EdgeStatus {
    const outbox = this.#outbox;
    const parts = this.#parts;
    if (outbox === undefined || parts === undefined) {
      throw new Error('The component has not started.');
    }
    return takeStatus({
      config: this.#config,
      configSource: this.#options.configSource,
      configError: this.#configError,
      state: this.#state,
      failure: this.#failure,
      startedNs: this.#startedNs,
      nowNs: this.#clock.nowNs(),
      watch: this.#watch,
      outbox,
      sender: parts.sender,
      runners: parts.runners,
      ledgers: this.#ledgers,
      own: this.#own,
      deadLettered: this.#deadLetters?.counts ?? {},
      lettersDeleted: this.#deadLetters?.deleted ?? {},
      ratesPerS: this.#rates.read(),
      virtualSensors: parts.virtualSensors,
    });
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
    this.#parts?.sender.flush();
  }

  reconfigure(config: EdgeConfig, baseDir = this.#options.baseDir): Promise<void> {
    const changed = this.#changing.then(() => this.#reconfigure(config, baseDir));
    // Whoever asked is told of a fault; the next change only waits for the end of this one.
    this.#changing = changed.catch(() => {});
    return changed;
  }

  async #reconfigure(config: EdgeConfig, baseDir: string): Promise<void> {
    if (this.#isClosing) throw new TwinError('CANCELLED', 'The component is being stopped.');
    const { logger, dataBaseDir = this.#options.baseDir } = this.#options;
    const dataDir = resolve(dataBaseDir, config.dataDir);
    try {
      if (dataDir !== this.dataDir) {
        throw new TwinError(
          'CONFIG_INVALID',
          `dataDir: the data folder cannot change while the component runs (from ${this.dataDir} to ${dataDir}): restart it.`,
        );
      }
      await this.#replace(resolveConfigPaths(config, baseDir));
    } catch (error) {
      this.refused(error);
      throw error;
    }
    this.#configError = undefined;
    logger.info('Configuration applied', { sources: config.sources.length });
  }

  refused(error: unknown): void {
    this.#configError = messageOf(error).slice(0, MOST_TOLD);
  }

  /** Another config in place of the last one, or, where that fails, the last one again. */
  async #replace(config: EdgeConfig): Promise<void> {
    const { logger } = this.#options;
    const last = this.#config;
    // First what can be refused without a stop.
    if (config.status.port !== last.status.port) await this.#serve(config.status.port);
    try {
      await this.#run(config);
    } catch (error) {
      logger.error('A new configuration does not start; the last one is started again', {
        error: messageOf(error),
      });
      await this.#run(last).catch((fault: unknown) => this.#fail(fault));
      if (config.status.port !== last.status.port) {
        // Somebody else may have taken it meanwhile: then the status stays where it is, and the note says where.
        await this.#serve(last.status.port).catch((fault: unknown) => {
          logger.warn('The status stays at its new port', { error: messageOf(fault) });
        });
      }
      throw error;
    }
  }

  async #run(config: EdgeConfig): Promise<void> {
    await this.#parts?.close();
    this.#config = config;
    this.#watch.check = config.clock.check;
    const { maxMb, slowAt, batchMs, deadLetterMaxMb } = config.outbox;
    this.#outbox?.limit({ maxBytes: maxMb * MB, slowAt, batchMs });
    this.#deadLetters?.limit(deadLetterMaxMb * MB);
    this.#options.onConfig?.(config);
    await this.#startParts();
    if (this.#state === 'failed') {
      this.#state = 'running';
      this.#failure = undefined;
    }
    this.#applyPause();
  }

  /** Starts the status server at a port, then ends the one before. */
  async #serve(port: number): Promise<void> {
    const before = this.#server;
    const server = await startStatusServer(port, () => this.status());
    this.#server = server;
    this.#statusUrl = server.url;
    await this.#note({ url: server.url });
    await before?.close();
  }

  /** For whoever asks for the status in the data folder. */
  async #note(note: { url?: string; state?: string; error?: string | undefined }): Promise<void> {
    const text = `${JSON.stringify({ ...note, pid: process.pid })}\n`;
    await writeFileAtomic(join(this.dataDir, STATUS_FILE), text);
  }

  async #fail(error: unknown): Promise<void> {
    this.#state = 'failed';
    this.#failure = messageOf(error).slice(0, MOST_TOLD);
    this.#options.logger.error('The component could not start', { error: this.#failure });
    await this.#parts?.close().catch((fault: unknown) => {
      this.#options.logger.warn('What had started did not stop', { error: messageOf(fault) });
    });
  }

  async close(): Promise<void> {
    this.#isClosing = true;
    await this.#changing;
    if (this.#state !== 'failed') this.#state = 'stopping';
    await this.#parts?.close();
    await this.#server?.close();
    await closeAll(this.#base.splice(0));
  }

  #sampleRates(): void {
    this.#rates.sample(
      this.#outbox?.counters.appended ?? 0,
      this.#parts?.sender.status.published ?? 0,
    );
  }

  async #startParts(): Promise<void> {
    const outbox = this.#outbox;
    const deadLetters = this.#deadLetters;
    if (outbox === undefined || deadLetters === undefined) return;
    const base = {
      dataDir: this.dataDir,
      baseDir: this.#options.baseDir,
      outbox,
      deadLetters,
      watch: this.#watch,
      ledgers: this.#ledgers,
      own: this.#own,
      status: () => this.status(),
      clock: this.#clock,
      logger: this.#options.logger,
    };
    this.#parts = await Parts.create(this.#config, base, this.#parts?.sender.status);
    this.#parts.start();
  }

  #applyPause(): void {
    if (this.#parts !== undefined) this.#parts.paused = this.#state === 'paused';
  }
}
