/** Jobs that may go to a process in one message: quick ones would mostly be on their way. */
const BATCHED: ReadonlySet<string> = new Set(['settle', 'propagate']);
/** Wall time that the runs of one message may take, ms: longer ones gain nothing. */
const BATCH_MS = 5;
/** Runs in one message, at most. */
const MOST_RUNS = 64;
/** Weight of the newest message in how long a run takes. */
const NEWEST = 0.3;

/** A job that waits for a process. */
export interface Batchable {
  type: string;
  options: { timeoutMs?: number; signal?: AbortSignal; onProgress?: unknown };
  /** Whether it is run by itself: it failed among others. */
  alone: boolean;
}

/** How many of the waiting jobs go to a process together: as many as take a few milliseconds. */
export class Batching {
  readonly #runMs = new Map<string, number>();

  /** Takes how long a message with so many runs took, from sending it to its answer. */
  note(type: string, runs: number, ms: number): void {
    const before = this.#runMs.get(type);
    const now = ms / runs;
    this.#runMs.set(type, before === undefined ? now : before + NEWEST * (now - before));
  }

  /**
   * The jobs at the queue's head that go together: of one kind, signal and deadline, and no more than are one
   * process's share.
   *
   * @param most runs that the process may still do
   */
  head(queue: readonly Batchable[], lanes: number, most: number): number {
    const [first] = queue;
    if (first === undefined) return 0;
    if (!isBatched(first)) return 1;
    const quick = Math.floor(BATCH_MS / (this.#runMs.get(first.type) ?? BATCH_MS));
    const share = Math.ceil(queue.length / lanes);
    const limit = Math.max(1, Math.min(quick, MOST_RUNS, share, most));
    let count = 1;
    while (count < limit && goesWith(first, queue[count]!)) count++;
    return count;
  }
}

const isBatched = ({ type, options, alone }: Batchable): boolean =>
  !alone && BATCHED.has(type) && options.onProgress === undefined;

const goesWith = (first: Batchable, other: Batchable): boolean =>
  isBatched(other) &&
  other.type === first.type &&
  other.options.signal === first.options.signal &&
  other.options.timeoutMs === first.options.timeoutMs;
