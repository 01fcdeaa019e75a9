import { TwinError } from '../../shared/core/index.js';
import type { Question } from './asking/index.js';

/** `input.lineSpeed=0.9`. */
const INPUT = /^input\.(.+)$/;

/**
 * A what-if question from the query of an address: `input.<variable>=<number>` and
 * `renew=<parameter>,<parameter>`.
 *
 * @returns undefined where nothing is asked to be otherwise: today's course
 * @throws TwinError `USAGE`
 */
export function parseQuestion(query: Readonly<Record<string, string>>): Question | undefined {
  const inputs: Record<string, number> = {};
  for (const [key, text] of Object.entries(query)) {
    const variable = INPUT.exec(key)?.[1];
    if (variable === undefined) continue;
    const value = text.trim() === '' ? Number.NaN : Number(text);
    if (!Number.isFinite(value)) {
      throw new TwinError('USAGE', `${key} is "${text}": expected a number.`);
    }
    inputs[variable] = value;
  }
  const renewed = (query.renew ?? '').split(',').filter((name) => name !== '');
  if (renewed.length === 0 && Object.keys(inputs).length === 0) return undefined;
  return { inputs, renewed };
}

/** Most channels of one answer: those of a part of the machine, and of a CSV. */
const MAX_CHANNELS = 64;

/**
 * Which span is to be read closely: `from`, `to` in seconds of the axis, and each `channel`.
 *
 * @throws TwinError `USAGE`
 */
export function parseSpan(
  from: string | undefined,
  to: string | undefined,
  channels: readonly string[] | undefined,
): { from: number; to: number; channels: readonly string[] } {
  const numberOf = (name: string, text: string | undefined) => {
    const value = text === undefined || text.trim() === '' ? Number.NaN : Number(text);
    // Beyond this no instant can be told in nanoseconds.
    if (Number.isFinite(value) && Math.abs(value) < 1e10) return value;
    throw new TwinError('USAGE', `${name} is "${text ?? ''}": expected seconds of the axis.`);
  };
  const span = { from: numberOf('from', from), to: numberOf('to', to) };
  if (span.to <= span.from) throw new TwinError('USAGE', 'Give from < to: the span is empty.');
  if (channels === undefined || channels.length === 0 || channels.length > MAX_CHANNELS) {
    throw new TwinError(
      'USAGE',
      `Name 1 to ${MAX_CHANNELS} times channel=parameter:b9, for example.`,
    );
  }
  return { ...span, channels };
}
