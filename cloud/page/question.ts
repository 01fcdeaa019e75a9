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
