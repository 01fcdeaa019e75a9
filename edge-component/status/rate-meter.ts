import { type Clock, nsToSeconds } from '../../shared/core/index.js';

/** Rates over the last seconds, from counters that only grow. */
export class RateMeter {
  readonly #clock: Clock;
  #marks: { timeNs: bigint; in: number; out: number }[] = [];
  static readonly #WINDOW = 10;
  static readonly #LONGEST_NS = 30_000_000_000n;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Notes the counters; to be called about once a second. */
  sample(inCount: number, outCount: number): void {
    const timeNs = this.#clock.nowNs();
    const sinceNs = timeNs - (this.#marks.at(-1)?.timeNs ?? timeNs);
    // The clock was set, or nobody ran: over such a span there is no rate.
    if (sinceNs < 0n || sinceNs > RateMeter.#LONGEST_NS) this.#marks = [];
    this.#marks.push({ timeNs, in: inCount, out: outCount });
    if (this.#marks.length > RateMeter.#WINDOW) this.#marks.shift();
  }

  /** Values per second, in and out, over the last samples. */
  read(): { in: number; out: number } {
    const first = this.#marks[0];
    const last = this.#marks.at(-1);
    if (first === undefined || last === undefined) return { in: 0, out: 0 };
    const spanS = nsToSeconds(last.timeNs - first.timeNs);
    if (spanS <= 0) return { in: 0, out: 0 };
    return { in: (last.in - first.in) / spanS, out: (last.out - first.out) / spanS };
  }
}
