import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DeadLetters } from '../../../edge-component/outbox/dead-letters.js';
import { Outbox, type OutboxEntry } from '../../../edge-component/outbox/outbox.js';
import type { EdgeSample } from '../../../edge-component/outbox/record.js';
import type { Publisher, SendOutcome } from '../../../edge-component/publishers/publisher.js';
import { Sender } from '../../../edge-component/publishers/sender.js';
import { edgeSchema } from '../../../shared/config/index.js';
import { silentLogger } from '../../../shared/core/index.js';
import { temporaryFolder, until } from '../../support/edge.js';
import { SettableClock } from '../../support/settable-clock.js';

const T0 = 1_800_000_000_000_000_000n;
const S = 1_000_000_000n;
const HOUR = 3600n * S;
const BATCH = 20;

const cleanups: (() => Promise<unknown>)[] = [];
let folder: string;
let clock: SettableClock;
let outbox: Outbox;
beforeEach(async () => {
  const own = await temporaryFolder();
  cleanups.push(own.remove);
  folder = own.path;
  clock = new SettableClock(T0);
  outbox = await Outbox.open({
    directory: folder,
    maxBytes: 1e9,
    slowAt: 0.8,
    batchMs: 0,
    clock,
    logger: silentLogger,
  });
  cleanups.push(() => outbox.close());
});
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** A far end that takes what it is sent, a batch of {@link BATCH} at a time. */
class FarEnd implements Publisher {
  readonly batchSize = BATCH;
  readonly concurrency = 1;
  readonly maxWaitMs: number;
  connected = false;
  messages = 0;
  /** Values, batch by batch. */
  readonly batches: number[][] = [];
  /** Happens while a batch is under way. */
  meanwhile: (batch: number) => Promise<void> = () => Promise.resolve();

  constructor(maxWaitMs: number) {
    this.maxWaitMs = maxWaitMs;
  }

  async connect(): Promise<void> {
    this.connected = true;
  }

  async send(
    entries: readonly OutboxEntry[],
    delivered: (entries: readonly OutboxEntry[]) => void,
  ): Promise<SendOutcome> {
    this.batches.push(entries.map((e) => Number(e.sample.value)));
    await this.meanwhile(this.batches.length);
    delivered(entries);
    return { rejected: [], retry: [], held: [] };
  }

  async close(): Promise<void> {}

  get values(): number[] {
    return this.batches.flat();
  }
}

/** A clock on which every sleep is over at once, and noted. */
class HastyClock extends SettableClock {
  readonly sleptMs: number[] = [];

  override async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    this.sleptMs.push(ms);
    await new Promise((resolve) => setImmediate(resolve));
    signal?.throwIfAborted();
  }
}

/** Starts a sender with an outbox policy; the far end is what it sends to. */
function start(
  policy: object,
  maxWaitMs = 0,
  farEnd = new FarEnd(maxWaitMs),
  senderClock = clock,
): FarEnd {
  const sender = new Sender({
    outbox,
    publisher: farEnd,
    deadLetters: new DeadLetters({
      ...{ directory: folder, maxBytes: 1e6, clock, logger: silentLogger },
      onDelete: (reason, values) => outbox.deleteLetters(reason, values),
    }),
    policy: edgeSchema.parse({ outbox: policy }).outbox,
    clock: senderClock,
    logger: silentLogger,
    random: () => 0.5,
  });
  sender.start();
  cleanups.push(() => sender.close());
  return farEnd;
}

function sample(value: number, timeNs: bigint): EdgeSample {
  return { alias: '/a', timeNs, quality: 'GOOD', value, dataType: 'DOUBLE' };
}

/** An hour old, a second apart, valued 0, 1, 2 … */
function backlog(count: number): EdgeSample[] {
  return Array.from({ length: count }, (_, i) => sample(i, T0 - HOUR + BigInt(i) * S));
}

/** Values of now, from 1000 on. */
function live(count: number, from = 1000): EdgeSample[] {
  return Array.from({ length: count }, (_, i) =>
    sample(from + i, clock.nowNs() + BigInt(from + i)),
  );
}

const isLive = (value: number) => value >= 1000;
const upTo = (n: number) => Array.from({ length: n }, (_, i) => i);

