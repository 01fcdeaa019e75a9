import type { Detail, Quantity } from './protocol.js';
import type { Store } from './store.js';

/** A drag passes many spans: only one that stays for so long is read. */
const SETTLE_MS = 150;

/** Reads closely what the reader has zoomed to. */
export class DetailClient {
  readonly #store: Store;
  readonly #asset: string | null;
  readonly #onRead: () => void;
  #wanted = '';
  #stop = new AbortController();
  /** Why the span shown could not be read closely; empty where it was. */
  fault = '';

  constructor(store: Store, asset: string | null, onRead: () => void) {
    this.#store = store;
    this.#asset = asset;
    this.#onRead = onRead;
  }

  /** Reads anew where the span or what is shown of it has changed. */
  follow(quantities: readonly Quantity[]): void {
    const { range } = this.#store;
    const channels = channelsOf(quantities);
    const wanted = range === undefined ? '' : `${range.join()};${channels.join()}`;
    if (wanted === this.#wanted) return;
    this.#wanted = wanted;
    this.#stop.abort();
    this.#stop = new AbortController();
    this.fault = '';
    if (range === undefined) {
      this.#store.takeDetail(undefined);
      return;
    }
    const { signal } = this.#stop;
    setTimeout(() => {
      if (signal.aborted) return;
      this.read(range[0], range[1], quantities, signal).then(
        (detail) => this.#take(detail, signal),
        (error: unknown) => {
          this.fault = error instanceof Error ? error.message : String(error);
          this.#take(undefined, signal);
        },
      );
    }, SETTLE_MS);
  }

  /** A span of some quantities, as fine as its length allows. @throws Error with the server's reason */
  async read(
    from: number,
    to: number,
    quantities: readonly Quantity[],
    signal?: AbortSignal,
  ): Promise<Detail> {
    const query = new URLSearchParams({ from: String(from), to: String(to) });
    for (const channel of channelsOf(quantities)) query.append('channel', channel);
    if (this.#asset !== null) query.set('asset', this.#asset);
    const answer = await fetch(`/api/history?${query}`, signal === undefined ? {} : { signal });
    const body = (await answer.json()) as Detail | { error: string };
    if ('error' in body) throw new Error(body.error);
    return body;
  }

  #take(detail: Detail | undefined, signal: AbortSignal): void {
    if (signal.aborted) return;
    this.#store.takeDetail(detail);
    this.#onRead();
  }
}

function channelsOf(quantities: readonly Quantity[]): string[] {
  const ids = quantities.flatMap((q) => (q.estimate === undefined ? [q.id] : [q.id, q.estimate]));
  return [...new Set(ids)].sort();
}
