import type { EdgeConfig } from '../../shared/config/index.js';
import {
  type Clock,
  type Closeable,
  type Logger,
  nsToDate,
  packageBuildTime,
} from '../../shared/core/index.js';
import type { ClockReading } from '../pipeline/signal-pipeline.js';
import type { NtpState } from './ntp-state.js';

/** What the component knows of the gateway's clock. */
export interface ClockStatus {
  /** Whether it is known to be set; while not, no value is GOOD. */
  trusted: boolean;
  /** Why not. */
  reason?: string;
  /** What the machine's time service says; left out where none can be asked. */
  ntp?: 'synchronised' | 'unsynchronised';
  /** Times it was set, or the machine slept, since the start. */
  steps: number;
  /** The last of them: seconds, positive when it was set forward. */
  lastStepS?: number;
  /** When, by the clock after it, ISO 8601. */
  lastStepAt?: string;
}

export interface ClockWatchOptions {
  clock: Clock;
  /** Milliseconds since any instant; never set. */
  monotonicMs: () => number;
  /** `clock.check` of the config. */
  check: EdgeConfig['clock']['check'];
  ntpState: () => Promise<NtpState>;
  logger: Logger;
  /** The clock is not right before; ms since 1970. Default: when this release was built. */
  notBeforeMs?: number;
}

/** The wall clock is compared with the monotonic one so often, ms. */
const TICK_MS = 500;
/** They differ by so much: the wall clock was set. NTP slews by less than 1 ms in a tick. */
const STEP_MS = 500;
/** The time service is asked so often: while it is waited for, and afterwards, ms. */
const ASK_WAITING_MS = 5000;
const ASK_TRUSTED_MS = 60_000;
/** After a step the clock is watched for so long before it may judge what is old. */
const SETTLE_MS = 60_000;

/**
 * Watches the gateway's clock: whether it is known to be set, and when it is set. A gateway without a
 * battery boots with a clock of the past, which its time service corrects a while later.
 */
export class ClockWatch implements Closeable {
  readonly #options: ClockWatchOptions;
  readonly #notBeforeNs: bigint;
  readonly #stop = new AbortController();
  #check: EdgeConfig['clock']['check'];
  #ntp: NtpState;
  #askedMs = Number.NEGATIVE_INFINITY;
  #wallNs: bigint;
  #monotonicMs: number;
  #steps = 0;
  #shiftNs = 0n;
  #lastStep: { seconds: number; at: string; monotonicMs: number } | undefined;
  #wasTrusted = true;
  #loop: Promise<void> | undefined;

  constructor(options: ClockWatchOptions) {
    this.#options = options;
    this.#check = options.check;
    this.#notBeforeNs = BigInt(options.notBeforeMs ?? packageBuildTime()) * 1_000_000n;
    this.#wallNs = options.clock.nowNs();
    this.#monotonicMs = options.monotonicMs();
  }

  /** Asks the time service for the first time, then goes on watching. */
  async start(): Promise<void> {
    await this.#ask();
    this.#say();
    this.#loop ??= this.#run();
  }

  get trusted(): boolean {
    return this.#doubt === undefined;
  }

  /** Whether the clock may judge what is too old: it is trusted, and was not set just now. */
  get settled(): boolean {
    if (!this.trusted) return false;
    const sinceStepMs =
      this.#options.monotonicMs() - (this.#lastStep?.monotonicMs ?? Number.NEGATIVE_INFINITY);
    return sinceStepMs > SETTLE_MS || this.synchronised;
  }

  /** The clock now, all steps that led there, and whether it can be believed: of one instant. */
  reading(): ClockReading {
    const nowNs = this.#look();
    return {
      nowNs,
      trusted: this.#doubtAt(nowNs) === undefined,
      shiftNs: this.#shiftNs,
      synchronised: this.synchronised,
    };
  }

  /** Whether the machine's time service vouches for the clock. */
  get synchronised(): boolean {
    return this.#ntp === 'synchronised';
  }

  get status(): ClockStatus {
    const reason = this.#doubt;
    return {
      trusted: reason === undefined,
      ...(reason === undefined ? {} : { reason }),
      ...(this.#ntp === undefined ? {} : { ntp: this.#ntp }),
      steps: this.#steps,
      ...(this.#lastStep === undefined
        ? {}
        : { lastStepS: this.#lastStep.seconds, lastStepAt: this.#lastStep.at }),
    };
  }

  /** Takes another `clock.check`. */
  set check(check: EdgeConfig['clock']['check']) {
    this.#check = check;
    this.#askedMs = Number.NEGATIVE_INFINITY;
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#loop;
  }

  get #doubt(): string | undefined {
    return this.#doubtAt(this.#options.clock.nowNs());
  }

  #doubtAt(nowNs: bigint): string | undefined {
    if (this.#check === 'none') return undefined;
    if (nowNs < this.#notBeforeNs) {
      return `the date is ${text(nowNs)}, before this release was built (${text(this.#notBeforeNs)})`;
    }
    return this.#check === 'auto' && this.#ntp === 'unsynchronised'
      ? 'the time service has not set it yet; on a network without one, set `clock.check: date`'
      : undefined;
  }

  async #run(): Promise<void> {
    const { clock, monotonicMs } = this.#options;
    const { signal } = this.#stop;
    while (!signal.aborted) {
      await clock.sleep(TICK_MS, signal).catch(() => {});
      if (signal.aborted) return;
      this.#look();
      const everyMs = this.trusted ? ASK_TRUSTED_MS : ASK_WAITING_MS;
      if (monotonicMs() - this.#askedMs >= everyMs) await this.#ask();
      this.#say();
    }
  }

  /** Compares the clocks: whether the wall clock was set since the last look. @returns the wall clock */
  #look(): bigint {
    const { clock, monotonicMs, logger } = this.#options;
    const wallNs = clock.nowNs();
    const monotonic = monotonicMs();
    const stepMs = Number(wallNs - this.#wallNs) / 1e6 - (monotonic - this.#monotonicMs);
    this.#wallNs = wallNs;
    this.#monotonicMs = monotonic;
    if (Math.abs(stepMs) < STEP_MS) return wallNs;
    this.#steps++;
    this.#shiftNs += BigInt(Math.round(stepMs)) * 1_000_000n;
    const seconds = Math.round(stepMs) / 1000;
    this.#lastStep = { seconds, at: text(wallNs), monotonicMs: monotonic };
    // Whoever set it may know whether it is right now.
    this.#askedMs = Number.NEGATIVE_INFINITY;
    logger.warn('The clock was set', { stepS: seconds, now: text(wallNs), steps: this.#steps });
    return wallNs;
  }

  async #ask(): Promise<void> {
    this.#askedMs = this.#options.monotonicMs();
    if (this.#check === 'auto') this.#ntp = await this.#options.ntpState();
    else this.#ntp = undefined;
  }

  #say(): void {
    const { logger } = this.#options;
    const doubt = this.#doubt;
    const trusted = doubt === undefined;
    if (trusted === this.#wasTrusted) return;
    this.#wasTrusted = trusted;
    if (trusted) logger.info('The clock is set: values are GOOD from now on');
    else logger.warn('The clock is not known to be set: values are UNCERTAIN', { reason: doubt });
  }
}

function text(ns: bigint): string {
  return nsToDate(ns).toISOString();
}