describe('the sender', () => {
  it.each([
    ['oldest-first', upTo(95)],
    ['newest-first', upTo(95).reverse()],
  ])('sends a backlog %s, and what is live beside it at once', async (order, expected) => {
    await outbox.append([...backlog(95), ...live(5)]);
    const farEnd = start({ order });
    await until('all is sent', () => farEnd.values.length === 100);
    expect(farEnd.batches[0]?.filter(isLive)).toEqual([1000, 1001, 1002, 1003, 1004]);
    expect(farEnd.values.filter((v) => !isLive(v))).toEqual(expected);
  });

  it('starves neither: live values have their share of every batch while a backlog drains', async () => {
    await outbox.append(backlog(100));
    // More live values than a batch takes come with every batch.
    await outbox.append(live(30));
    const farEnd = start({ liveShare: 0.25 });
    farEnd.meanwhile = async (batch) => {
      if (batch <= 8) await outbox.append(live(30, 1000 + batch * 30));
    };
    await until('all is sent', () => farEnd.values.length === 100 + 9 * 30);
    const shares = farEnd.batches.slice(0, 6).map((b) => b.filter(isLive).length);
    expect(shares).toEqual([5, 5, 5, 5, 5, 5]);
    // Each lane keeps the order of time.
    expect(farEnd.values.filter((v) => !isLive(v))).toEqual(upTo(100));
    const alive = farEnd.values.filter(isLive);
    expect(alive).toEqual([...alive].sort((a, b) => a - b));
  });

  it('lets values that come all the time wait for company', async () => {
    await outbox.append(live(1));
    const farEnd = start({}, 60_000);
    farEnd.meanwhile = async (batch) => {
      if (batch === 1) await outbox.append(live(1, 2000));
    };
    await until('the first is delivered', () => farEnd.batches.length === 1 && outbox.depth === 1);
    await outbox.append(live(1, 3000));
    await until('the others are', async () => {
      await clock.advance(60_000);
      return farEnd.values.length === 3;
    });
    expect(farEnd.batches).toEqual([[1000], [2000, 3000]]);
  });

  it('without a live window keeps the order of time throughout', async () => {
    await outbox.append([...live(30), ...backlog(100)]);
    const farEnd = start({ liveWindowS: 0 });
    await until('all is sent', () => farEnd.values.length === 130);
    expect(farEnd.values).toEqual([...upTo(100), ...upTo(30).map((i) => 1000 + i)]);
  });

  it.each([
    ['forward', HOUR],
    ['back', -HOUR],
  ])('sends everything once when the clock jumps %s by an hour', async (_way, jumpNs) => {
    await outbox.append(live(50));
    const farEnd = start({});
    farEnd.meanwhile = async (batch) => {
      if (batch !== 1) return;
      clock.shiftNs = jumpNs;
      await outbox.append(live(10, 2000));
    };
    await until('nothing waits', () => outbox.depth === 0);
    expect([...farEnd.values].sort((a, b) => a - b)).toEqual([
      ...upTo(50).map((i) => 1000 + i),
      ...upTo(10).map((i) => 2000 + i),
    ]);
  });

  it('waits longer and longer before it connects anew to a far end that accepts and closes, then goes on at once', async () => {
    const CUTS = 9;
    class Closing extends FarEnd {
      connects = 0;

      override async connect(): Promise<void> {
        this.connects++;
        await super.connect();
      }

      override async send(...args: Parameters<FarEnd['send']>): Promise<SendOutcome> {
        if (this.connects > CUTS) return await super.send(...args);
        this.connected = false;
        const error = 'the connection was lost';
        return { rejected: [], retry: [...args[0]], held: [], error };
      }
    }
    const hasty = new HastyClock(T0);
    const farEnd = new Closing(0);
    await outbox.append(live(3 * BATCH));
    start({}, 0, farEnd, hasty);
    await until('all is sent', () => outbox.depth === 0);
    // 200 ms, doubled up to 15 s, three quarters of it by chance; what else it sleeps is 500 and 1,000 ms.
    const waits = hasty.sleptMs.filter((ms) => ms !== 500 && ms !== 1000);
    expect(waits).toEqual([150, 300, 600, 1200, 2400, 4800, 9600, 11_250, 11_250]);
    expect(farEnd.connects).toBe(CUTS + 1);
    expect(farEnd.values).toEqual(upTo(3 * BATCH).map((i) => 1000 + i));
  });
});
