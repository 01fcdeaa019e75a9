import type { SourceConfig } from '../../shared/config/index.js';
import {
  type Clock,
  type Closeable,
  type Logger,
  messageOf,
  secondsToNs,
  TwinError,
} from '../../shared/core/index.js';
import type { EdgeSample } from '../outbox/record.js';
import {
  type ClockReading,
  type ClockTrust,
  GATEWAY_CLOCK,
  type RawSample,
  SignalPipeline,
} from '../pipeline/signal-pipeline.js';
import { SourceLedger } from '../pipeline/source-ledger.js';
import { RateMeter } from '../status/rate-meter.js';
import { AnswerWatch } from './answer-watch.js';
import { type SampleSink, SampleStore } from './sample-store.js';
import type { Source, SourceSink } from './source.js';
import type { OwnHealth, SourceHealth } from './source-health.js';

export interface SourceRunnerOptions {
  config: SourceConfig;
  source: Source;
  sink: SampleSink;
  clock: Clock;
  logger: Logger;
  /** Jitter of the backoff, uniform in [0, 1). */
  random: () => number;
  /** Goes on from the readings of an earlier config. */
  ledger?: SourceLedger | undefined;
  /** Whether the clock is known to be set; left out: it is. */
  trust?: { reading(): ClockReading };
}

/** Why readings were refused that came faster than the disk takes them. */
const OVERRUN = 'overrun';

/** How often heartbeats, alignment and staleness are looked at, and a waiting source asks again. */
const TICK_MS = 100;
/** Ticks further apart mean that the clock was set, or that the whole process stood still. */
const JUMP_NS = secondsToNs(5);
/** The rate is measured about once a second. */
const TICKS_PER_RATE = 10;
/** A source that ran well for so long begins its backoff anew. */
const STABLE_NS = secondsToNs(30);
/** Readings of one source that may wait for the disk; beyond that the newest are given up. */
const MAX_PENDING = 100_000;

/** Runs one source for ever: pipeline, backoff, health, BAD quality while it is down. */
export class SourceRunner implements Closeable {
  readonly #options: SourceRunnerOptions;
  readonly #pipelines: SignalPipeline[];
  /** What is known of the clock at the instant that the pipelines are given. */
  readonly #trust: { -readonly [K in keyof ClockTrust]: ClockTrust[K] } = { trusted: true };
  readonly #health: OwnHealth;
  readonly #ledger: SourceLedger;
  readonly #store: SampleStore;
  readonly #watch: AnswerWatch;
  readonly #stop = new AbortController();
  readonly #rates: RateMeter;
  #lastDataNs: bigint;
  #statusSentNs = 0n;
  #pending = 0;
  #paused = false;
  /** Down because nothing came for too long, though the connection stands. */
  #stale = false;
  /** The run that goes on, or the last one. */
  #running: AbortController | undefined;
  #loop: Promise<void> | undefined;
  #ticker: Promise<void> | undefined;

