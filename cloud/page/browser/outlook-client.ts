import type { Outlook } from './protocol.js';
import type { Store } from './store.js';

/** What is assumed to be otherwise. */
export interface Change {
  inputs: Readonly<Record<string, number>>;
  renewed: readonly string[];
}

/** Asks the server what the twin expects: today's course by itself, a change when it is tried. */
export class OutlookClient {
  readonly #store: Store;
  readonly #asset: string | null;
  readonly #onChange: () => void;
  #revision = 0;
  #change: Change | undefined;
  #isAsking = false;
  #isWaiting = false;
  #isFetching = false;
  /** Why the last change was not answered. */
  fault: string | undefined;

  constructor(store: Store, asset: string | null, onChange: () => void) {
    this.#store = store;
    this.#asset = asset;
    this.#onChange = onChange;
  }

  /** Whether an answer is awaited. */
  get isAsking(): boolean {
    return this.#isAsking;
  }

  /** Fetches today's course where there is a newer one; what is tried is asked again beside it. */
  follow(): void {
    const revision = this.#store.status?.outlook.revision ?? 0;
    // A server that was started anew counts from the beginning.
    if (revision === 0 || revision === this.#revision || this.#isFetching) return;
    this.#isFetching = true;
    void this.#fetch('').then((answer) => {
      this.#isFetching = false;
      if (typeof answer === 'string') return;
      this.#revision = revision;
      this.#store.expect({ today: answer });
      if (this.#change !== undefined) this.try(this.#change);
      this.#onChange();
    });
  }

  /** Tries a change; while one is being answered, only the last of those that follow is asked. */
  try(change: Change | undefined): void {
    this.#change = change;
    if (change === undefined) {
      this.fault = undefined;
      this.#store.expect({ tried: undefined });
      this.#onChange();
      return;
    }
    if (this.#isAsking) {
      this.#isWaiting = true;
      return;
    }
    this.#isAsking = true;
    this.#onChange();
    void this.#fetch(queryOf(change)).then((answer) => {
      this.#isAsking = false;
      if (this.#change !== undefined) {
        this.fault = typeof answer === 'string' ? answer : undefined;
        // Nothing is drawn as the answer to a question that was not answered.
        this.#store.expect({ tried: typeof answer === 'string' ? undefined : answer });
      }
      if (this.#isWaiting) {
        this.#isWaiting = false;
        this.try(this.#change);
      }
      this.#onChange();
    });
  }

  async #fetch(query: string): Promise<Outlook | string> {
    const asset = this.#asset === null ? '' : `asset=${encodeURIComponent(this.#asset)}`;
    const parts = [asset, query].filter((part) => part !== '');
    try {
      const answer = await fetch(`/api/outlook${parts.length > 0 ? '?' : ''}${parts.join('&')}`);
      const body = (await answer.json()) as Outlook | { error: string };
      return 'error' in body ? body.error : body;
    } catch {
      return 'The server of this page does not answer.';
    }
  }
}

function queryOf({ inputs, renewed }: Change): string {
  const query = new URLSearchParams();
  for (const [variable, value] of Object.entries(inputs)) {
    query.set(`input.${variable}`, String(value));
  }
  if (renewed.length > 0) query.set('renew', renewed.join(','));
  return query.toString();
}
