import {
  type AssetPropertyValue,
  BatchPutAssetPropertyValueCommand,
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
import { type EdgeMessage, parsePayload, streamKey } from './payload.js';

/** SiteWise's batch: entries a request, values an entry. */
const ENTRIES_PER_REQUEST = 10;
const VALUES_PER_ENTRY = 10;
/** Values held in memory at most; the rest waits in the buffer. */
const WINDOW_VALUES = 20_000;
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

/** A message some of whose values are in the window. */
interface OpenMessage {
  sequence: number;
  count: number;
  left: number;
}

interface WaitingValue {
  value: AssetPropertyValue;
  message: OpenMessage;
  sinceMs: number;
}

interface Entry {
  key: string;
  values: WaitingValue[];
}

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
  /** Values by stream, in order of arrival. */
  const window = new Map<string, WaitingValue[]>();
  let windowValues = 0;
  let nextSequence = buffer.head;
  let done: OpenMessage[] = [];
  let onWake: () => void = () => {};

  const nowMs = () => Number(clock.nowNs() / 1_000_000n);

  function fill(): void {
    nextSequence = Math.max(nextSequence, buffer.head);
    while (windowValues < WINDOW_VALUES && nextSequence < buffer.storedTail) {
      const stored = buffer.read(nextSequence);
      nextSequence++;
      // Sent before, with older ones still waiting; or dropped from a full buffer.
      if (stored === undefined) continue;
      const parsed = parsePayload(stored.payload);
      const message: OpenMessage = {
        sequence: stored.sequence,
        count: stored.count,
        left: stored.count,
      };
      if (typeof parsed === 'string') done.push(message);
      else add(parsed, message);
    }
  }

  function add(parsed: EdgeMessage, message: OpenMessage): void {
    const key = streamKey(parsed);
    const queue = window.get(key) ?? [];
    const sinceMs = nowMs();
    for (const value of parsed.propertyValues) queue.push({ value, message, sinceMs });
    window.set(key, queue);
    windowValues += parsed.propertyValues.length;
  }

  function take(): { entries: Entry[]; waitMs: number } {
    const now = nowMs();
    const entries: Entry[] = [];
    let waitMs = options.maxWaitMs;
    // A window that is full has no room for what would fill the batches: send what there is.
    const crowded = windowValues >= WINDOW_VALUES;
    for (const [key, queue] of window) {
      while (entries.length < ENTRIES_PER_REQUEST * REQUESTS_IN_FLIGHT && queue.length > 0) {
        const waited = now - (queue[0]?.sinceMs ?? now);
        if (queue.length < VALUES_PER_ENTRY && waited < options.maxWaitMs && !crowded) {
          waitMs = Math.min(waitMs, options.maxWaitMs - waited);
          break;
        }
        entries.push({ key, values: queue.splice(0, VALUES_PER_ENTRY) });
      }
      if (queue.length === 0) window.delete(key);
      if (entries.length >= ENTRIES_PER_REQUEST * REQUESTS_IN_FLIGHT) break;
    }
    // Streams take turns: the ones just served go to the end.
    for (const { key } of entries) {
      const queue = window.get(key);
      if (queue !== undefined) {
        window.delete(key);
        window.set(key, queue);
      }
    }
    if (faults.reorder && entries.length > 1) shuffle(entries);
    return { entries, waitMs };
  }

  function shuffle(entries: Entry[]): void {
    for (let i = entries.length - 1; i > 0; i--) {
      const j = Math.floor(rng.uniform() * (i + 1));
      const [a, b] = [entries[i], entries[j]];
      if (a !== undefined && b !== undefined) [entries[i], entries[j]] = [b, a];
    }
  }

  function settle(values: readonly WaitingValue[]): void {
    windowValues -= values.length;
    for (const { message } of values) {
      message.left--;
      if (message.left === 0) done.push(message);
    }
  }

  function giveBack(key: string, values: readonly WaitingValue[]): void {
    if (values.length === 0) return;
    stats.retries += values.length;
    window.set(key, [...values, ...(window.get(key) ?? [])]);
  }

  function toPutEntry(entry: Entry, index: number): PutAssetPropertyValueEntry {
    const [assetId, propertyId] = entry.key.split('\n');
    return {
      entryId: String(index),
      ...(propertyId === undefined ? { propertyAlias: entry.key } : { assetId, propertyId }),
      propertyValues: entry.values.map((v) => v.value),
    };
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
        settle([...fine, ...new Set(gone)]);
        giveBack(entry.key, [...new Set([...back, ...unlucky])]);
      });
      stats.offline = false;
      return healthy;
    } catch (error) {
      signal.throwIfAborted();
      const code = faultName(error);
      stats.lastError = `${code}: ${messageOf(error)}`;
      if (REFUSED.has(code)) {
        if (entries.length === 1) {
          stats.rejected += entries[0]?.values.length ?? 0;
          settle(entries[0]?.values ?? []);
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
      fill();
      const { entries, waitMs } = take();
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
      if (done.length > 0) {
        const arrived = done;
        done = [];
        await buffer.remove(arrived);
      }
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
