import {
  BatchPutAssetPropertyValueCommand,
  type BatchPutAssetPropertyValueCommandOutput,
  type IoTSiteWiseClient,
  type PutAssetPropertyValueEntry,
} from '@aws-sdk/client-iotsitewise';
import {
  type Clock,
  fromTimeInNanos,
  type Logger,
  messageOf,
  type Rng,
} from '../../shared/core/index.js';
import { faultName } from '../../shared/sitewise/index.js';
import type { EdgeBuffer } from './buffer.js';
import type { EdgeFaults } from './faults.js';
import { type Entry, SendWindow, type WaitingValue } from './send-window.js';

/** SiteWise's limit of the entries in a request. */
const ENTRIES_PER_REQUEST = 10;
const REQUESTS_IN_FLIGHT = 4;
const FIRST_BACKOFF_MS = 100;
const MAX_BACKOFF_MS = 10_000;

const RETRYABLE = new Set([
  'InternalFailureException',
  'ServiceUnavailableException',
  'ThrottlingException',
  'ConflictingOperationException',
  'LimitExceededException',
  'AccessDeniedException',
]);
const REFUSED = new Set([
  'InvalidRequestException',
  'ValidationException',
  'SerializationException',
]);

/** What the publisher counts. */
export interface PublisherStats {
  /** Values that SiteWise took. */
  forwarded: number;
  /** Values that SiteWise will never take. */
  rejected: number;
  requests: number;
  retries: number;
  /** Whether the last request failed as a whole. */
  offline: boolean;
  lastError: string | undefined;
}

/** Options of {@link createPublisher}. */
export interface PublisherOptions {
  client: IoTSiteWiseClient;
  buffer: EdgeBuffer;
  clock: Clock;
  logger: Logger;
  rng: Rng;
  /** A batch that is not full goes out when its oldest value has waited this long, milliseconds. */
  maxWaitMs: number;
  faults: EdgeFaults;
}

/** Sends what is in the buffer on to SiteWise, oldest first, and removes what arrived. */
export interface Publisher {
  stats: PublisherStats;
  /** Says that something new is in the buffer. */
  wake(): void;
  /** Runs until the signal aborts. */
  run(signal: AbortSignal): Promise<void>;
}

function toPutEntry(entry: Entry, index: number): PutAssetPropertyValueEntry {
  const [assetId, propertyId] = entry.key.split('\n');
  return {
    entryId: String(index),
    ...(propertyId === undefined ? { propertyAlias: entry.key } : { assetId, propertyId }),
    propertyValues: entry.values.map((v) => v.value),
  };
}

