import { TwinError } from '../../core/index.js';

/** Turns times of a clock on the wall into seconds since 1970 in UTC. */
export interface Zone {
  name: string;
  /**
   * @param local seconds since 1970 as the wall's clock counts them
   * @returns every UTC second at which that clock shows this: none in the hour that is skipped in
   *   spring, two in the one that is repeated in autumn, the earlier first
   */
  toUtc(local: number): readonly number[];
}

/** Offsets change at multiples of this, seconds. */
const BUCKET_S = 900;
const DAY_S = 86_400;

export const UTC: Zone = { name: 'UTC', toUtc: (local) => [local] };

/**
 * A zone by its IANA name.
 *
 * @throws TwinError `USAGE` where there is none of that name
 */
export function zoneOf(name: string): Zone {
  if (/^(utc|z|gmt)$/i.test(name)) return UTC;
  const offsetAt = offsetFunction(name);
  const cache = new Map<number, readonly number[]>();
  const offsetsAt = (local: number): readonly number[] => {
    const bucket = Math.floor(local / BUCKET_S);
    const known = cache.get(bucket);
    if (known !== undefined) return known;
    const at = bucket * BUCKET_S;
    const offsets = [...new Set([offsetAt(at - DAY_S), offsetAt(at + DAY_S)])]
      .filter((offset) => offsetAt(at - offset) === offset)
      .toSorted((a, b) => b - a);
    cache.set(bucket, offsets);
    return offsets;
  };
  return { name, toUtc: (local) => offsetsAt(local).map((offset) => local - offset) };
}

/** Seconds east of UTC at a UTC second. */
function offsetFunction(name: string): (utc: number) => number {
  let format: Intl.DateTimeFormat;
  try {
    format = new Intl.DateTimeFormat('en-US', {
      timeZone: name,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
  } catch {
    throw new TwinError(
      'USAGE',
      `--time-zone is "${name}": expected a name such as Europe/Berlin, America/Chicago or UTC.`,
    );
  }
  return (utc) => {
    const parts = Object.fromEntries(
      format.formatToParts(new Date(utc * 1000)).map(({ type, value }) => [type, Number(value)]),
    );
    const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = parts;
    return Date.UTC(year, month - 1, day, hour, minute, second) / 1000 - utc;
  };
}
