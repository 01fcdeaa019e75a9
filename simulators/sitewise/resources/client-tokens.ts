import { createHash } from 'node:crypto';
import { ApiFault } from '../api/faults.js';
import { toWire } from '../api/handler.js';
import type { Account } from './account.js';

/** How many tokens are remembered; the oldest are forgotten first. */
const MAX_TOKENS = 10_000;

type Output = object | undefined;

/**
 * Requests with a `clientToken`, each carried out once: who sends one again, because the answer was
 * lost, gets the first answer. A token is stored in one commit with what its request changed, so that
 * neither outlives the other.
 */
export class ClientTokens {
  readonly #account: Account;
  readonly #underWay = new Map<string, { content: string; answer: Promise<Output> }>();

  constructor(account: Account) {
    this.#account = account;
  }

  /**
   * Carries a request out and stores its changes, or gives the answer it had.
   *
   * @param input a checked request; one without a token is always carried out
   * @throws ApiFault `ConflictingOperationException` when the token came with other content before
   */
  async once(
    operation: string,
    input: object,
    carryOut: () => Output | Promise<Output>,
  ): Promise<Output> {
    const token = (input as { clientToken?: unknown }).clientToken;
    if (typeof token !== 'string') {
      const answer = await carryOut();
      await this.#account.commit();
      return answer;
    }
    const key = `${operation}/${token}`;
    const content = createHash('sha256').update(toWire(input)).digest('base64');
    const known = this.#underWay.get(key) ?? this.#account.clientTokens.get(key);
    if (known !== undefined) {
      if (known.content === content) return known.answer;
      throw new ApiFault(
        'ConflictingOperationException',
        `The clientToken ${token} came with another ${operation} before: use a new one for each request.`,
        { resourceId: token, resourceArn: token },
      );
    }
    const answer = this.#carryOut(key, content, carryOut);
    this.#underWay.set(key, { content, answer });
    try {
      return await answer;
    } finally {
      // Where it failed, nothing was done: the same request may be tried again.
      this.#underWay.delete(key);
    }
  }

  async #carryOut(
    key: string,
    content: string,
    carryOut: () => Output | Promise<Output>,
  ): Promise<Output> {
    const answer = await carryOut();
    const { clientTokens } = this.#account;
    clientTokens.set(key, { content, answer: answer ?? {}, atMs: this.#account.nowMs() });
    if (clientTokens.size > MAX_TOKENS) {
      let oldest: { key: string; atMs: number } | undefined;
      for (const [other, { atMs }] of clientTokens.entries()) {
        if (oldest === undefined || atMs < oldest.atMs) oldest = { key: other, atMs };
      }
      if (oldest !== undefined) clientTokens.delete(oldest.key);
    }
    await this.#account.commit();
    return answer;
  }
}
