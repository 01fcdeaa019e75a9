import type { Logger } from '../../core/index.js';
import type { FmiLogMessage } from '../binding/instance.js';

/** Kinds of messages that are counted; what comes beyond is logged as it is. */
const MAX_KINDS = 1000;

/**
 * What the instances of an FMU say, over all its processes. A message that comes again, but for its
 * numbers, is counted: a warning of every run would bury all others.
 */
export class MessageLog {
  readonly #logger: Logger;
  readonly #everything: boolean;
  readonly #counts = new Map<string, { count: number; text: string }>();

  /** @param everything log each message, for those who asked for the FMU's log */
  constructor(logger: Logger, everything: boolean) {
    this.#logger = logger;
    this.#everything = everything;
  }

  add({ status, category, message }: FmiLogMessage): void {
    const kind = `${status} ${category} ${message.replace(/[\d.]+(e[-+]?\d+)?/gi, '#')}`;
    const known = this.#counts.get(kind);
    if (known !== undefined && !this.#everything) {
      known.count++;
      return;
    }
    if (known === undefined && this.#counts.size < MAX_KINDS) {
      this.#counts.set(kind, { count: 1, text: message });
    }
    const level = status === 'OK' ? 'info' : status === 'Warning' ? 'warn' : 'error';
    this.#logger[level]('FMU message', { status, category, text: message });
  }

  /** Says how often messages came that were logged once. */
  close(): void {
    for (const { count, text } of this.#counts.values()) {
      if (count > 1) this.#logger.warn('FMU message repeated', { times: count, text });
    }
    this.#counts.clear();
  }
}
