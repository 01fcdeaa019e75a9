import {
  type ClientSession,
  type ClientSessionPublishService,
  type NotificationMessage,
  RepublishRequest,
} from 'node-opcua-client';
import { statusOf } from './opcua-limits.js';
import { isUnreadable } from './opcua-oversize.js';

/** Numbers go from 1 to this, and begin again with 1 (OPC UA Part 4, 7.26). */
const NUMBERS = 0xffff_ffff;
/** Messages that are remembered, so that one that comes again is known. */
const REMEMBERED = 256;
/** A server whose numbers jump further has not lost so many messages: it counts anew. */
const FURTHEST = 10_000;
/** One whose first message has a higher number than this began elsewhere than with 1. */
const FIRST = 100;

/** A server's word that a message cannot be had, or that it has no such service. */
const REFUSED =
  /MessageNotAvailable|ServiceUnsupported|NotImplemented|NotSupported|TooLarge|EncodingLimits/;

/** What the number of a message says of those before it. */
export type Passed =
  /** It is the next, or says nothing of those before. */
  | { fate: 'in-order' }
  /** It came before. */
  | { fate: 'again' }
  /** Those between the last one and this one did not come. */
  | { fate: 'gap'; missing: readonly number[] }
  /** The server counts anew: how many are missing cannot be told. */
  | { fate: 'anew' };

/**
 * Follows the sequence numbers of a subscription's messages: one that is missing held values, which nothing else would
 * ever tell. A message without data has the number of the next one that will have some.
 */
export class SequenceWatch {
  #next = 1;
  #hasBegun = false;
  /** Publish times of messages by their numbers, milliseconds since 1970. */
  readonly #seen = new Map<number, number>();
  /** Reported as missing, and not come since. */
  readonly #missing = new Set<number>();

  pass(
    message: Pick<NotificationMessage, 'notificationData' | 'publishTime' | 'sequenceNumber'>,
  ): Passed {
    const { sequenceNumber: number } = message;
    const hasData = (message.notificationData ?? []).length > 0;
    if (!this.#hasBegun && (number < 1 || number > FIRST)) this.#next = number;
    this.#hasBegun = true;
    const ahead = distance(this.#next, number);
    if (!hasData) {
      // Some servers repeat the number of the last message; behind it there is nothing to be told.
      if (ahead <= 0) return IN_ORDER;
      this.#next = number;
      return this.#gap(number, ahead);
    }
    if (ahead < 0) {
      const timeMs = message.publishTime?.getTime() ?? 0;
      if (this.#seen.get(number) === timeMs) return AGAIN;
      this.#remember(message);
      // Late, after one that was published later.
      if (this.#missing.delete(number)) return IN_ORDER;
      this.#next = following(number);
      return ANEW;
    }
    this.#remember(message);
    this.#next = following(number);
    return ahead === 0 ? IN_ORDER : this.#gap(number, ahead);
  }

  #gap(number: number, ahead: number): Passed {
    if (ahead > FURTHEST) return ANEW;
    const missing: number[] = [];
    for (let n = ahead; n > 0; n--) missing.push(before(number, n));
    for (const one of missing) this.#missing.add(one);
    for (const one of this.#missing) {
      if (this.#missing.size <= REMEMBERED) break;
      this.#missing.delete(one);
    }
    return { fate: 'gap', missing };
  }

  #remember({
    sequenceNumber,
    publishTime,
  }: Pick<NotificationMessage, 'publishTime' | 'sequenceNumber'>): void {
    this.#seen.delete(sequenceNumber);
    this.#seen.set(sequenceNumber, publishTime?.getTime() ?? 0);
    for (const oldest of this.#seen.keys()) {
      if (this.#seen.size <= REMEMBERED) break;
      this.#seen.delete(oldest);
    }
  }
}

const IN_ORDER: Passed = { fate: 'in-order' };
const AGAIN: Passed = { fate: 'again' };
const ANEW: Passed = { fate: 'anew' };

function following(number: number): number {
  return number >= NUMBERS ? 1 : number + 1;
}

function before(number: number, n: number): number {
  return ((((number - 1 - n) % NUMBERS) + NUMBERS) % NUMBERS) + 1;
}

/** How many numbers one is after another; negative: before it. */
function distance(from: number, to: number): number {
  const ahead = (((to - from) % NUMBERS) + NUMBERS) % NUMBERS;
  return ahead > NUMBERS / 2 ? ahead - NUMBERS : ahead;
}

/**
 * Asks a server for messages again.
 *
 * @returns those that it still had, in their order, and the numbers of the others
 * @throws where the connection is lost
 */
export async function republish(
  session: ClientSession,
  subscriptionId: number,
  numbers: readonly number[],
): Promise<{ found: NotificationMessage[]; lost: number[] }> {
  // Every session of the stack has this service; its type leaves it out.
  const service = session as ClientSession & ClientSessionPublishService;
  const found: NotificationMessage[] = [];
  const lost: number[] = [];
  for (const number of numbers) {
    const request = new RepublishRequest({ subscriptionId, retransmitSequenceNumber: number });
    const message = await new Promise<NotificationMessage | undefined>((resolve, reject) => {
      service.republish(request, (error, response) => {
        // What the server says of this message alone is an answer; that there is none is not.
        const said = statusOf(error ?? '', '');
        if (error !== null && !REFUSED.test(said)) reject(error);
        else resolve(response?.notificationMessage);
      });
    });
    // Some servers answer with an empty message where they no longer have it.
    const isIt =
      message?.sequenceNumber === number &&
      (message.notificationData ?? []).length > 0 &&
      !isUnreadable(message);
    if (isIt) found.push(message);
    else lost.push(number);
  }
  return { found, lost };
}
