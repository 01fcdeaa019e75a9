import {
  type Clock,
  type Closeable,
  type Logger,
  messageOf,
  TwinError,
} from '../../shared/core/index.js';
import type { DataType, EdgeSample } from '../outbox/record.js';
import type { EdgeStatus } from './status.js';

/** The streams of the account: the end of the alias, its type, and its value. */
const STREAMS: readonly [string, DataType, (status: EdgeStatus) => number][] = [
  ['healthy', 'INTEGER', (s) => (s.healthy ? 1 : 0)],
  ['waiting', 'INTEGER', (s) => s.queueDepth],
  ['oldest-waiting-s', 'DOUBLE', (s) => s.oldestAgeS],
  ['received', 'DOUBLE', (s) => s.sources.reduce((n, { received }) => n + received, 0)],
  ['refused', 'DOUBLE', (s) => s.sources.reduce((n, { refused }) => n + sum(refused), 0)],
  ['stored', 'DOUBLE', (s) => s.ledger.outbox.stored],
  ['accepted', 'DOUBLE', (s) => s.ledger.outbox.accepted],
  ['dead-lettered', 'DOUBLE', (s) => sum(s.ledger.outbox.deadLettered)],
  ['dropped', 'DOUBLE', (s) => sum(s.ledger.outbox.dropped)],
  ['gaps', 'INTEGER', (s) => s.ledger.gaps.length],
  ['clock-steps', 'INTEGER', (s) => s.clock.steps],
];

function sum(counts: Record<string, number>): number {
  return Object.values(counts).reduce((a, b) => a + b, 0);
}

export interface LedgerStreamsOptions {
  /** What the aliases begin with. */
  prefix: string;
  everyS: number;
  status: () => EdgeStatus;
  append: (samples: readonly EdgeSample[]) => Promise<void>;
  clock: Clock;
  logger: Logger;
}

/** Publishes the account as streams, like any other values. */
export class LedgerStreams implements Closeable {
  readonly #options: LedgerStreamsOptions;
  readonly #stop = new AbortController();
  #loop: Promise<void> | undefined;

  constructor(options: LedgerStreamsOptions) {
    this.#options = options;
  }

  start(): void {
    this.#loop ??= this.#run();
  }

  async close(): Promise<void> {
    this.#stop.abort(new TwinError('CANCELLED', 'The ledger was stopped.'));
    await this.#loop;
  }

  async #run(): Promise<void> {
    const { everyS, append, clock, logger } = this.#options;
    const { signal } = this.#stop;
    for (;;) {
      await clock.sleep(everyS * 1000, signal).catch(() => {});
      if (signal.aborted) return;
      // The next round says what this one could not.
      await append(this.#samples()).catch((error: unknown) => {
        logger.warn('The ledger could not be stored', { error: messageOf(error) });
      });
    }
  }

  #samples(): EdgeSample[] {
    const { prefix, status, clock } = this.#options;
    const now = status();
    const timeNs = clock.nowNs();
    return STREAMS.map(([name, dataType, read]) => ({
      alias: `${prefix}/${name}`,
      timeNs,
      quality: 'GOOD',
      value: read(now),
      dataType,
      made: true,
    }));
  }
}
