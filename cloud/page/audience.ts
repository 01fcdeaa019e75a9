import type { Snapshot, Update } from './browser/protocol.js';

/** One browser that listens. */
interface Listener {
  /** Writes one server-sent event and resolves once it is on its way. */
  write(event: 'snapshot' | 'update', data: string): Promise<void>;
  leave(): void;
  busy: boolean;
  /** It missed something and needs all of it again. */
  behind: boolean;
}

/**
 * The browsers that listen. Each gets everything once, then what is new; one that reads too slowly
 * gets everything again when it is ready, so that nothing piles up here.
 */
export class Audience {
  readonly #snapshot: () => Snapshot | undefined;
  readonly #listeners = new Set<Listener>();
  /** What a browser is given that comes now: several that come together share it. */
  #everything: string | undefined;
  #closed = false;

  constructor(snapshot: () => Snapshot | undefined) {
    this.#snapshot = snapshot;
  }

  /** Lets a browser in. @returns resolves when it has left, or must leave */
  join(write: Listener['write'], onGone: (leave: () => void) => void): Promise<void> {
    return new Promise((resolve) => {
      const listener: Listener = {
        write,
        busy: false,
        behind: true,
        leave: () => {
          this.#listeners.delete(listener);
          resolve();
        },
      };
      if (this.#closed) return resolve();
      onGone(listener.leave);
      this.#listeners.add(listener);
      this.#catchUp(listener);
    });
  }

  /** How many browsers listen. */
  get size(): number {
    return this.#listeners.size;
  }

  /** Tells everyone what is new. */
  send(update: Update): void {
    this.#everything = undefined;
    if (this.#listeners.size === 0) return;
    const data = JSON.stringify(update);
    for (const listener of this.#listeners) {
      if (listener.behind) this.#catchUp(listener);
      else if (listener.busy) listener.behind = true;
      else this.#write(listener, 'update', data);
    }
  }

  close(): void {
    this.#closed = true;
    for (const listener of [...this.#listeners]) listener.leave();
  }

  #catchUp(listener: Listener): void {
    if (listener.busy) return;
    const snapshot = this.#everything === undefined ? this.#snapshot() : undefined;
    if (snapshot !== undefined) this.#everything = JSON.stringify(snapshot);
    if (this.#everything === undefined) return;
    listener.behind = false;
    this.#write(listener, 'snapshot', this.#everything);
  }

  #write(listener: Listener, event: 'snapshot' | 'update', data: string): void {
    listener.busy = true;
    listener.write(event, data).then(
      () => {
        listener.busy = false;
      },
      () => listener.leave(),
    );
  }
}