  constructor(options: SourceRunnerOptions) {
    this.#options = options;
    const { config, clock } = options;
    this.#ledger = options.ledger ?? new SourceLedger();
    this.#pipelines = config.signals.map(
      (s) => new SignalPipeline(s, config.clockToleranceS, this.#ledger, this.#trust),
    );
    this.#store = new SampleStore(options.sink, config, this.#ledger, options, this.#stop.signal);
    this.#watch = new AnswerWatch(config.connectTimeoutS);
    this.#rates = new RateMeter(clock);
    this.#lastDataNs = clock.nowNs();
    this.#health = {
      name: config.name,
      type: config.type,
      state: 'connecting',
      since: this.#nowText(),
      restarts: 0,
      faults: [],
    };
  }

  /** Begins; returns at once. */
  start(): void {
    this.#loop ??= this.#run();
    this.#ticker ??= this.#tick();
  }

  get health(): SourceHealth {
    const clockFaults = this.#pipelines.reduce((sum, p) => sum + p.clockFaults, 0);
    const late = this.#pipelines.reduce((sum, p) => sum + p.late, 0);
    const account = this.#ledger.account;
    return {
      ...this.#health,
      ...account,
      forwarded: account.stored + account.made,
      bad: Object.values(account.badReasons).reduce((a, b) => a + b, 0),
      overrun: account.refused[OVERRUN] ?? 0,
      clockFaults,
      late,
      receivedPerS: this.#rates.read().in,
    };
  }

  /** Stops taking readings for a while; connections stay. */
  set paused(paused: boolean) {
    this.#paused = paused;
  }

  async close(): Promise<void> {
    this.#stop.abort(new TwinError('CANCELLED', 'The source was stopped.'));
    await this.#loop;
    await this.#ticker;
    const out: EdgeSample[] = [];
    const nowNs = this.#now();
    for (const pipeline of this.#pipelines) pipeline.end(nowNs, out);
    if (out.length > 0) await this.#store.write(out).catch(this.#store.warn('The last values'));
    this.#state('stopped');
  }

  async #run(): Promise<void> {
    const { source, config, clock, logger, random } = this.#options;
    const { signal } = this.#stop;
    const sink = this.#sink();
    let attempt = 0;
    while (!signal.aborted) {
      const startedNs = clock.nowNs();
      // A signal of its own for each run: what a run hangs on it goes with it.
      const running = new AbortController();
      const end = () => running.abort(signal.reason);
      signal.addEventListener('abort', end, { once: true });
      this.#running = running;
      this.#watch.begin(running);
      try {
        await source.run(sink, running.signal);
        // It was ended because nobody answered.
        if (!signal.aborted) running.signal.throwIfAborted();
        // A source that ends of itself (a recording that is over) has nothing more to say.
        if (!signal.aborted) this.#state('stopped');
        return;
      } catch (error) {
        if (signal.aborted) return;
        await this.#down(messageOf(error));
        const wasUp = clock.nowNs() - startedNs > STABLE_NS;
        attempt = wasUp ? 0 : attempt + 1;
      } finally {
        this.#watch.end();
        signal.removeEventListener('abort', end);
      }
      this.#health.restarts++;
      const { minMs, maxMs } = config.backoff;
      const waitMs = Math.min(maxMs, minMs * 2 ** Math.min(attempt, 20)) * (0.5 + random() / 2);
      logger.debug('Source waits before it connects anew', { source: config.name, waitMs });
      try {
        await clock.sleep(waitMs, signal);
      } catch {
        return;
      }
    }
  }

  #sink(): SourceSink {
    const runner = this;
    const { config, sink } = this.#options;
    return {
      up: () => {
        runner.#watch.end();
        runner.#up();
      },
      down: (reason) => {
        if (runner.#running !== undefined) runner.#watch.begin(runner.#running);
        void runner.#down(reason);
      },
      progress: (reached) => runner.#watch.progress(reached),
      deliver: (samples, position) => runner.#deliver(samples, position),
      notFilled: (signals, reason) => runner.#ledger.leaveGap(reason, signals),
      faults: (texts) => {
        runner.#health.faults = [...texts];
      },
      ready: (signal) => runner.#ready(signal),
      get isReady() {
        return runner.#isReady;
      },
      get position() {
        return sink.checkpoint(config.name);
      },
    };
  }

  /** The clock, and what the pipelines may make of it: both of this instant. */
  #now(): bigint {
    const { clock, trust } = this.#options;
    if (trust === undefined) return clock.nowNs();
    const { nowNs, ...known } = trust.reading();
    Object.assign(this.#trust, known);
    return nowNs;
  }

  get #isReady(): boolean {
    return !this.#paused && !this.#options.sink.slow && this.#pending < MAX_PENDING / 2;
  }

  async #ready(signal: AbortSignal): Promise<void> {
    while (!this.#isReady) await this.#options.clock.sleep(TICK_MS, signal);
  }

  async #deliver(samples: readonly RawSample[], position: string | undefined): Promise<void> {
    const { config } = this.#options;
    const nowNs = this.#now();
    const ledger = this.#ledger;
    ledger.received += samples.length;
    if (this.#pending + samples.length > MAX_PENDING) {
      ledger.refuse(OVERRUN, samples.length);
      throw new TwinError('STORAGE', 'Readings come faster than they can be stored.', {
        retryable: true,
      });
    }
    this.#lastDataNs = nowNs;
    if (samples.length > 0) {
      this.#health.lastSampleAt = this.#nowText();
      if (this.#stale) this.#up();
    }
    const out: EdgeSample[] = [];
    for (const raw of samples) {
      const pipeline = this.#pipelines[raw.signal];
      if (raw.fromHistory === true) ledger.fromHistory++;
      if (raw.refused !== undefined) ledger.refuse(raw.refused);
      else if (pipeline === undefined) ledger.refuse('unknown-signal');
      else pipeline.push(raw, nowNs, out);
    }
    if (out.length === 0 && position === undefined) return;
    this.#pending += samples.length;
    try {
      await this.#store.write(
        out,
        position === undefined ? undefined : { source: config.name, position },
      );
    } finally {
      this.#pending -= samples.length;
    }
  }

  #up(): void {
    if (this.#health.state === 'up') return;
    this.#stale = false;
    this.#state('up');
    this.#lastDataNs = this.#options.clock.nowNs();
    delete this.#health.lastError;
    this.#options.logger.info('Source is up', { source: this.#options.config.name });
    this.#sendStatus(1);
  }

  async #down(reason: string): Promise<void> {
    const { logger, config } = this.#options;
    this.#health.lastError = reason;
    if (this.#health.state === 'down') return;
    this.#state('down');
    logger.warn('Source is down', { source: config.name, reason });
    this.#sendStatus(0);
    const out: EdgeSample[] = [];
    const nowNs = this.#now();
    for (const pipeline of this.#pipelines) pipeline.down(nowNs, out);
    await this.#store.write(out).catch(this.#store.warn('BAD values of a source that is down'));
  }

  async #tick(): Promise<void> {
    const { clock, config } = this.#options;
    const staleNs = secondsToNs(config.staleAfterS);
    let lastTickNs = clock.nowNs();
    for (let ticks = 0; ; ticks++) {
      if (ticks % TICKS_PER_RATE === 0) {
        this.#rates.sample(this.#ledger.received, this.#ledger.received);
      }
      try {
        await clock.sleep(TICK_MS, this.#stop.signal);
      } catch {
        return;
      }
      const nowNs = this.#now();
      this.#followClock(nowNs - lastTickNs);
      lastTickNs = nowNs;
      const unanswered = this.#isReady ? this.#watch.pass(TICK_MS / 1000) : undefined;
      if (unanswered !== undefined) await this.#down(unanswered);
      if (staleNs > 0n && this.#health.state === 'up' && nowNs - this.#lastDataNs > staleNs) {
        this.#stale = true;
        await this.#down(`No data for ${config.staleAfterS} s.`);
      }
      if (nowNs - this.#statusSentNs >= secondsToNs(config.statusEveryS)) {
        this.#sendStatus(this.#health.state === 'up' ? 1 : 0);
      }
      const out: EdgeSample[] = [];
      for (const pipeline of this.#pipelines) pipeline.tick(nowNs, out);
      if (out.length === 0) continue;
      await this.#store.write(out).catch(this.#store.warn('Heartbeats'));
    }
  }

  /** Where the clock was set since the last tick, moments that are counted from move with it. */
  #followClock(stepNs: bigint): void {
    if (stepNs >= 0n && stepNs < JUMP_NS) return;
    const jumpNs = stepNs - BigInt(TICK_MS * 1e6);
    this.#lastDataNs += jumpNs;
    this.#statusSentNs += jumpNs;
  }

  #sendStatus(value: 0 | 1): void {
    const { config } = this.#options;
    if (config.statusAlias === undefined) return;
    const timeNs = this.#now();
    this.#statusSentNs = timeNs;
    const quality = this.#trust.trusted ? 'GOOD' : 'UNCERTAIN';
    const alias = config.statusAlias;
    const sample: EdgeSample = { alias, timeNs, quality, value, dataType: 'INTEGER', made: true };
    if (quality === 'UNCERTAIN') sample.reason = GATEWAY_CLOCK;
    void this.#store.writeOnce(sample).then((stored) => {
      // Sent again at the next occasion.
      if (!stored) this.#statusSentNs = 0n;
    });
  }

  #state(state: SourceHealth['state']): void {
    if (this.#health.state === state) return;
    this.#health.state = state;
    this.#health.since = this.#nowText();
  }

  #nowText(): string {
    return new Date(Number(this.#options.clock.nowNs() / 1_000_000n)).toISOString();
  }
}
