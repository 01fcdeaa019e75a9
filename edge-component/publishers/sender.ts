import type { OutboxConfig } from '../../shared/config/index.js';
import {
  type Clock,
  type Closeable,
  type Logger,
  messageOf,
  secondsToNs,
  TwinError,
} from '../../shared/core/index.js';
import type { DeadLetters } from '../outbox/dead-letters.js';
import type { Fate } from '../outbox/ledger.js';
import { MOST_REMOVED, type Outbox, type OutboxEntry } from '../outbox/outbox.js';
import type { Publisher, RejectedEntry } from './publisher.js';

export interface SenderOptions {
  outbox: Outbox;
  publisher: Publisher;
  deadLetters: DeadLetters;
  policy: OutboxConfig;
  clock: Clock;
  /** Whether the clock may judge what is too old; left out: always. */
  trust?: { readonly settled: boolean };
  logger: Logger;
  /** Jitter of the backoff, uniform in [0, 1). */
  random: () => number;
  /** Counts to go on from, when the sender of an earlier config was replaced. */
  counts?: Pick<SenderStatus, 'published' | 'retried' | 'connects'> | undefined;
}

/** How delivery is going. */
export interface SenderStatus {
  connected: boolean;
  paused: boolean;
  /** Values that the far end has taken. */
  published: number;
  /** Messages or requests sent. */
  messages: number;
  inFlight: number;
  /** Values sent again after a fault. */
  retried: number;
  /** Values that wait because the far end refuses their stream for now. */
  held: number;
  /** Times the connection was made. */
  connects: number;
  lastPublishedAt?: string;
  lastError?: string;
  /** What the far end cannot tell us, for people. */
  caveat?: string;
}

/** Looks at the outbox at least so often, ms. */
const POLL_MS = 500;
const BACKOFF_MIN_MS = 200;
const BACKOFF_MAX_MS = 15_000;
/** Values that the far end refuses are tried again after this long. */
const HOLD_S = 60;
/** Old values are looked for so often, ms, and taken out so many at a time. */
const EXPIRE_EVERY_MS = 1000;
const EXPIRE_BATCH = 10_000;

/** Why values are dead letters that waited for too long. */
const TOO_OLD = 'TooOld';

/** Moves entries from the outbox to the far end, and removes what was taken there. */
export class Sender implements Closeable {
  readonly #options: SenderOptions;
  readonly #stop = new AbortController();
  /** Keys that are being sent. */
  readonly #inFlight = new Set<string>();
  /** Delivered entries that could not be removed from a disk that refuses writes. */
  #unremoved: { entries: readonly OutboxEntry[]; fate: Fate }[] = [];
  /** When parked values are tried again, gateway time. */
  #unparkAtNs = 0n;
  readonly #status: { published: number; retried: number; connects: number };
  #lastPublishedNs: bigint | undefined;
  #lastError: string | undefined;
  #paused = false;
  #wake: (() => void) | undefined;
  #loop: Promise<void> | undefined;
  #expiry: Promise<void> | undefined;

