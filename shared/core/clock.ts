/** The time as a part sees it; passed in, so that tests can hold and move it. */
export interface Clock {
  /** Wall time in nanoseconds since 1970-01-01T00:00:00Z. */
  nowNs(): bigint;
  /** Resolves after `ms` milliseconds, or rejects with the signal's reason when it aborts first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** The machine's clock. */
export const systemClock: Clock = {
  nowNs: () => BigInt(Math.round((performance.timeOrigin + performance.now()) * 1000)) * 1000n,
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