export function createPublisher(options: PublisherOptions): Publisher {
  const { client, buffer, clock, logger, rng, faults } = options;
  const stats: PublisherStats = {
    forwarded: 0,
    rejected: 0,
    requests: 0,
    retries: 0,
    offline: false,
    lastError: undefined,
  };
  const window = new SendWindow(buffer, options.maxWaitMs);
  let onWake: () => void = () => {};

  const nowMs = () => Number(clock.nowNs() / 1_000_000n);

  function shuffle(entries: Entry[]): void {
    for (let i = entries.length - 1; i > 0; i--) {
      const j = Math.floor(rng.uniform() * (i + 1));
      const [a, b] = [entries[i], entries[j]];
      if (a !== undefined && b !== undefined) [entries[i], entries[j]] = [b, a];
    }
  }

  function giveBack(key: string, values: readonly WaitingValue[]): void {
    stats.retries += values.length;
    window.giveBack(key, values);
  }

  /** Takes SiteWise's answer, entry by entry. @returns whether the far end is in order */
  function takeAnswer(
    entries: readonly Entry[],
    response: BatchPutAssetPropertyValueCommandOutput,
  ): boolean {
    const errors = new Map((response.errorEntries ?? []).map((e) => [e.entryId, e.errors]));
    let healthy = true;
    entries.forEach((entry, i) => {
      const back: WaitingValue[] = [];
      const gone: WaitingValue[] = [];
      for (const error of errors.get(String(i)) ?? []) {
        const times = new Set((error.timestamps ?? []).map(fromTimeInNanos));
        const hit = entry.values.filter(
          (v) =>
            times.size === 0 ||
            times.has(fromTimeInNanos(v.value.timestamp ?? { timeInSeconds: 0 })),
        );
        stats.lastError = `${error.errorCode}: ${error.errorMessage}`;
        if (RETRYABLE.has(error.errorCode ?? '')) {
          back.push(...hit);
          healthy = false;
        } else gone.push(...hit);
      }
      const failed = new Set([...back, ...gone]);
      const good = entry.values.filter((v) => !failed.has(v));
      const unlucky = good.filter(
        () => faults.partialErrors > 0 && rng.uniform() < faults.partialErrors,
      );
      const fine = good.filter((v) => !unlucky.includes(v));
      stats.forwarded += fine.length;
      stats.rejected += new Set(gone).size;
      if (gone.length > 0) {
        logger.warn('SiteWise refused values; they are given up', {
          stream: entry.key,
          values: gone.length,
          reason: stats.lastError,
        });
      }
      window.settle([...fine, ...new Set(gone)]);
      giveBack(entry.key, [...new Set([...back, ...unlucky])]);
    });
    return healthy;
  }

  /** @returns whether the far end is in order */
  async function send(entries: readonly Entry[], signal: AbortSignal): Promise<boolean> {
    stats.requests++;
    try {
      const response = await client.send(
        new BatchPutAssetPropertyValueCommand({
          enablePartialEntryProcessing: true,
          entries: entries.map(toPutEntry),
        }),
        { abortSignal: signal },
      );
      stats.offline = false;
      return takeAnswer(entries, response);
    } catch (error) {
      signal.throwIfAborted();
      const code = faultName(error);
      stats.lastError = `${code}: ${messageOf(error)}`;
      if (REFUSED.has(code)) {
        if (entries.length === 1) {
          stats.rejected += entries[0]?.values.length ?? 0;
          window.settle(entries[0]?.values ?? []);
          return true;
        }
        // One bad entry makes the whole request fail: each gets a request of its own.
        for (const entry of entries) await send([entry], signal);
        return true;
      }
      stats.offline = true;
      for (const entry of entries) giveBack(entry.key, entry.values);
      return false;
    }
  }

  async function pause(ms: number, signal: AbortSignal): Promise<void> {
    const woken = new AbortController();
    onWake = () => woken.abort();
    signal.addEventListener('abort', onWake, { once: true });
    await clock.sleep(ms, woken.signal).catch(() => {});
    signal.removeEventListener('abort', onWake);
    onWake = () => {};
    signal.throwIfAborted();
  }

  async function run(signal: AbortSignal): Promise<void> {
    let backoffMs = 0;
    while (!signal.aborted) {
      window.fill(nowMs());
      const { entries, waitMs } = window.take(ENTRIES_PER_REQUEST * REQUESTS_IN_FLIGHT, nowMs());
      if (faults.reorder) shuffle(entries);
      if (entries.length > 0) {
        const requests: Entry[][] = [];
        for (let i = 0; i < entries.length; i += ENTRIES_PER_REQUEST) {
          requests.push(entries.slice(i, i + ENTRIES_PER_REQUEST));
        }
        const healthy = await Promise.all(requests.map((batch) => send(batch, signal)));
        if (faults.throttleValuesPerS > 0) {
          const sent = entries.reduce((n, e) => n + e.values.length, 0);
          await clock.sleep((sent / faults.throttleValuesPerS) * 1000, signal);
        }
        backoffMs = healthy.every(Boolean)
          ? 0
          : Math.min(MAX_BACKOFF_MS, Math.max(FIRST_BACKOFF_MS, backoffMs * 2));
      }
      await window.removeDone();
      // While the far end fails, news is no reason to try again sooner.
      if (backoffMs > 0) await clock.sleep(backoffMs * (0.5 + rng.uniform() / 2), signal);
      else if (entries.length === 0) await pause(waitMs, signal);
    }
  }

  return {
    stats,
    wake: () => onWake(),
    async run(signal) {
      try {
        await run(signal);
      } catch (error) {
        if (!signal.aborted) throw error;
      }
    },
  };
}
