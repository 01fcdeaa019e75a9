import type { Quality } from '../../shared/core/index.js';
import type { OutboxDatabase } from './database.js';
import { decodeRow } from './record.js';

/** The first keys of a table that nobody works with. */
function freeKeys(
  table: OutboxDatabase['queue'],
  count: number,
  inUse: (key: string) => boolean,
): Buffer[] {
  const keys: Buffer[] = [];
  for (const key of table.getKeys()) {
    if (inUse(key.toString('latin1'))) continue;
    keys.push(Buffer.from(key));
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
): [Buffer, Quality][] {
  const doubtful = freeKeys(db.doubtful, count, inUse);
  if (doubtful.length > 0) {
    return doubtful.map((key) => {
      const row = db.queue.get(key);
      const sample = row && decodeRow(key, row, (id) => db.alias(id));
      return [key, sample?.quality ?? 'UNCERTAIN'];
    });
  }
  const queued = freeKeys(db.queue, count, inUse);
  const keys = queued.length > 0 ? queued : freeKeys(db.parked, count, inUse);
  return keys.map((key) => [key, 'GOOD']);
}
