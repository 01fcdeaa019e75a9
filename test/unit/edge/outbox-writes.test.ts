import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Outbox } from '../../../edge-component/outbox/outbox.js';
import { MOST_REMOVED, Removals } from '../../../edge-component/outbox/removals.js';
import { ManualClock, silentLogger } from '../../../shared/core/index.js';
import { temporaryFolder } from '../../support/edge.js';

let folder: { path: string; remove: () => Promise<void> };
beforeEach(async () => {
  folder = await temporaryFolder();
});
afterEach(async () => {
  vi.useRealTimers();
  vi.restoreAllMocks();
  await folder.remove();
});

const T0 = 1_800_000_000_000_000_000n;
const open = () =>
  Outbox.open({
    directory: folder.path,
    maxBytes: 1e9,
    slowAt: 0.8,
    batchMs: 0,
    clock: new ManualClock(T0),
    logger: silentLogger,
  });
const samples = (count: number) =>
  Array.from({ length: count }, (_, i) => ({
    alias: '/a',
    timeNs: T0 + BigInt(i),
    quality: 'GOOD' as const,
    value: i,
    dataType: 'DOUBLE' as const,
  }));

describe('a write that does not end', () => {
  it('is a fault of the outbox, and slows the sources, until it ends', async () => {
    const { OutboxDatabase } = await import('../../../edge-component/outbox/database.js');
    const outbox = await open();
    let end = () => {};
    vi.spyOn(OutboxDatabase.prototype, 'write').mockImplementation(
      () =>
        new Promise((resolve) => {
          end = resolve;
        }),
    );
    vi.useFakeTimers({ toFake: ['performance', 'setTimeout'] });
    const stored = outbox.append(samples(1));
    await vi.advanceTimersByTimeAsync(9000);
    expect([outbox.fault, outbox.slow]).toEqual([undefined, false]);
    await vi.advanceTimersByTimeAsync(6000);
    expect(outbox.fault).toMatch(/the disk has not finished a write for 15 s/);
    expect(outbox.slow).toBe(true);
    end();
    await stored;
    expect([outbox.fault, outbox.slow]).toEqual([undefined, false]);
    vi.useRealTimers();
    vi.restoreAllMocks();
    await outbox.close();
  });
});

describe('removals', () => {
  it('that come together are one transaction, of at most so many rows', async () => {
    const sizes: number[] = [];
    const removals = new Removals(
      async (keys) => {
        sizes.push(keys.length);
      },
      () => 0,
    );
    const row = ['k', 'GOOD'] as const;
    await Promise.all(
      Array.from({ length: 250 }, () =>
        removals.add(Array(10).fill(row), [[{ kind: 'accepted' }, 10]]),
      ),
    );
    await removals.add([row], [[{ kind: 'accepted' }, 1]]);
    expect(sizes).toEqual([MOST_REMOVED, MOST_REMOVED, 500, 1]);
  });

  it('that fail are told to each who asked for one of them', async () => {
    let fail = true;
    const removals = new Removals(
      async () => {
        if (fail) throw new Error('full');
      },
      () => 0,
    );
    const outcomes = await Promise.allSettled([removals.add([], []), removals.add([], [])]);
    expect(outcomes.map((o) => o.status)).toEqual(['rejected', 'rejected']);
    fail = false;
    await removals.add([], []);
  });

  it('of many rows at once, with their fates, add up', async () => {
    const outbox = await open();
    await outbox.append(samples(5000));
    const entries = outbox.peek({ limit: 5000 });
    await Promise.all([
      ...[0, 1000, 2000].map((from) =>
        outbox.remove(entries.slice(from, Math.min(from + 1000, 2500)), {
          kind: 'deadLettered',
          reason: 'TooOld',
        }),
      ),
      ...Array.from({ length: 100 }, (_, i) =>
        outbox.remove(entries.slice(2500 + i * 20, 2520 + i * 20)),
      ),
    ]);
    expect(outbox.account).toMatchObject({
      stored: 5000,
      accepted: 2000,
      deadLettered: { TooOld: 2500 },
      waiting: 500,
      gap: 0,
    });
    // What is being removed when it is closed, is removed.
    const last = outbox.remove(entries.slice(4500));
    await outbox.close();
    await last;
    const again = await open();
    expect(again.account).toMatchObject({ accepted: 2500, waiting: 0, gap: 0 });
    await again.close();
  });
});
