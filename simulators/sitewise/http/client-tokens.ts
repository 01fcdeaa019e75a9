import { createHash } from 'node:crypto';
import { ApiFault } from '../api/faults.js';
import { toWire } from '../api/handler.js';

/** How many tokens are remembered; the oldest are forgotten first. */
const MAX_TOKENS = 10_000;

interface Kept {
  /** A digest of it. */
  content: string;
  answer: Promise<object | undefined>;
}

/**
 * Requests with a `clientToken`, each carried out once: who sends one again, because the answer was
 * lost, gets the first answer. Remembered as long as the process lives.
 */
export class ClientTokens {
  readonly #kept = new Map<string, Kept>();

  /**
   * Carries a request out, or gives the answer it had.
   *
   * @param input a checked request; one without a token is always carried out
   * @throws ApiFault `ConflictingOperationException` when the token came with other content before
   */
  async once(
    operation: string,
    input: object,
    carryOut: () => object | undefined | Promise<object | undefined>,
  ): Promise<object | undefined> {
    const token = (input as { clientToken?: unknown }).clientToken;
    if (typeof token !== 'string') return carryOut();
    const key = `${operation}/${token}`;
    const content = createHash('sha256').update(toWire(input)).digest('base64');
    const kept = this.#kept.get(key);
    if (kept !== undefined) {
      if (kept.content === content) return kept.answer;
      throw new ApiFault(
        'ConflictingOperationException',
        `The clientToken ${token} came with another ${operation} before: use a new one for each request.`,
        { resourceId: token, resourceArn: token },
      );
    }
    const answer = (async () => carryOut())();
    this.#kept.set(key, { content, answer });
    const [oldest] = this.#kept.keys();
    if (this.#kept.size > MAX_TOKENS && oldest !== undefined) this.#kept.delete(oldest);
    try {
      return await answer;
    } catch (error) {
      // Nothing was done: the same request may be tried again.
      this.#kept.delete(key);
      throw error;
    }
  }
}
