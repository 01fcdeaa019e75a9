import type { Clock, Logger } from '../../shared/core/index.js';
import type { EdgeSample } from './record.js';

/** A sample in the outbox and the key it is removed by. */
export interface OutboxEntry {
  /** The row's key as latin1 text, so that it can stand in sets. */
  key: string;
  sample: EdgeSample;
}

/** A place in a source that was reached with an append, kept with the same transaction. */
export interface Checkpoint {
  source: string;
  position: string;
}

export interface OutboxOptions {
  directory: string;
  /** Size on disk above which samples are dropped, bytes. */
  maxBytes: number;
  /** Share of `maxBytes` from which {@link Outbox.slow} tells sources to wait. */
  slowAt: number;
  /** Samples that come within so many milliseconds share a transaction. */
  batchMs: number;
  clock: Clock;
  logger: Logger;
}

/** What happened in the outbox since it was opened. */
export interface OutboxCounters {
  appended: number;
  removed: number;
  /** Dropped because the outbox was full, by quality. */
  dropped: { GOOD: number; BAD: number; UNCERTAIN: number };
  /** Rows that could not be read and were discarded. */
  unreadable: number;
  /** Transactions that failed (disk full and the like); their samples were not acknowledged. */
  writeFaults: number;
}
