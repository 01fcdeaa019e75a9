import { nsToSeconds, type TqvValue, TwinError } from '../../shared/core/index.js';
import type { Acknowledgement, PageEvent } from './browser/protocol.js';

/** What SiteWise holds of an acknowledgement; its timestamp is when it was given. */
interface Stored {
  code: string;
  subject: string;
  /** The event's time as it was known then, ms since 1970; without an end while it stood. */
  sinceMs: number;
  untilMs?: number | undefined;
  by: string;
  note: string;
}

/** Characters that SiteWise takes in a text. */
const MOST_STORED = 1024;
const MOST_NAME = 60;
const MOST_NOTE = 400;

/** Acknowledgements as SiteWise holds them: every one counts, whoever was first. */
export class Acknowledgements {
  readonly #known = new Map<bigint, Stored>();

  /** Takes a value of the stream. @returns whether it was news */
  take(timeNs: bigint, value: TqvValue): boolean {
    const stored = parse(value);
    if (stored === undefined || this.#known.has(timeNs)) return false;
    this.#known.set(timeNs, stored);
    return true;
  }

  /** Those of an event, the newest last: of the same kind and thing, at a time that they share. */
  of(event: PageEvent): Acknowledgement[] {
    return [...this.#known]
      .map(([timeNs, s]) => [Math.floor(nsToSeconds(timeNs) * 1000), s] as const)
      .filter(([atMs, s]) => {
        const isSame = s.code === event.code && s.subject === event.subject;
        return (
          isSame &&
          s.sinceMs < (event.untilMs ?? Number.POSITIVE_INFINITY) &&
          event.sinceMs <= (s.untilMs ?? atMs)
        );
      })
      .sort((a, b) => a[0] - b[0])
      .map(([atMs, { by, note }]) => ({ atMs, by, note }));
  }
}

function parse(value: TqvValue): Stored | undefined {
  if (typeof value !== 'string') return undefined;
  try {
    const s = JSON.parse(value) as Stored;
    const texts = [s.code, s.subject, s.by, s.note];
    return texts.every((t) => typeof t === 'string') && Number.isFinite(s.sinceMs) ? s : undefined;
  } catch {
    // Others may write to the stream too; what is no acknowledgement is none.
    return undefined;
  }
}

/** What a browser asks to have acknowledged. */
export interface AcknowledgeRequest {
  key: string;
  by: string;
  note: string;
}

/** @throws TwinError `VALUE_INVALID` naming what is missing or too long */
export function checkRequest(body: unknown): AcknowledgeRequest {
  const { key, by, note = '' } = (body ?? {}) as Partial<AcknowledgeRequest>;
  const problem =
    typeof key !== 'string'
      ? '`key` names the event'
      : typeof by !== 'string' || by.trim() === '' || by.length > MOST_NAME
        ? `a name of 1 to ${MOST_NAME} characters`
        : typeof note !== 'string' || note.length > MOST_NOTE
          ? `a note of at most ${MOST_NOTE} characters`
          : undefined;
  if (problem !== undefined) {
    throw new TwinError('VALUE_INVALID', `An acknowledgement needs ${problem}.`);
  }
  return { key: key as string, by: (by as string).trim(), note: note.trim() };
}

/** The text that SiteWise keeps. @throws TwinError `VALUE_INVALID` where it does not fit */
export function toStored(event: PageEvent, { by, note }: AcknowledgeRequest): string {
  const { code, subject, sinceMs, untilMs } = event;
  const stored: Stored = { code, subject, sinceMs, untilMs, by, note };
  const text = JSON.stringify(stored);
  if (text.length > MOST_STORED) {
    throw new TwinError(
      'VALUE_INVALID',
      `The acknowledgement has ${text.length} characters with the event's name; SiteWise takes ${MOST_STORED}. Write a shorter note.`,
    );
  }
  return text;
}
