import { type AccountedWrites, NO_ENTRY } from './accounted-writes.js';
import { NO_BYTES, type OutboxDatabase } from './database.js';
import type { OutboxEntry } from './outbox-types.js';

/**
 * Takes entries that the far end refuses for now out of the queue, durably, so that they no longer stand before
 * others.
 */
export async function park(
  db: OutboxDatabase,
  writes: AccountedWrites,
  entries: readonly OutboxEntry[],
): Promise<void> {
  if (entries.length === 0) return;
  await writes.run('remove', entries.length, NO_ENTRY, (own) => {
    for (const { key, sample } of entries) {
      own(db.queue.remove(key));
      own(db.doubtful.remove(key));
      own(db.parked.put(key, db.rowOf(sample, own)));
    }
  });
}

/** Puts the oldest parked rows back into the queue. @returns how many */
export async function unpark(
  db: OutboxDatabase,
  writes: AccountedWrites,
  limit: number,
): Promise<number> {
  const rows = [...db.parked.getRange({ limit })];
  if (rows.length === 0) return 0;
  await writes.run('remove', rows.length, NO_ENTRY, (own) => {
    for (const { key, value } of rows) {
      own(db.parked.remove(key));
      own(db.queue.put(key, value));
      const isGood = 'quality' in value && value.quality === 'GOOD';
      if (!isGood) own(db.doubtful.put(key, NO_BYTES));
    }
  });
  return rows.length;
}
