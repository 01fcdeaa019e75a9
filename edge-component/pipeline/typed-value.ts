import type { DataType } from '../outbox/record.js';

/** SiteWise's limit for strings, bytes of UTF-8: what is longer is cut, and UNCERTAIN. */
export const MAX_TEXT_BYTES = 1024;
const MAX_INTEGER = 2_147_483_647;

/** A number as people and JSON write it. Not `0x10` and the like, which JavaScript would take too. */
const DECIMAL = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;
const WHOLE = /^[+-]?\d+$/;
const TRUE_WORDS: ReadonlySet<string> = new Set(['true', '1', 'on']);
const FALSE_WORDS: ReadonlySet<string> = new Set(['false', '0', 'off']);

function toNumber(value: unknown): number | undefined {
  switch (typeof value) {
    case 'number':
      return value;
    case 'bigint':
      return Number(value);
    case 'boolean':
      return value ? 1 : 0;
    case 'string':
      return DECIMAL.test(value.trim()) ? Number(value) : undefined;
    default:
      return undefined;
  }
}

/** Whether an integer, beyond 2⁵³, would become another one as a double. */
function losesDigits(value: unknown): boolean {
  if (typeof value === 'bigint') return BigInt(Number(value)) !== value;
  if (typeof value !== 'string' || value.length < 16) return false;
  const text = value.trim();
  return WHOLE.test(text) && BigInt(Number(text)) !== BigInt(text.replace('+', ''));
}

/**
 * What a device said, as a value of the signal's type.
 *
 * @returns null where it cannot be one, see {@link whyNot}: text where a number is due, NaN, infinite, a
 *   list, an integer beyond SiteWise's 32 bits, or one that a double would change
 */
export function toTypedValue(
  value: unknown,
  dataType: DataType,
  scale: number,
  offset: number,
): number | boolean | string | null {
  if (value === null || value === undefined) return null;
  if (dataType === 'STRING') {
    if (typeof value === 'string') return value;
    if (typeof value === 'number' || typeof value === 'boolean' || typeof value === 'bigint') {
      return String(value);
    }
    return null;
  }
  if (dataType === 'BOOLEAN') {
    if (typeof value === 'string') {
      const text = value.trim().toLowerCase();
      if (TRUE_WORDS.has(text)) return true;
      return FALSE_WORDS.has(text) ? false : null;
    }
    const number = toNumber(value);
    return number === undefined || Number.isNaN(number) ? null : number !== 0;
  }
  const number = toNumber(value);
  if (number === undefined) return null;
  // A value that is scaled is rounded in any case.
  if (scale === 1 && offset === 0 && losesDigits(value)) return null;
  const scaled = number * scale + offset;
  if (!Number.isFinite(scaled)) return null;
  if (dataType === 'DOUBLE') return scaled;
  const whole = Math.round(scaled);
  return Math.abs(whole) > MAX_INTEGER ? null : whole;
}

/** Why {@link toTypedValue} found no value of the type: a word for counters and logs. */
export function whyNot(value: unknown, dataType: DataType): string {
  if (value === null || value === undefined) return 'no-value';
  if (Array.isArray(value) || ArrayBuffer.isView(value)) return 'list';
  if (typeof value === 'object') return 'object';
  if (typeof value === 'number' && !Number.isFinite(value)) {
    return Number.isNaN(value) ? 'nan' : 'infinite';
  }
  if (dataType === 'STRING') return 'no-text';
  if (dataType === 'BOOLEAN') return 'not-a-boolean';
  if (toNumber(value) === undefined) return 'not-a-number';
  if (losesDigits(value)) return 'beyond-53-bits';
  return dataType === 'INTEGER' ? 'beyond-32-bits' : 'infinite';
}

/** The start of a text that fits into so many bytes; no character is halved. */
export function cutText(text: string, maxBytes: number): string {
  // Most texts are short: three bytes is the most that one UTF-16 unit takes.
  if (text.length * 3 <= maxBytes) return text;
  const bytes = Buffer.from(text, 'utf8');
  if (bytes.length <= maxBytes) return text;
  let end = maxBytes;
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end--;
  return bytes.toString('utf8', 0, end);
}
