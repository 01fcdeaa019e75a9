import { TwinError } from '../core/index.js';

const SEGMENT = /^[A-Za-z0-9_%=:@+~-][A-Za-z0-9_.%=:@+~-]*$/;

/**
 * Refuses keys that one of the stores could not hold: segments of letters, digits and `_.%=:@+~-`
 * between single slashes, none beginning with a dot, 512 characters at most.
 *
 * @throws TwinError `VALUE_INVALID`
 */
export function checkKey(key: string): void {
  if (key.length > 512 || !key.split('/').every((segment) => SEGMENT.test(segment))) {
    throw new TwinError(
      'VALUE_INVALID',
      `"${key}" is no object key: expected segments of letters, digits and _.%=:@+~- between slashes, none beginning with a dot, at most 512 characters.`,
    );
  }
}

/** Any text as one segment of a key, e.g. an asset's external id or an alias. */
export function keySegment(text: string): string {
  return encodeURIComponent(text)
    .replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`)
    .replace(/^\./, '%2E');
}
