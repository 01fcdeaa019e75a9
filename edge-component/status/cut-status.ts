import type { EdgeStatus } from './status.js';

/** What of a status was left out of a message, by number. */
export interface LeftOut {
  sources?: number;
  /** Names of parts that were left out whole. */
  parts?: string[];
  /** Texts that were cut. */
  texts?: number;
}

const SHORT_TEXT = 200;

function bytesOf(value: unknown): number {
  return Buffer.byteLength(
    JSON.stringify(value, (_key, v: unknown) => (typeof v === 'bigint' ? v.toString() : v)),
  );
}

/** Cuts long texts anywhere in a value. */
function withShortTexts(value: unknown, cut: { count: number }): unknown {
  if (typeof value === 'string') {
    if (value.length <= SHORT_TEXT) return value;
    cut.count++;
    return `${value.slice(0, SHORT_TEXT)}…`;
  }
  if (Array.isArray(value)) return value.map((v) => withShortTexts(v, cut));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, withShortTexts(v, cut)]));
}

/** What is given up first, when short texts and fewer sources are not enough. */
const PARTS = ['virtualSensors', 'ledger', 'clock', 'deadLettered', 'outbox', 'publisher'] as const;

/**
 * A status that fits into a message, whatever its length: texts are cut, sources left out from the end (those
 * that are not up stay longest), then whole parts. `leftOut` says what is missing; the status server has all.
 *
 * @param maxBytes at least 600
 */
export function cutStatus<T extends EdgeStatus & { id?: unknown }>(
  status: T,
  maxBytes: number,
): Partial<T> & { leftOut?: LeftOut } {
  if (bytesOf(status) <= maxBytes) return status;
  const cut = { count: 0 };
  const short = withShortTexts(status, cut) as T;
  const texts = cut.count === 0 ? {} : { texts: cut.count };
  const sources = [
    ...short.sources.filter((s) => s.state !== 'up'),
    ...short.sources.filter((s) => s.state === 'up'),
  ];
  // Room for `leftOut` itself.
  const room = maxBytes - 200;
  let size = bytesOf({ ...short, sources: [] });
  const kept: EdgeStatus['sources'] = [];
  for (const source of sources) {
    size += bytesOf(source) + 1;
    if (size > room) break;
    kept.push(source);
  }
  const leftOut: LeftOut = {
    ...(kept.length === sources.length ? {} : { sources: sources.length - kept.length }),
    ...texts,
  };
  const message: Partial<T> & { leftOut?: LeftOut } = { ...short, sources: kept, leftOut };
  for (const part of PARTS) {
    if (bytesOf(message) <= maxBytes) return message;
    if (message[part] === undefined) continue;
    delete message[part];
    leftOut.parts = [...(leftOut.parts ?? []), part];
  }
  if (bytesOf(message) <= maxBytes) return message;
  // Only an answer's own id can be so long.
  delete message.id;
  return message;
}
