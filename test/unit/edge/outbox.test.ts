import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Outbox } from '../../../edge-component/outbox/outbox.js';
import {
  decodeRow,
  type EdgeSample,
  encodeKey,
  encodeRow,
  LATEST_NS,
  sampleOf,
  timeOfKey,
} from '../../../edge-component/outbox/record.js';
import { probeOutbox } from '../../../edge-component/outbox/repair.js';
import { ManualClock, silentLogger } from '../../../shared/core/index.js';
import { temporaryFolder } from '../../support/edge.js';
import { sample, T0 } from './edge-samples.js';

let folder: { path: string; remove: () => Promise<void> };
let clock: ManualClock;
const opened: Outbox[] = [];

beforeEach(async () => {
  folder = await temporaryFolder();
  clock = new ManualClock(T0);
});
afterEach(async () => {
  for (const outbox of opened.splice(0)) await outbox.close();
  await folder.remove();
});

async function openOutbox(options: { maxBytes?: number; slowAt?: number } = {}): Promise<Outbox> {
  const outbox = await Outbox.open({
    directory: folder.path,
    maxBytes: options.maxBytes ?? 1e9,
    slowAt: options.slowAt ?? 0.8,
    batchMs: 0,
    clock,
    logger: silentLogger,
  });
  opened.push(outbox);
  return outbox;
}

const samples = fc.record({
  alias: fc.constantFrom('/a', '/b', '/größe'),
  timeNs: fc.bigInt({ min: 0n, max: 4_000_000_000_000_000_000n }),
  quality: fc.constantFrom('GOOD' as const, 'BAD' as const, 'UNCERTAIN' as const),
  value: fc.oneof(
    fc.double({ noNaN: true }),
    fc.boolean(),
    fc.string({ maxLength: 50 }),
    fc.constant(null),
  ),
  dataType: fc.constantFrom(
    'DOUBLE' as const,
    'INTEGER' as const,
    'BOOLEAN' as const,
    'STRING' as const,
  ),
});

/** A row as it comes back from its bytes. */
function rowThroughBytes({ quality, dataType, value }: EdgeSample) {
  const bytes = encodeRow({ aliasId: 7, quality, dataType, value });
  const { start, end } = bytes;
  return decodeRow(bytes.subarray(start, end));
}

describe('rows', () => {
  it('have keys for every time, so that one that is out of all bounds holds nobody up', () => {
    expect(timeOfKey(encodeKey(-1n, 0))).toBe(0n);
    expect(timeOfKey(encodeKey(10n ** 30n, 2 ** 48 - 1))).toBe(LATEST_NS);
    expect(encodeKey(1n, 2 ** 40) < encodeKey(2n, 0)).toBe(true);
  });

  it('come back as they went in', () => {
    fc.assert(
      fc.property(samples, fc.nat(), (s, sequence) => {
        const back = sampleOf(encodeKey(s.timeNs, sequence), rowThroughBytes(s), () => s.alias);
        expect(back).toEqual(s);
      }),
    );
  });

  it('are refused, not misread, when their bytes are none of ours', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        const row = decodeRow(bytes);
        if ('unreadable' in row) expect([...row.unreadable]).toEqual([...bytes]);
        else expect(['GOOD', 'BAD', 'UNCERTAIN']).toContain(row.quality);
      }),
    );
  });
});

