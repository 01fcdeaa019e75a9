import type { MqttSourceConfig } from '../../shared/config/index.js';
import type { RawSample } from '../pipeline/signal-pipeline.js';

export type MqttSignal = MqttSourceConfig['signals'][number];

/** Steps of a path such as `values[0].v`. */
function parseJsonPath(path: string): (string | number)[] {
  const steps: (string | number)[] = [];
  for (const [, name, index] of path.replace(/^\$\.?/, '').matchAll(/([^.[\]]+)|\[(\d+)\]/g)) {
    if (index !== undefined) steps.push(Number(index));
    else if (name !== undefined) steps.push(name);
  }
  return steps;
}

function valueAt(root: unknown, path: string): unknown {
  let value = root;
  for (const step of parseJsonPath(path)) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step))
      return undefined;
    value = (value as Record<string | number, unknown>)[step];
  }
  return value;
}

const NS_PER_UNIT = { s: 1e9, ms: 1e6, us: 1e3, ns: 1 } as const;

/** A time to the nanosecond: what is written in digits never goes through a double. */
function readTime(value: unknown, unit: MqttSignal['timeUnit']): bigint | undefined {
  if (typeof value === 'string') {
    const decimal = /^\s*(-?)(\d+)(?:\.(\d+))?\s*$/.exec(value);
    if (decimal === null) return readDate(value);
    const [, sign, whole = '0', fraction = ''] = decimal;
    const digits = { s: 9, ms: 6, us: 3, ns: 0 }[unit];
    const ns = BigInt(whole + fraction.slice(0, digits).padEnd(digits, '0'));
    return sign === '-' ? -ns : ns;
  }
  if (typeof value !== 'number' || !Number.isFinite(value)) return undefined;
  const scale = NS_PER_UNIT[unit];
  const whole = Math.trunc(value);
  return BigInt(whole) * BigInt(scale) + BigInt(Math.round((value - whole) * scale));
}

/** `Date` keeps milliseconds only: the fraction of the second is read beside it. */
function readDate(text: string): bigint | undefined {
  const fraction = /:\d{2}\.(\d+)/.exec(text)?.[1];
  const ms = Date.parse(fraction === undefined ? text : text.replace(`.${fraction}`, ''));
  if (Number.isNaN(ms)) return undefined;
  return BigInt(ms) * 1_000_000n + BigInt((fraction ?? '').slice(0, 9).padEnd(9, '0'));
}

/** A text or a number in JSON (RFC 8259, sections 6 and 7). */
const TOKENS = /"(?:[^"\\]|\\.)*"|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/g;
/** Digits from which on a double may not keep a number as it is written. */
const MOST_DIGITS = 15;

/** Reads JSON; numbers of more digits than a double keeps, such as times in nanoseconds, come as text. */
function parseJson(text: string): unknown {
  if (!/\d[\d.]{15}/.test(text)) return JSON.parse(text);
  // The reviver that sees digits came with Node 22 only. What is no JSON stays none.
  const kept = text.replace(TOKENS, (token) =>
    token.length > MOST_DIGITS && /^[-\d.]+$/.test(token) ? `"${token}"` : token,
  );
  return JSON.parse(kept);
}

/** What one message says about one signal; what cannot be read is BAD. */
export function readMessage(signal: MqttSignal, index: number, payload: Buffer): RawSample {
  const bad: RawSample = { signal: index, timeNs: undefined, quality: 'BAD', value: null };
  const text = payload.toString('utf8');
  if (signal.jsonPath === '' && signal.timePath === undefined) {
    return { ...bad, quality: 'GOOD', value: text };
  }
  let root: unknown;
  try {
    root = parseJson(text);
  } catch {
    return { ...bad, reason: 'no-json' };
  }
  const value = signal.jsonPath === '' ? root : valueAt(root, signal.jsonPath);
  const time =
    signal.timePath === undefined
      ? undefined
      : readTime(valueAt(root, signal.timePath), signal.timeUnit);
  if (value === undefined) return { ...bad, timeNs: time, reason: 'path-not-found' };
  if (value === null) return { ...bad, timeNs: time, reason: 'no-value' };
  // A list or an object is no value of one stream; further on a pair would pass for a 64-bit integer.
  if (typeof value === 'object') {
    return { ...bad, timeNs: time, reason: Array.isArray(value) ? 'list' : 'object' };
  }
  // The time of its arrival is not the time that it was promised with.
  if (signal.timePath !== undefined && time === undefined) {
    return { signal: index, timeNs: time, quality: 'UNCERTAIN', value, reason: 'no-time' };
  }
  // A broker keeps messages while we are away.
  return { signal: index, timeNs: time, quality: 'GOOD', value, mayBeLate: true };
}

/** Whether a topic fits a filter with `+` and `#`. */
export function topicMatches(filter: string, topic: string): boolean {
  const wanted = filter.split('/');
  const given = topic.split('/');
  for (let i = 0; i < wanted.length; i++) {
    if (wanted[i] === '#') return true;
    if (i >= given.length || (wanted[i] !== '+' && wanted[i] !== given[i])) return false;
  }
  return wanted.length === given.length;
}
