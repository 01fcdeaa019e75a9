import type { Closeable } from '../../shared/core/index.js';
import type { OutboxEntry } from '../outbox/outbox.js';

/** An entry that the far end will never take, and why. */
export interface RejectedEntry {
  entry: OutboxEntry;
  /** SiteWise's error code, or one of ours. */
  code: string;
  message: string;
}

/** What became of the entries of one {@link Publisher.send} that were not delivered. */
export interface SendOutcome {
  /** Dead letters. */
  rejected: RejectedEntry[];
  /** To be sent again as soon as may be. */
  retry: OutboxEntry[];
  /** To be sent again later: the far end refuses until somebody mends something there. */
  held: RejectedEntry[];
  /** What went wrong, for people. */
  error?: string;
}

/** The far end. */
export interface Publisher extends Closeable {
  /** Entries that one send should carry at most. */
  readonly batchSize: number;
  /** Sends that may run at a time. */
  readonly concurrency: number;
  /** How long to wait for more when there is less than a full batch, ms. */
  readonly maxWaitMs: number;
  readonly connected: boolean;
  /** What this far end cannot tell us, for people; undefined: nothing is known to be hidden. */
  readonly caveat?: string | undefined;
  /** @throws TwinError `NETWORK`, `ACCESS_DENIED` when the far end cannot be reached */
  connect(signal: AbortSignal): Promise<void>;
  /**
   * Sends entries, those of one alias in their order.
   *
   * @param delivered is told of entries as soon as the far end has taken them for good
   * @returns what became of the others; a lost connection is an outcome, too
   */
  send(
    entries: readonly OutboxEntry[],
    delivered: (entries: readonly OutboxEntry[]) => void,
    signal: AbortSignal,
  ): Promise<SendOutcome>;
  /** Messages or requests sent so far. */
  readonly messages: number;
}
