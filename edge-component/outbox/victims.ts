import type { Quality } from '../../shared/core/index.js';
import type { OutboxDatabase } from './database.js';

/** The first keys of a table that nobody works with. */
function freeKeys(
  table: { getKeys(): Iterable<string> },
  count: number,
  inUse: (key: string) => boolean,
): string[] {
  const keys: string[] = [];
  for (const key of table.getKeys()) {
    if (inUse(key)) continue;
    keys.push(key);
    if (keys.length >= count) break;
  }
  return keys;
}

/**
 * The rows that are dropped first from an outbox that is full: the oldest that are not GOOD, then the
 * oldest, then those that the far end refuses.
 */
export function victimsOf(
  db: OutboxDatabase,
  count: number,
  inUse: (key: string) => boolean,
): [string, Quality][] {
  const doubtful = freeKeys(db.doubtful, count, inUse);
  if (doubtful.length > 0) {
    return doubtful.map((key) => {
      const row = db.queue.get(key);
      return [key, row !== undefined && 'quality' in row ? row.quality : 'UNCERTAIN'];
    });
  }
  const queued = freeKeys(db.queue, count, inUse);
  const keys = queued.length > 0 ? queued : freeKeys(db.parked, count, inUse);
  return keys.map((key) => [key, 'GOOD']);
}
