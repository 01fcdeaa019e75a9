import {
  type BatchPutAssetPropertyErrorEntry,
  BatchPutAssetPropertyValueCommand,
  type IoTSiteWiseClient,
  type PutAssetPropertyValueEntry,
} from '@aws-sdk/client-iotsitewise';
import {
  type Clock,
  fromTimeInNanos,
  isUserError,
  type Logger,
  messageOf,
  type Rng,
  type StreamTqv,
  silentLogger,
  systemClock,
} from '../core/index.js';
import { faultName } from './errors.js';
import { type StreamDataType, toAssetPropertyValue } from './values.js';

/** Entries in a BatchPutAssetPropertyValue request, and values in an entry: SiteWise's limits. */
const MAX_ENTRIES_PER_PUT = 10;
export const MAX_VALUES_PER_ENTRY = 10;

/** A sample that SiteWise did not take, and why. */
export interface RefusedSample {
  sample: StreamTqv;
  /** SiteWise's error code, e.g. `TimestampOutOfRangeException`, or the network's. */
  code: string;
  message: string;
}

/** What became of samples: every one is in exactly one of the three. */
export interface WriteResult {
  /** How many are stored. */
  accepted: number;
  /** Will never be taken as they are: to be dead-lettered with their reason. */
  rejected: RefusedSample[];
  /**
   * May be taken later: faults that outlasted the attempts, and AccessDenied or ResourceNotFound,
   * which someone may mend and which deserve an alarm.
   */
  retry: RefusedSample[];
}

/** Writes samples to SiteWise. */
export interface SiteWiseWriter {
  /**
   * Writes samples by their alias, batched as full as SiteWise takes them.
   *
   * @throws the signal's reason when it aborts; TwinError `USAGE` where a client has no region; all other
   *   faults are in the result
   */
  write(samples: readonly StreamTqv[], signal?: AbortSignal): Promise<WriteResult>;
}

/** Options of {@link createSiteWiseWriter}. */
export interface SiteWiseWriterOptions {
  client: IoTSiteWiseClient;
  clock?: Clock;
  logger?: Logger;
  /** Spreads the waits between attempts; default: none. */
  rng?: Rng;
  /** Attempts per entry, the first included; default 5. */
  maxAttempts?: number;
  /** First wait between attempts, doubled every time, milliseconds; default 200. */
  backoffMs?: number;
  /** Longest wait between attempts, milliseconds; default 10000. */
  maxBackoffMs?: number;
  /** Requests in flight at a time; default 4. */
  concurrency?: number;
  /** A stream's data type where numbers are not doubles or nulls are not. */
  dataTypeOf?: (alias: string) => StreamDataType | undefined;
}

/** Same call later may succeed by itself. */
const TRANSIENT = new Set([
  'InternalFailureException',
  'ServiceUnavailableException',
  'ThrottlingException',
  'ConflictingOperationException',
  'LimitExceededException',
]);
/** Someone may mend it. */
const HELD = new Set([
  'AccessDeniedException',
  'ResourceNotFoundException',
  'UnrecognizedClientException',
  'InvalidSignatureException',
  'ExpiredTokenException',
  'MissingAuthenticationTokenException',
  'CredentialsProviderError',
]);
/** The request as a whole was refused because of some entry in it. */
const MALFORMED = new Set([
  'InvalidRequestException',
  'ValidationException',
  'SerializationException',
]);
/** LimitExceeded is retried this much more slowly than throttling. */
const LIMIT_EXCEEDED_FACTOR = 8;

interface Entry {
  alias: string;
  samples: StreamTqv[];
}

interface Outcome {
  accepted: number;
  rejected: RefusedSample[];
  transient: RefusedSample[];
  held: RefusedSample[];
}

function toEntries(samples: readonly StreamTqv[]): Entry[] {
  const byAlias = new Map<string, StreamTqv[]>();
  for (const sample of samples) {
    const group = byAlias.get(sample.alias);
    if (group === undefined) byAlias.set(sample.alias, [sample]);
    else group.push(sample);
  }
  const entries: Entry[] = [];
  for (const [alias, group] of byAlias) {
    for (let i = 0; i < group.length; i += MAX_VALUES_PER_ENTRY) {
      entries.push({ alias, samples: group.slice(i, i + MAX_VALUES_PER_ENTRY) });
    }
  }
  return entries;
}

/** Two requests instead of one, down to single values; undefined when there is nothing to part. */
function halve(entries: readonly Entry[]): [Entry[], Entry[]] | undefined {
  const middle = Math.ceil(entries.length / 2);
  if (entries.length > 1) return [entries.slice(0, middle), entries.slice(middle)];
  const [entry] = entries;
  if (entry === undefined || entry.samples.length < 2) return undefined;
  const { alias, samples } = entry;
  const half = Math.ceil(samples.length / 2);
  return [[{ alias, samples: samples.slice(0, half) }], [{ alias, samples: samples.slice(half) }]];
}

