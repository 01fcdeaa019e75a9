import type { OutboxDatabase } from './database.js';
import type { OutboxEntry } from './outbox-types.js';
import { keyFloor, sampleOf, timeOfKey } from './record.js';

/** Which waiting entries to look at. */
export interface PeekRange {
  /** First time, inclusive. */
  fromNs?: bigint;
  /** Last time, exclusive. */
  untilNs?: bigint;
  limit: number;
  /** From the end of the range. */
  newestFirst?: boolean;
  /** Entries to leave out, e.g. because they are under way. */
  skip?: (key: string) => boolean;
}

/**
 * Reads rows of the queue.
 *
 * @param discarding rows that are known to be unreadable
 * @returns entries, and the keys of rows that could not be read and are not known yet
 */
export function readRange(
  db: OutboxDatabase,
  range: PeekRange,
  discarding: ReadonlySet<string>,
): { entries: OutboxEntry[]; unreadable: string[] } {
  const entries: OutboxEntry[] = [];
  const unreadable: string[] = [];
  const low = range.fromNs === undefined ? undefined : keyFloor(range.fromNs);
  const high = range.untilNs === undefined ? undefined : keyFloor(range.untilNs);
  const aliasOf = (id: number) => db.alias(id);
  const reverse = range.newestFirst === true;
  const start = reverse ? high : low;
  const end = reverse ? low : high;
  for (const { key, value } of db.queue.getRange({
    ...(start === undefined ? {} : { start }),
    ...(end === undefined ? {} : { end }),
    reverse,
  })) {
    if (range.skip?.(key) === true) continue;
    const sample = sampleOf(key, value, aliasOf);
    if (sample === undefined) {
      if (!discarding.has(key)) unreadable.push(key);
    } else entries.push({ key, sample });
    if (entries.length >= range.limit) break;
  }
  return { entries, unreadable };
}

/** Time of the oldest row that waits, parked ones too; undefined where none does. */
export function oldestTimeOf(db: OutboxDatabase): bigint | undefined {
  const times = [db.queue, db.parked].map(firstOf).filter((t) => t !== undefined);
  return times.reduce<bigint | undefined>((a, t) => (a === undefined || t < a ? t : a), undefined);
}

/** Time of a table's first row. */
function firstOf(table: OutboxDatabase['queue']): bigint | undefined {
  for (const key of table.getKeys({ limit: 1 })) return timeOfKey(key);
  return undefined;
}