  constructor(options: SenderOptions) {
    this.#options = options;
    const { published = 0, retried = 0, connects = 0 } = options.counts ?? {};
    this.#status = { published, retried, connects };
    options.outbox.protect((key) => this.#inFlight.has(key));
  }

  start(): void {
    const stopListening = this.#options.outbox.onAppend(() => this.#wake?.());
    this.#stop.signal.addEventListener('abort', stopListening, { once: true });
    this.#loop ??= this.#run();
    this.#expiry ??= this.#expire();
  }

  get status(): SenderStatus {
    const { publisher, outbox } = this.#options;
    return {
      connected: publisher.connected,
      paused: this.#paused,
      ...this.#status,
      messages: publisher.messages,
      inFlight: this.#inFlight.size,
      held: outbox.parkedDepth,
      ...(this.#lastPublishedNs === undefined
        ? {}
        : {
            lastPublishedAt: new Date(Number(this.#lastPublishedNs / 1_000_000n)).toISOString(),
          }),
      ...(this.#lastError === undefined ? {} : { lastError: this.#lastError }),
      ...(publisher.caveat === undefined ? {} : { caveat: publisher.caveat }),
    };
  }

  /** Stops sending for a while; the outbox goes on filling. */
  set paused(paused: boolean) {
    this.#paused = paused;
    this.#wake?.();
  }

  /** Tries held values again soon. */
  flush(): void {
    this.#unparkAtNs = 0n;
    this.#wake?.();
  }

  async close(): Promise<void> {
    this.#stop.abort(new TwinError('CANCELLED', 'The publisher was stopped.'));
    this.#wake?.();
    await this.#loop;
    await this.#expiry;
    await this.#options.publisher.close();
  }

  async #run(): Promise<void> {
    const { publisher } = this.#options;
    const { signal } = this.#stop;
    const running = new Set<Promise<void>>();
    let failures = 0;
    /** The last try failed: the next one waits. */
    let rest = false;
    // When the last batch was taken, and whether there may be more where it came from.
    let tookMs = 0;
    let full = true;
    while (!signal.aborted) {
      while (running.size >= publisher.concurrency) await Promise.race(running);
      if (!publisher.connected) await Promise.all(running);
      if (rest) {
        rest = false;
        await this.#backOff(failures - 1);
        if (signal.aborted) break;
      }
      if (!publisher.connected && !(await this.#connect())) {
        failures++;
        rest = true;
        continue;
      }
      // Where values come all the time, the next ones wait for company, too: each message costs.
      if (!full) await this.#sleep(publisher.maxWaitMs - (performance.now() - tookMs), false);
      tookMs = performance.now();
      const batch = this.#paused ? [] : this.#nextBatch();
      full = batch.length === 0 || batch.length >= publisher.batchSize;
      if (batch.length === 0) {
        await this.#sleep(POLL_MS, true);
        // What woke us is rarely alone.
        if (!this.#paused) await this.#sleep(publisher.maxWaitMs, false);
        continue;
      }
      for (const entry of batch) this.#inFlight.add(entry.key);
      const send = this.#send(batch).then((ok) => {
        running.delete(send);
        failures = ok ? 0 : failures + 1;
        rest = !ok;
      });
      running.add(send);
    }
    await Promise.all(running);
  }

  async #connect(): Promise<boolean> {
    const { publisher, logger } = this.#options;
    try {
      await publisher.connect(this.#stop.signal);
      this.#status.connects++;
      if (this.#lastError !== undefined) logger.info('Publisher is connected');
      this.#lastError = undefined;
      return true;
    } catch (error) {
      if (this.#stop.signal.aborted) return false;
      const message = messageOf(error);
      if (message !== this.#lastError) {
        logger.warn('Publisher is not connected; values wait in the outbox', { error: message });
      }
      this.#lastError = message;
      return false;
    }
  }

  #backOff(failures: number): Promise<void> {
    const longest = Math.min(BACKOFF_MAX_MS, BACKOFF_MIN_MS * 2 ** Math.min(failures, 20));
    return this.#sleep(longest * (0.5 + this.#options.random() / 2), false);
  }

  /** Waits; a new append ends it early where asked. */
  async #sleep(ms: number, wakeable: boolean): Promise<void> {
    if (ms <= 0 || this.#stop.signal.aborted) return;
    const woken = new AbortController();
    const end = () => woken.abort();
    // Not AbortSignal.any: Node keeps what it makes for as long as the stop signal lives.
    this.#stop.signal.addEventListener('abort', end, { once: true });
    if (wakeable) this.#wake = end;
    await this.#options.clock.sleep(ms, woken.signal).catch(() => {});
    this.#stop.signal.removeEventListener('abort', end);
    this.#wake = undefined;
  }

  /**
   * What goes next: live values up to their share of a batch, then the backlog in its order, then
   * live values again where there is room. Without a live window there is one lane, by time.
   */
  #nextBatch(): OutboxEntry[] {
    const { outbox, publisher, policy, clock } = this.#options;
    const limit = publisher.batchSize;
    const newestFirst = policy.order === 'newest-first';
    const skip = (key: string) => this.#inFlight.has(key);
    if (policy.liveWindowS === 0) return outbox.peek({ limit, newestFirst, skip });
    const liveFromNs = clock.nowNs() - secondsToNs(policy.liveWindowS);
    const live = outbox.peek({ fromNs: liveFromNs, limit, skip });
    const room = limit - Math.min(live.length, Math.ceil(limit * policy.liveShare));
    const backlog = outbox.peek({ untilNs: liveFromNs, limit: room, newestFirst, skip });
    return [...live.slice(0, limit - backlog.length), ...backlog];
  }

  async #send(batch: readonly OutboxEntry[]): Promise<boolean> {
    const { publisher, clock, logger } = this.#options;
    const removals: Promise<void>[] = [];
    const release = (entries: readonly OutboxEntry[]) => {
      for (const entry of entries) this.#inFlight.delete(entry.key);
    };
    const settle = (entries: readonly OutboxEntry[], fate: Fate) => {
      removals.push(this.#remove(entries, fate));
    };
    let ok = true;
    try {
      const outcome = await publisher.send(
        batch,
        (entries) => {
          this.#status.published += entries.length;
          this.#lastPublishedNs = clock.nowNs();
          settle(entries, { kind: 'accepted' });
        },
        this.#stop.signal,
      );
      if (outcome.rejected.length > 0) {
        await this.#options.deadLetters.write(outcome.rejected);
        for (const [reason, entries] of byCode(outcome.rejected)) {
          settle(entries, { kind: 'deadLettered', reason });
        }
      }
      if (outcome.held.length > 0) {
        await this.#hold(outcome.held);
        release(outcome.held.map((h) => h.entry));
      }
      this.#status.retried += outcome.retry.length;
      release(outcome.retry);
      if (outcome.error !== undefined && !this.#stop.signal.aborted) {
        ok = false;
        if (outcome.error !== this.#lastError) {
          logger.warn('Values could not be sent; they will be sent again', {
            count: outcome.retry.length,
            error: outcome.error,
          });
        }
        this.#lastError = outcome.error;
      }
    } catch (error) {
      // What was delivered is being removed; the rest is sent again.
      ok = false;
      this.#lastError = messageOf(error);
      logger.error('Sending failed', { error: this.#lastError });
      await Promise.all(removals);
      const unremoved = new Set(this.#unremoved.flatMap((u) => u.entries.map((e) => e.key)));
      release(batch.filter((e) => !unremoved.has(e.key)));
    }
    await Promise.all(removals);
    return ok;
  }

  /** Removes delivered entries; where the disk refuses, later: they must not be sent for ever. */
  async #remove(entries: readonly OutboxEntry[], fate: Fate): Promise<void> {
    const portions: Promise<void>[] = [];
    for (let from = 0; from < entries.length; from += MOST_REMOVED) {
      portions.push(this.#removePortion(entries.slice(from, from + MOST_REMOVED), fate));
    }
    await Promise.all(portions);
  }

  async #removePortion(entries: readonly OutboxEntry[], fate: Fate): Promise<void> {
    const { outbox, logger } = this.#options;
    try {
      await outbox.remove(entries, fate);
      for (const entry of entries) this.#inFlight.delete(entry.key);
    } catch (error) {
      if (this.#unremoved.length === 0) {
        logger.warn('Delivered values could not be removed yet', { error: messageOf(error) });
      }
      this.#unremoved.push({ entries, fate });
    }
  }

  async #hold(held: readonly RejectedEntry[]): Promise<void> {
    const { outbox, clock, logger } = this.#options;
    await outbox.park(held.map((h) => h.entry));
    this.#unparkAtNs = clock.nowNs() + secondsToNs(HOLD_S);
    const [first] = held;
    this.#lastError = `${first?.code}: ${first?.message}`;
    logger.error('The far end refuses values; they are held and tried again', {
      count: held.length,
      code: first?.code,
      alias: first?.entry.sample.alias,
      message: first?.message,
    });
  }

  /** Lets held values have another try: some first, more when those went well. */
  async #unpark(): Promise<void> {
    const { outbox, clock, publisher } = this.#options;
    if (outbox.parkedDepth === 0) return;
    const waitNs = this.#unparkAtNs - clock.nowNs();
    // Longer than it was set for: the clock was set back.
    if (waitNs > 0n && waitNs <= secondsToNs(HOLD_S)) return;
    if ((await outbox.unpark(publisher.batchSize)) > 0) this.#wake?.();
  }

  /** Takes out what is too old for SiteWise, into dead letters that can be imported in bulk. */
  async #expire(): Promise<void> {
    const { outbox, deadLetters, policy, clock, logger } = this.#options;
    const { signal } = this.#stop;
    while (!signal.aborted) {
      try {
        for (const { entries, fate } of this.#unremoved.splice(0))
          await this.#remove(entries, fate);
        await outbox.enforceSize();
        await this.#unpark();
        // A clock that was set just now, perhaps wrongly, must not make everything old.
        while (this.#options.trust?.settled !== false) {
          const old = outbox
            .olderThan(policy.maxAgeS, EXPIRE_BATCH)
            .filter((e) => !this.#inFlight.has(e.key));
          if (old.length === 0 || signal.aborted) break;
          // Nobody else sends or drops them meanwhile.
          for (const { key } of old) this.#inFlight.add(key);
          try {
            await deadLetters.write(
              old.map((entry) => ({
                entry,
                code: TOO_OLD,
                message: `older than ${policy.maxAgeS} s when it could have been sent`,
              })),
            );
          } catch (error) {
            for (const { key } of old) this.#inFlight.delete(key);
            throw error;
          }
          await this.#remove(old, { kind: 'deadLettered', reason: TOO_OLD });
          if (this.#unremoved.length > 0) break;
        }
      } catch (error) {
        logger.error('Old values could not be set aside', { error: messageOf(error) });
      }
      await clock.sleep(EXPIRE_EVERY_MS, signal).catch(() => {});
    }
  }
}

function byCode(rejected: readonly RejectedEntry[]): Map<string, OutboxEntry[]> {
  const byCode = new Map<string, OutboxEntry[]>();
  for (const { code, entry } of rejected) {
    const entries = byCode.get(code) ?? [];
    entries.push(entry);
    byCode.set(code, entries);
  }
  return byCode;
}