/** A writer over BatchPutAssetPropertyValue. */
export function createSiteWiseWriter(options: SiteWiseWriterOptions): SiteWiseWriter {
  const { client, clock = systemClock, logger = silentLogger, rng } = options;
  const maxAttempts = options.maxAttempts ?? 5;
  const backoffMs = options.backoffMs ?? 200;
  const maxBackoffMs = options.maxBackoffMs ?? 10_000;
  const concurrency = Math.max(1, options.concurrency ?? 4);

  function toPutEntry(entry: Entry, index: number): PutAssetPropertyValueEntry {
    const dataType = options.dataTypeOf?.(entry.alias);
    return {
      entryId: String(index),
      propertyAlias: entry.alias,
      propertyValues: entry.samples.map((sample) => toAssetPropertyValue(sample, dataType)),
    };
  }

  function sortErrors(
    entry: Entry,
    errors: BatchPutAssetPropertyErrorEntry['errors'],
    outcome: Outcome,
  ): void {
    const refused = new Set<StreamTqv>();
    for (const error of errors ?? []) {
      const times = new Set((error.timestamps ?? []).map(fromTimeInNanos));
      const code = error.errorCode ?? 'InternalFailureException';
      const bin = TRANSIENT.has(code)
        ? outcome.transient
        : HELD.has(code)
          ? outcome.held
          : outcome.rejected;
      for (const sample of entry.samples) {
        if (refused.has(sample) || (times.size > 0 && !times.has(sample.timeNs))) continue;
        refused.add(sample);
        bin.push({ sample, code, message: error.errorMessage ?? '' });
      }
    }
    outcome.accepted += entry.samples.length - refused.size;
  }

  async function put(
    entries: readonly Entry[],
    outcome: Outcome,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    try {
      const response = await client.send(
        new BatchPutAssetPropertyValueCommand({
          enablePartialEntryProcessing: true,
          entries: entries.map(toPutEntry),
        }),
        signal === undefined ? {} : { abortSignal: signal },
      );
      const failed = new Map((response.errorEntries ?? []).map((e) => [e.entryId, e.errors]));
      entries.forEach((entry, i) => {
        sortErrors(entry, failed.get(String(i)), outcome);
      });
    } catch (error) {
      signal?.throwIfAborted();
      // What only a person can mend, such as a region that is named nowhere, is no fault of SiteWise's.
      if (isUserError(error)) throw error;
      const code = faultName(error);
      const halves = MALFORMED.has(code) ? halve(entries) : undefined;
      if (halves !== undefined) {
        // One bad value makes the whole request fail: halve until it stands alone.
        for (const half of halves) await put(half, outcome, signal);
        return;
      }
      const bin = MALFORMED.has(code)
        ? outcome.rejected
        : HELD.has(code)
          ? outcome.held
          : outcome.transient;
      const message = messageOf(error);
      for (const entry of entries) {
        for (const sample of entry.samples) bin.push({ sample, code, message });
      }
    }
  }

  async function putAll(
    samples: readonly StreamTqv[],
    signal: AbortSignal | undefined,
  ): Promise<Outcome> {
    const outcome: Outcome = { accepted: 0, rejected: [], transient: [], held: [] };
    const entries = toEntries(samples);
    let next = 0;
    const lane = async () => {
      while (next < entries.length) {
        const batch = entries.slice(next, next + MAX_ENTRIES_PER_PUT);
        next += MAX_ENTRIES_PER_PUT;
        await put(batch, outcome, signal);
      }
    };
    await Promise.all(Array.from({ length: concurrency }, lane));
    return outcome;
  }

  return {
    async write(samples, signal) {
      const result: WriteResult = { accepted: 0, rejected: [], retry: [] };
      let pending: readonly StreamTqv[] = samples;
      for (let attempt = 1; pending.length > 0; attempt++) {
        signal?.throwIfAborted();
        const outcome = await putAll(pending, signal);
        result.accepted += outcome.accepted;
        result.rejected.push(...outcome.rejected);
        result.retry.push(...outcome.held);
        if (outcome.transient.length === 0) break;
        if (attempt >= maxAttempts) {
          result.retry.push(...outcome.transient);
          break;
        }
        const slow = outcome.transient.some((r) => r.code === 'LimitExceededException');
        const wait = Math.min(
          maxBackoffMs,
          backoffMs * 2 ** (attempt - 1) * (slow ? LIMIT_EXCEEDED_FACTOR : 1),
        );
        logger.warn('SiteWise did not take all values; trying again', {
          attempt,
          values: outcome.transient.length,
          code: outcome.transient[0]?.code,
        });
        pending = outcome.transient.map((r) => r.sample);
        await clock.sleep(rng === undefined ? wait : wait * (0.5 + rng.uniform() / 2), signal);
      }
      return result;
    },
  };
}
