import type { EdgeSample } from '../outbox/record.js';

/** Reasons that are counted one by one; what comes with yet another is counted as `other`. */
const MOST_REASONS = 40;

/** What became of the readings of one source. */
export interface SourceAccount {
  /** Readings taken. */
  received: number;
  /** Of those: stored durably. */
  stored: number;
  /** Of those: not stored, by reason; also what a deadband or an alignment leaves out on purpose. */
  refused: Record<string, number>;
  /** Of those: in hand, between the device and the disk. */
  waiting: number;
  /** Values that are being written to the disk, `made` ones among them. */
  inFlight: number;
  /** received − stored − refused − waiting: anything but 0 is a fault of the component. */
  gap: number;
  /** Values that were stored without a reading: heartbeats, BAD of a source that is down, its status. */
  made: number;
  /** Values stored as BAD, by reason. */
  badReasons: Record<string, number>;
  /** Values stored as UNCERTAIN, by reason. */
  uncertainReasons: Record<string, number>;
  /** Readings that came from a device's history, after a gap. */
  fromHistory: number;
  /** Gaps of signals that could not be filled from a history, by reason. */
  notFilled: Record<string, number>;
}

/**
 * Adds to the count of a reason; a device that makes up reasons fills no memory.
 *
 * @returns whether it is the first of its reason
 */
function countReason(counts: Map<string, number>, reason: string, n = 1): boolean {
  const key = counts.has(reason) || counts.size < MOST_REASONS ? reason : 'other';
  const before = counts.get(key);
  counts.set(key, (before ?? 0) + n);
  return before === undefined;
}

/** Follows every reading of one source: each is stored, refused for a reason, or still in hand. */
export class SourceLedger {
  received = 0;
  #stored = 0;
  #made = 0;
  #waiting = 0;
  /** Values that are being written to the disk. */
  inFlight = 0;
  fromHistory = 0;
  readonly #notFilled = new Map<string, number>();
  readonly #refused = new Map<string, number>();
  readonly #bad = new Map<string, number>();
  readonly #uncertain = new Map<string, number>();

  /** A reading is not passed on. */
  refuse(reason: string, n = 1): void {
    countReason(this.#refused, reason, n);
  }

  /** Gaps of signals stay. */
  leaveGap(reason: string, signals: number): void {
    countReason(this.#notFilled, reason, signals);
  }

  /** Readings come into hand, or, with a negative number, leave it. */
  hold(n: number): void {
    this.#waiting += n;
  }

  /**
   * Samples became durable.
   *
   * @returns those that are the first of their reason not to be GOOD
   */
  store(samples: readonly EdgeSample[]): EdgeSample[] {
    const firsts: EdgeSample[] = [];
    for (const sample of samples) {
      if (sample.made === true) this.#made++;
      else this.#stored++;
      if (sample.quality === 'GOOD') continue;
      const counts = sample.quality === 'BAD' ? this.#bad : this.#uncertain;
      if (countReason(counts, sample.reason ?? 'unsaid')) firsts.push(sample);
    }
    return firsts;
  }

  get account(): SourceAccount {
    const refused = Object.fromEntries(this.#refused);
    const refusedInAll = [...this.#refused.values()].reduce((a, b) => a + b, 0);
    return {
      received: this.received,
      stored: this.#stored,
      refused,
      waiting: this.#waiting,
      inFlight: this.inFlight,
      gap: this.received - this.#stored - refusedInAll - this.#waiting,
      made: this.#made,
      badReasons: Object.fromEntries(this.#bad),
      uncertainReasons: Object.fromEntries(this.#uncertain),
      fromHistory: this.fromHistory,
      notFilled: Object.fromEntries(this.#notFilled),
    };
  }
}
