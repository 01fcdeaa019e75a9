/** The time as a part sees it; passed in, so that tests can hold and move it. */
export interface Clock {
  /** Wall time in nanoseconds since 1970-01-01T00:00:00Z. */
  nowNs(): bigint;
  /** Resolves after `ms` milliseconds, or rejects with the signal's reason when it aborts first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** How far the fine clock may be off the wall clock before it is set anew, milliseconds. */
const WALL_TOLERANCE_MS = 5;

/**
 * The wall clock with the digits of the monotonic one: it counts microseconds between the wall clock's
 * ticks, and follows when that is set or slewed, as at every boot of a gateway without a battery.
 *
 * @param wallMs milliseconds since 1970, as the system has them now
 * @param monotonicMs milliseconds since any instant; never set
 */
export function createWallClock(wallMs: () => number, monotonicMs: () => number): () => bigint {
  let offsetMs = wallMs() - monotonicMs();
  return () => {
    const wall = wallMs();
    const monotonic = monotonicMs();
    // The wall clock counts whole milliseconds: half of one lies between it and the truth.
    if (Math.abs(offsetMs + monotonic - (wall + 0.5)) > WALL_TOLERANCE_MS) {
      offsetMs = wall - monotonic;
    }
    return BigInt(Math.round((offsetMs + monotonic) * 1000)) * 1000n;
  };
}

/** The machine's clock. */
export const systemClock: Clock = {
  nowNs: createWallClock(
    () => Date.now(),
    () => performance.now(),
  ),
  sleep: (ms, signal) =>
    new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(signal.reason);
        return;
      }
      const onAbort = () => {
        clearTimeout(timer);
        reject(signal?.reason);
      };
      const timer = setTimeout(() => {
        signal?.removeEventListener('abort', onAbort);
        resolve();
      }, ms);
      signal?.addEventListener('abort', onAbort, { once: true });
    }),
};

/** A clock that moves only when told to; sleepers wake in order of their time. */
export class ManualClock implements Clock {
  #nowNs: bigint;
  #sleepers: { atNs: bigint; wake: () => void }[] = [];

  constructor(startNs: bigint) {
    this.#nowNs = startNs;
  }

  nowNs(): bigint {
    return this.#nowNs;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(signal.reason);
        return;
      }
      const onAbort = () => {
        this.#sleepers = this.#sleepers.filter((s) => s !== sleeper);
        reject(signal?.reason);
      };
      const wake = () => {
        signal?.removeEventListener('abort', onAbort);
        resolve();
      };
      const sleeper = { atNs: this.#nowNs + BigInt(Math.round(ms * 1e6)), wake };
      this.#sleepers.push(sleeper);
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  }

  /** Moves the clock by `ms` milliseconds and wakes whoever was waiting for that time. */
  async advance(ms: number): Promise<void> {
    const target = this.#nowNs + BigInt(Math.round(ms * 1e6));
    for (;;) {
      const due = this.#sleepers
        .filter((s) => s.atNs <= target)
        .sort((a, b) => (a.atNs < b.atNs ? -1 : a.atNs > b.atNs ? 1 : 0))[0];
      if (due === undefined) break;
      this.#sleepers = this.#sleepers.filter((s) => s !== due);
      if (due.atNs > this.#nowNs) this.#nowNs = due.atNs;
      due.wake();
      await Promise.resolve();
    }
    this.#nowNs = target;
    await Promise.resolve();
  }
}
