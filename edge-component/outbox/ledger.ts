/** What became of the values in the outbox since it was made; kept in the outbox's own transactions. */
export interface OutboxTotals {
  /** Values made durable. */
  stored: number;
  /** Of those: taken by the far end. */
  accepted: number;
  /** Of those: set aside in dead letter files, by reason. */
  deadLettered: Record<string, number>;
  /** Of those: dropped, by reason and quality, e.g. `outbox-full-GOOD`, or because a row could not be read. */
  dropped: Record<string, number>;
  /** Found missing when the outbox was opened: of those no fate is known. */
  missing: number;
  /** Of the dead-lettered: deleted since, by reason, because their files grew beyond their limit. */
  lettersDeleted: Record<string, number>;
}

/** The account of the outbox. */
export interface OutboxAccount extends OutboxTotals {
  /** Of the stored: in the outbox now. */
  waiting: number;
  /** stored − accepted − waiting − dead-lettered − dropped − missing: anything but 0 is a fault. */
  gap: number;
}

/** What is done with values that leave the outbox. */
export type Fate = { kind: 'accepted' } | { kind: 'deadLettered' | 'dropped'; reason: string };

/** The totals of an outbox that nothing was ever put into. */
export const NO_TOTALS: OutboxTotals = {
  stored: 0,
  accepted: 0,
  deadLettered: {},
  dropped: {},
  missing: 0,
  lettersDeleted: {},
};

/** Reasons that are counted one by one. */
const MOST_REASONS = 100;

/** The totals, and the next sequence number, which must never be given twice. */
interface Kept extends OutboxTotals {
  sequence: number;
}

function sum(counts: Record<string, number>): number {
  return Object.values(counts).reduce((a, b) => a + b, 0);
}

/** The account that totals and a number of waiting values give. */
export function accountOf(totals: OutboxTotals, waiting: number): OutboxAccount {
  const { stored, accepted, deadLettered, dropped, missing, lettersDeleted } = totals;
  const gap = stored - accepted - waiting - sum(deadLettered) - sum(dropped) - missing;
  return { stored, accepted, deadLettered, dropped, missing, lettersDeleted, waiting, gap };
}

/** The totals as the next transaction keeps them. */
export class OutboxLedger {
  readonly #kept: Kept;

  /**
   * @param text as {@link OutboxLedger.text} gave it; undefined for an outbox that has none yet
   * @param waiting values that are in the outbox
   */
  constructor(text: string | undefined, waiting: number) {
    const kept = parse(text);
    // Of what an earlier release stored, only what still waits is known.
    this.#kept = kept ?? { ...nothing(), stored: waiting };
  }

  get sequence(): number {
    return this.#kept.sequence;
  }

  set sequence(next: number) {
    this.#kept.sequence = next;
  }

  store(count: number): void {
    this.#kept.stored += count;
  }

  /** @param count negative to take it back, when its transaction failed */
  remove(fate: Fate, count: number): void {
    if (fate.kind === 'accepted') {
      this.#kept.accepted += count;
      return;
    }
    this.#count(this.#kept[fate.kind], fate.reason, count);
  }

  /** Dead letters are gone. @param count negative to take it back, when its transaction failed */
  deleteLetters(reason: string, count: number): void {
    this.#count(this.#kept.lettersDeleted, reason, count);
  }

  #count(counts: Record<string, number>, why: string, count: number): void {
    const known = why in counts || Object.keys(counts).length < MOST_REASONS;
    const reason = known ? why : 'other';
    counts[reason] = (counts[reason] ?? 0) + count;
  }

  miss(count: number): void {
    this.#kept.missing += count;
  }

  get text(): string {
    return JSON.stringify(this.#kept);
  }
}

function nothing(): Kept {
  return {
    ...{ stored: 0, accepted: 0, deadLettered: {}, dropped: {}, missing: 0 },
    ...{ lettersDeleted: {}, sequence: 0 },
  };
}

/** The totals in a text; undefined where they are none. */
export function parse(text: string | undefined): Kept | undefined {
  if (text === undefined) return undefined;
  try {
    const kept = { ...nothing(), ...(JSON.parse(text) as Partial<Kept>) };
    return Number.isSafeInteger(kept.stored) && Number.isSafeInteger(kept.sequence)
      ? kept
      : undefined;
  } catch {
    return undefined;
  }
}
