import { type Clock, type ErrorCode, TwinError } from '../../../shared/core/index.js';
import {
  MAX_VALUES_PER_ENTRY,
  type RefusedSample,
  type SiteWiseWriter,
} from '../../../shared/sitewise/index.js';
import type { FeedProgress } from './progress.js';
import { type RecordingValues, valuesOf } from './recording-values.js';
import { toTimestampNs } from './time-shift.js';

/** Rows between two notes of the progress: entries of ten values, enough for several requests. */
const ROWS_PER_BATCH = 20 * MAX_VALUES_PER_ENTRY;

/** What a feed works with. */
export interface FeedOptions {
  recording: RecordingValues;
  writer: SiteWiseWriter;
  clock: Clock;
  /** Values of one stream a second; left out: as fast as SiteWise takes them. */
  valuesPerS?: number | undefined;
  /** Called after each batch, before the next begins. */
  onProgress: (progress: FeedProgress) => Promise<void>;
  onRejected?: (refused: readonly RefusedSample[]) => Promise<void>;
}

const SYSTEM_CODES: Readonly<Record<string, ErrorCode>> = {
  AccessDeniedException: 'ACCESS_DENIED',
  UnrecognizedClientException: 'ACCESS_DENIED',
  InvalidSignatureException: 'ACCESS_DENIED',
  ExpiredTokenException: 'ACCESS_DENIED',
  CredentialsProviderError: 'ACCESS_DENIED',
  MissingAuthenticationTokenException: 'ACCESS_DENIED',
  ThrottlingException: 'THROTTLED',
  LimitExceededException: 'THROTTLED',
  ResourceNotFoundException: 'NOT_FOUND',
};

/**
 * Feeds a recording row by row into SiteWise, oldest first. Values that SiteWise will never take
 * are counted and handed to `onRejected`; a fault that someone has to mend, or that outlasts the
 * writer's attempts, ends the feed before the batch is noted as done: the next call sends it again,
 * with the same timestamps, which changes nothing where it had arrived.
 *
 * @param begun where to go on
 * @returns the progress at the end; not all rows when the signal aborted
 * @throws TwinError `ACCESS_DENIED`, `THROTTLED`, `NOT_FOUND`, `NETWORK`
 */
export async function feedRecording(
  begun: FeedProgress,
  options: FeedOptions,
  signal: AbortSignal,
): Promise<FeedProgress> {
  const { recording, writer, clock, valuesPerS } = options;
  const { length } = recording.times;
  const batchRows = valuesPerS === undefined ? ROWS_PER_BATCH : MAX_VALUES_PER_ENTRY;
  const startNs = clock.nowNs();
  let progress = begun;
  while (progress.nextRow < length && !signal.aborted) {
    const toRow = Math.min(length, progress.nextRow + batchRows);
    const values = valuesOf(recording, progress.nextRow, toRow, (t) =>
      toTimestampNs(progress.shift, t),
    );
    try {
      const { accepted, rejected, retry } = await writer.write(values, signal);
      const [held] = retry;
      if (held !== undefined) {
        throw new TwinError(
          SYSTEM_CODES[held.code] ?? 'NETWORK',
          `SiteWise did not take ${retry.length} values, the first of ${held.sample.alias}: ${held.code}: ${held.message}. Mend that and call again: it goes on at row ${progress.nextRow}.`,
          { retryable: true },
        );
      }
      const rejections = { ...progress.rejections };
      for (const { code } of rejected) rejections[code] = (rejections[code] ?? 0) + 1;
      if (rejected.length > 0) await options.onRejected?.(rejected);
      progress = {
        ...progress,
        nextRow: toRow,
        written: progress.written + accepted,
        rejected: progress.rejected + rejected.length,
        rejections,
      };
      await options.onProgress(progress);
      if (valuesPerS !== undefined && toRow < length) {
        const dueMs = ((toRow - begun.nextRow) / valuesPerS) * 1000;
        const elapsedMs = Number(clock.nowNs() - startNs) / 1e6;
        if (dueMs > elapsedMs) await clock.sleep(dueMs - elapsedMs, signal);
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }
  return progress;
}
