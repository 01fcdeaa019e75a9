import { type Clock, type Logger, messageOf, TwinError } from '../../shared/core/index.js';
import { type OutboxDatabase, type Own, rowCount } from './database.js';
import { accountOf, NO_TOTALS, type OutboxAccount, OutboxLedger, parse } from './ledger.js';
import type { Purpose } from './reserved-space.js';

/** Enters what a transaction does into the ledger, or, with −1, takes it back. */
export type Entry = (ledger: OutboxLedger, sign: 1 | -1) => void;

/** A transaction that takes longer than this is a fault: a dying disk answers late, or never. */
const LATE_MS = 10_000;

/** Transactions that change nobody's fate. */
export const NO_ENTRY: Entry = () => {};

/**
 * The outbox's transactions, each with its entry in the account: what is on disk always adds up, also after a
 * kill.
 */
export class AccountedWrites {
  readonly #db: OutboxDatabase;
  readonly #ledger: OutboxLedger;
  /** Values of which no fate was known when the outbox was opened. */
  readonly missingAtStart: number;
  /** Transactions that failed. */
  faults = 0;
  /** Why the last transaction failed; undefined when it did not. */
  #lastFault: string | undefined;
  /** When the transactions under way began, the oldest first. */
  readonly #began = new Map<symbol, number>();

  constructor(db: OutboxDatabase, clock: Clock, logger: Logger) {
    this.#db = db;
    this.#ledger = new OutboxLedger(db.ledger.get('totals'), this.#depth);
    // Rows of one instant differ by their sequence number. Beginning at the time of opening
    // (in 0.1 ms since 2020; 48 bits last for 890 years) it passes all that an earlier release gave.
    // A clock that is not set may be behind: then the kept number counts.
    const ticks = clock.nowNs() / 100_000n - 15_778_368_000_000n;
    this.#ledger.sequence = Math.max(this.#ledger.sequence, Number(ticks > 0n ? ticks : 0n));
    this.missingAtStart = accountOf(parse(this.#ledger.text) ?? NO_TOTALS, this.#depth).gap;
    if (this.missingAtStart !== 0) {
      this.#ledger.miss(this.missingAtStart);
      logger.error('Values are missing in the outbox', { count: this.missingAtStart });
    }
  }

  /** Why writes fail, or that one does not end; undefined when all is well. */
  get fault(): string | undefined {
    if (this.#lastFault !== undefined) return this.#lastFault;
    const [began = Number.POSITIVE_INFINITY] = this.#began.values();
    const ms = performance.now() - began;
    if (ms < LATE_MS) return undefined;
    return `the disk has not finished a write for ${Math.round(ms / 1000)} s: look at the kernel's log`;
  }

  /** A number that no other row has or had. */
  nextSequence(): number {
    return this.#ledger.sequence++;
  }

  /** What became of all values, as it is on disk: totals and rows of one state of the file. */
  get account(): OutboxAccount {
    const kept = parse(this.#db.ledger.get('totals')) ?? parse(this.#ledger.text);
    return accountOf(kept ?? NO_TOTALS, this.#depth);
  }

  /**
   * One transaction.
   *
   * @throws TwinError `STORAGE` (retryable); nothing was written then, and nothing is entered
   */
  async run(
    purpose: Purpose,
    rows: number,
    entry: Entry,
    action: (own: Own) => void,
  ): Promise<void> {
    let entered = false;
    const id = Symbol(purpose);
    this.#began.set(id, performance.now());
    try {
      await this.#db.write(purpose, rows, (own) => {
        action(own);
        entry(this.#ledger, 1);
        entered = true;
        own(this.#db.ledger.put('totals', this.#ledger.text));
      });
      this.#lastFault = undefined;
    } catch (cause) {
      if (entered) entry(this.#ledger, -1);
      this.faults++;
      this.#lastFault = messageOf(cause);
      throw new TwinError('STORAGE', `The outbox could not be written: ${this.#lastFault}`, {
        cause,
        retryable: true,
      });
    } finally {
      this.#began.delete(id);
    }
  }

  get #depth(): number {
    return rowCount(this.#db.queue) + rowCount(this.#db.parked);
  }
}
