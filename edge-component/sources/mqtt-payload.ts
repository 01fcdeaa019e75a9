import type { MqttSourceConfig } from '../../shared/config/index.js';
import type { RawSample } from '../pipeline/signal-pipeline.js';

export type MqttSignal = MqttSourceConfig['signals'][number];

/** Steps of a path such as `values[0].v`. */
export function parseJsonPath(path: string): (string | number)[] {
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

function readTime(value: unknown, unit: MqttSignal['timeUnit']): bigint | undefined {
  if (typeof value === 'string' && !/^\s*-?\d+(\.\d+)?\s*$/.test(value)) {
    const ms = Date.parse(value);
    return Number.isNaN(ms) ? undefined : BigInt(ms) * 1_000_000n;
  }
  const number = typeof value === 'string' ? Number(value) : value;
  if (typeof number !== 'number' || !Number.isFinite(number)) return undefined;
  const scale = NS_PER_UNIT[unit];
  const whole = Math.trunc(number);
  return BigInt(whole) * BigInt(scale) + BigInt(Math.round((number - whole) * scale));
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
    root = JSON.parse(text);
  } catch {
    return bad;
  }
  const value = signal.jsonPath === '' ? root : valueAt(root, signal.jsonPath);
  const time =
    signal.timePath === undefined
      ? undefined
      : readTime(valueAt(root, signal.timePath), signal.timeUnit);
  if (value === undefined || value === null) return { ...bad, timeNs: time };
  return { signal: index, timeNs: time, quality: 'GOOD', value };
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
