import type { DataType } from '../outbox/record.js';

/** SiteWise's limit for strings, characters: what is longer is cut, and UNCERTAIN. */
export const MAX_TEXT = 1024;
const MAX_INTEGER = 2_147_483_647;

function toNumber(value: unknown): number | undefined {
  switch (typeof value) {
    case 'number':
      return value;
    case 'bigint':
      return Number(value);
    case 'boolean':
      return value ? 1 : 0;
    case 'string': {
      const text = value.trim();
      return text === '' ? undefined : Number(text);
    }
    default:
      return undefined;
  }
}

/**
 * What a device said, as a value of the signal's type.
 *
 * @returns null where it cannot be one: text where a number is due, NaN, infinite, an object, an
 *   integer beyond SiteWise's 32 bits
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
    if (typeof value === 'boolean') return value;
    if (typeof value === 'string') {
      const text = value.trim().toLowerCase();
      if (text === 'true' || text === '1') return true;
      return text === 'false' || text === '0' ? false : null;
    }
    const number = toNumber(value);
    return number === undefined || Number.isNaN(number) ? null : number !== 0;
  }
  const number = toNumber(value);
  if (number === undefined) return null;
  const scaled = number * scale + offset;
  if (!Number.isFinite(scaled)) return null;
  if (dataType === 'DOUBLE') return scaled;
  const whole = Math.round(scaled);
  return Math.abs(whole) > MAX_INTEGER ? null : whole;
}