describe('the outbox', () => {
  it('keeps the order of time, whatever the order of arrival', async () => {
    const outbox = await openOutbox();
    await outbox.append([sample(3), sample(1)]);
    await outbox.append([sample(2), sample(0)]);
    expect(outbox.peek({ limit: 10 }).map((e) => e.sample.value)).toEqual([0, 1, 2, 3]);
    expect(outbox.peek({ limit: 2, newestFirst: true }).map((e) => e.sample.value)).toEqual([3, 2]);
  });

  it('does to any sequence of actions what a plain list does, also across restarts', async () => {
    const action = fc.oneof(
      fc.record({
        kind: fc.constant('append' as const),
        batch: fc.array(samples, { maxLength: 5 }),
      }),
      fc.record({ kind: fc.constant('remove' as const), count: fc.nat(4) }),
      fc.record({ kind: fc.constant('park' as const), count: fc.nat(3) }),
      fc.record({ kind: fc.constant('reopen' as const) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(action, { maxLength: 12 }), async (actions) => {
        const own = await temporaryFolder();
        const open = () =>
          Outbox.open({
            directory: own.path,
            maxBytes: 1e9,
            slowAt: 0.8,
            batchMs: 0,
            clock,
            logger: silentLogger,
          });
        let outbox = await open();
        let model: EdgeSample[] = [];
        try {
          for (const a of actions) {
            if (a.kind === 'append') {
              await outbox.append(a.batch);
              model.push(...a.batch);
              // Stable: arrivals of one instant keep their order.
              model.sort((x, y) => (x.timeNs < y.timeNs ? -1 : x.timeNs > y.timeNs ? 1 : 0));
            } else if (a.kind === 'remove') {
              await outbox.remove(outbox.peek({ limit: a.count }));
              model = model.slice(a.count);
            } else if (a.kind === 'park') {
              await outbox.park(outbox.peek({ limit: a.count }));
              await outbox.unpark(10);
            } else {
              await outbox.close();
              clock = new ManualClock(clock.nowNs() + 1_000_000n);
              outbox = await open();
            }
            expect(outbox.depth).toBe(model.length);
          }
          expect(outbox.peek({ limit: 1000 }).map((e) => e.sample)).toEqual(model);
        } finally {
          await outbox.close();
          await own.remove();
        }
      }),
      { numRuns: 8 },
    );
  }, 60_000);

  it('keeps a source’s place together with its samples', async () => {
    const first = await openOutbox();
    await first.append([sample(0)], { source: 'replay', position: 'row 1' });
    await first.close();
    const second = await openOutbox();
    expect(second.checkpoint('replay')).toBe('row 1');
    expect(second.depth).toBe(1);
  });

  it('when full drops what is doubtful first, then the oldest, and counts every one', async () => {
    const outbox = await openOutbox({ maxBytes: 400_000 });
    const batch = Array.from({ length: 20_000 }, (_, i) =>
      sample(i, i % 10 === 9 ? { quality: 'BAD', value: null } : {}),
    );
    await outbox.append(batch);
    await outbox.enforceSize();
    expect(outbox.bytes).toBeLessThanOrEqual(400_000);
    const { dropped } = outbox.counters;
    expect(dropped.BAD).toBe(2000);
    expect(dropped.GOOD + dropped.BAD + outbox.depth).toBe(20_000);
    const kept = outbox.peek({ limit: 20_000 }).map((e) => Number(e.sample.value));
    expect(kept.at(-1)).toBe(19_998);
    expect(kept[0]).toBeGreaterThan(1000);
  });

  it('asks sources to wait before it is full', async () => {
    const outbox = await openOutbox({ maxBytes: 400_000, slowAt: 0.5 });
    expect(outbox.slow).toBe(false);
    await outbox.append(Array.from({ length: 8000 }, (_, i) => sample(i)));
    expect(outbox.slow).toBe(true);
    expect(outbox.counters.dropped.GOOD).toBe(0);
  });

  it('sets a corrupt file aside, reports it and begins a new one', async () => {
    const first = await openOutbox();
    await first.append(Array.from({ length: 5000 }, (_, i) => sample(i)));
    await first.close();
    const file = join(folder.path, 'outbox/data.mdb');
    const bytes = await readFile(file);
    // Both meta pages and whatever follows: nothing LMDB could start from.
    bytes.fill(0xa5, 0, 3 * 4096);
    await writeFile(file, bytes);
    const second = await openOutbox();
    expect(second.depth).toBe(0);
    expect(second.setAside?.path).toMatch(/outbox\.broken-/);
    expect((await readFile(join(second.setAside?.path ?? '', 'data.mdb'))).equals(bytes)).toBe(
      true,
    );
    await second.append([sample(1)]);
    expect(second.depth).toBe(1);
  });
});

describe('the account of the outbox', () => {
  it('adds up through every fate, also across restarts', async () => {
    const first = await openOutbox({ maxBytes: 200_000 });
    await first.append(
      Array.from({ length: 8000 }, (_, i) => sample(i, i % 10 === 0 ? { quality: 'BAD' } : {})),
    );
    await first.enforceSize();
    await first.remove(first.peek({ limit: 100 }));
    await first.remove(first.peek({ limit: 50 }), { kind: 'deadLettered', reason: 'TooOld' });
    await first.park(first.peek({ limit: 10 }));
    const { account } = first;
    expect(account).toMatchObject({
      stored: 8000,
      accepted: 100,
      deadLettered: { TooOld: 50 },
      waiting: first.depth,
      missing: 0,
      gap: 0,
    });
    expect(account.dropped['outbox-full-BAD']).toBe(800);
    await first.close();
    const second = await openOutbox();
    expect(second.account).toEqual(account);
    expect(second.missingAtStart).toBe(0);
    await second.unpark(100);
    await second.append([sample(1)]);
    expect(second.account).toMatchObject({ stored: 8001, waiting: account.waiting + 1, gap: 0 });
  });

  it('drops no row that somebody works with, and none twice', async () => {
    const outbox = await openOutbox({ maxBytes: 100_000 });
    await outbox.append(Array.from({ length: 1500 }, (_, i) => sample(i)));
    const taken = new Set(outbox.peek({ limit: 200 }).map((e) => e.key));
    outbox.protect((key) => taken.has(key));
    await outbox.append(Array.from({ length: 6000 }, (_, i) => sample(i + 1500)));
    await Promise.all([outbox.enforceSize(), outbox.enforceSize()]);
    expect(outbox.peek({ limit: 200 }).map((e) => e.key)).toEqual([...taken]);
    expect(outbox.account.gap).toBe(0);
    expect(outbox.counters.dropped.GOOD).toBe(7500 - outbox.depth);
  });

  it('finds rows that are missing when it is opened, says so, and enters them', async () => {
    const first = await openOutbox();
    await first.append([sample(0), sample(1), sample(2)]);
    await first.close();
    const { OutboxDatabase } = await import('../../../edge-component/outbox/database.js');
    const database = new OutboxDatabase(join(folder.path, 'outbox'));
    await database.write('remove', 1, (own) => {
      for (const key of database.queue.getKeys({ limit: 1 })) {
        own(database.queue.remove(key));
      }
    });
    await database.close();
    const second = await openOutbox();
    expect(second.missingAtStart).toBe(1);
    await second.append([sample(3)]);
    expect(second.account).toMatchObject({ stored: 4, waiting: 3, missing: 1, gap: 0 });
    await second.close();
    expect((await openOutbox()).missingAtStart).toBe(0);
  });

  it('gives no key twice though the clock begins anew in 1970 at every start', async () => {
    clock = new ManualClock(1_000_000_000n);
    const first = await openOutbox();
    await first.append([sample(0, { alias: '/a' })]);
    await first.close();
    const second = await openOutbox();
    await second.append([sample(0, { alias: '/b' })]);
    expect(second.peek({ limit: 10 }).map((e) => e.sample.alias)).toEqual(['/a', '/b']);
    expect(second.account.gap).toBe(0);
  });
});

describe('aliases', () => {
  it('are on disk with the first transaction that succeeds, whichever failed before', async () => {
    const { OutboxDatabase } = await import('../../../edge-component/outbox/database.js');
    const database = new OutboxDatabase(folder.path);
    const put = (alias: string, fail: boolean) =>
      database.write('append', 1, (own) => {
        const key = encodeKey(T0, alias.length);
        own(database.queue.put(key, { ...sample(1), aliasId: database.aliasId(alias, own) }));
        if (fail) throw new Error('broken off');
      });
    // The one that brings the alias fails while the next one that uses it is under way.
    const [failed, second] = await Promise.allSettled([put('/new', true), put('/new', false)]);
    expect([failed.status, second.status]).toEqual(['rejected', 'fulfilled']);
    await put('/other-one', false);
    await database.close();
    const again = new OutboxDatabase(folder.path);
    const rows = [...again.queue.getRange()].map(
      ({ key, value }) => sampleOf(key, value, (id) => again.alias(id))?.alias,
    );
    expect(rows).toEqual(['/new', '/other-one']);
    await again.close();
  });
});

describe('a look through an outbox', () => {
  it('that takes too long says nothing against it', async () => {
    const first = await openOutbox();
    await first.append([sample(1)]);
    await first.close();
    const path = join(folder.path, 'outbox');
    expect(await probeOutbox(path)).toEqual({ sound: true });
    expect(await probeOutbox(path, 1)).toEqual({ unknown: 'it took longer than 1 ms' });
    const again = await openOutbox();
    expect(again.setAside).toBeUndefined();
    expect(again.depth).toBe(1);
  });
});
