import type { RawSample } from '../pipeline/signal-pipeline.js';
import { HistoryPage } from './opcua-history.js';

/** How far a source has handed over what its server said. */
export interface Mark {
  /** Time of the newest value of all, nanoseconds since 1970, but not ahead of the server's time. */
  untilNs: bigint | undefined;
  /** Time of the last value, by the signal's index. */
  lastNs: readonly (bigint | undefined)[];
}

/**
 * What was handed over of a source's values. It outlives connections; its position, which is kept with the
 * values, outlives the process.
 */
export class HandedOver {
  untilNs: bigint | undefined;
  readonly lastNs: (bigint | undefined)[] = [];
  /** Size of the answers that histories are read in. */
  readonly page = new HistoryPage();

  /** Takes up the position of an earlier run. */
  resume(position: string | undefined): void {
    if (this.untilNs !== undefined || position === undefined) return;
    const digits = /^\{"untilNs":"(\d{1,19})"\}$/.exec(position)?.[1];
    if (digits !== undefined) this.untilNs = BigInt(digits);
  }

  /** Notes what is being handed over, with the server's time of it. */
  advance(samples: readonly RawSample[], publishTime: Date | null): void {
    let newestNs = this.untilNs ?? 0n;
    for (const { timeNs = 0n } of samples) if (timeNs > newestNs) newestNs = timeNs;
    // Where the server's clock was set back, the position goes back as well.
    const serverNs = BigInt(publishTime?.getTime() ?? 0) * 1_000_000n;
    if (serverNs > 0n && newestNs > serverNs) newestNs = serverNs;
    if (newestNs > 0n) this.untilNs = newestNs;
  }

  get position(): string | undefined {
    return this.untilNs === undefined ? undefined : `{"untilNs":"${this.untilNs}"}`;
  }

  mark(): Mark {
    return { untilNs: this.untilNs, lastNs: [...this.lastNs] };
  }
}
