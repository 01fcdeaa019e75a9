import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { Aedes } from 'aedes';
import { afterEach, describe, expect, it } from 'vitest';
import type { OutboxEntry } from '../../edge-component/outbox/outbox.js';
import type { EdgeSample } from '../../edge-component/outbox/record.js';
import type { Publisher } from '../../edge-component/publishers/publisher.js';
import { SiteWisePublisher } from '../../edge-component/publishers/sitewise.js';
import { SiteWiseEdgePublisher } from '../../edge-component/publishers/sitewise-edge.js';
import { edgeSchema, type PublisherConfig, parseConfig } from '../../shared/config/index.js';
import { type Clock, createRng, silentLogger, systemClock } from '../../shared/core/index.js';
import { createSiteWiseClient, createSiteWiseReader } from '../../shared/sitewise/index.js';
import { type SiteWise, startSiteWise, startSiteWiseEdge } from '../../simulators/index.js';
import { until } from '../support/edge.js';

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

interface Far {
  publisher: Publisher;
  siteWise: SiteWise;
  /** What SiteWise holds of a stream in the end, in the order of time. */
  history: (alias: string) => Promise<unknown[]>;
}

function publisherConfig(publisher: object): PublisherConfig {
  return parseConfig(edgeSchema, { publisher }, 'test').publisher;
}

async function startFarEnd(
  kind: 'sitewise-edge' | 'sitewise',
  clock: Clock = systemClock,
  change: object = {},
): Promise<Far> {
  const siteWise = await startSiteWise();
  cleanups.push(() => siteWise.close());
  const { endpoint, region } = siteWise;
  const { accessKeyId, secretAccessKey } = siteWise.credentials;
  const credentials = { accessKeyId, secretAccessKey };
  const client = createSiteWiseClient({ endpoint, region, credentials: { ...credentials } });
  cleanups.push(async () => client.destroy());
  const reader = createSiteWiseReader({ client });
  let publisher: Publisher;
  if (kind === 'sitewise') {
    const config = publisherConfig({ type: 'sitewise', endpoint, region, credentials, ...change });
    if (config.type !== 'sitewise') throw new Error('wrong type');
    publisher = new SiteWisePublisher(config, {
      clock,
      logger: silentLogger,
      rng: createRng(1),
    });
  } else {
    const gateway = await startSiteWiseEdge({
      siteWise: { endpoint, region, credentials: { ...credentials } },
      maxWaitMs: 50,
    });
    cleanups.push(() => gateway.close());
    const config = publisherConfig({ type: 'sitewise-edge', url: gateway.mqttUrl });
    if (config.type !== 'sitewise-edge') throw new Error('wrong type');
    publisher = new SiteWiseEdgePublisher(config, 'edge-contract');
  }
  cleanups.push(() => publisher.close());
  return {
    publisher,
    siteWise,
    history: async (alias) => {
      const untilNs = systemClock.nowNs() + 1_000_000_000n;
      const found = await reader.history({
        aliases: [alias],
        missing: 'empty',
        afterNs: untilNs - 3_600_000_000_000n,
        untilNs,
      });
      return (found.get(alias) ?? []).map((v) => v.value);
    },
  };
}

let sequence = 0;
function entry(change: Partial<EdgeSample>): OutboxEntry {
  return {
    key: `k${sequence++}`,
    sample: {
      alias: '/p/a',
      timeNs: systemClock.nowNs(),
      quality: 'GOOD',
      value: 1,
      dataType: 'DOUBLE',
      ...change,
    },
  };
}

describe.each(['sitewise-edge', 'sitewise'] as const)('the publisher %s', (kind) => {
  it('delivers values of all types, each once, and says which it delivered', async () => {
    const { publisher, history } = await startFarEnd(kind);
    const { signal } = new AbortController();
    await publisher.connect(signal);
    expect(publisher.connected).toBe(true);
    const nowNs = systemClock.nowNs();
    const entries = [
      ...Array.from({ length: 35 }, (_, i) =>
        entry({ value: i, timeNs: nowNs - BigInt(35 - i) * 1_000_000n }),
      ),
      entry({ alias: '/p/flag', dataType: 'BOOLEAN', value: true }),
      entry({ alias: '/p/count', dataType: 'INTEGER', value: 7 }),
      entry({ alias: '/p/text', dataType: 'STRING', value: 'läuft' }),
      entry({ alias: '/p/gone', quality: 'BAD', value: null }),
    ];
    const delivered = new Set<string>();
    const outcome = await publisher.send(
      entries,
      (some) => {
        for (const e of some) delivered.add(e.key);
      },
      signal,
    );
    expect(outcome).toEqual({ rejected: [], retry: [], held: [] });
    expect(delivered).toEqual(new Set(entries.map((e) => e.key)));
    await until('all values arrive', async () => (await history('/p/a')).length === 35);
    expect(await history('/p/a')).toEqual(Array.from({ length: 35 }, (_, i) => i));
    await until('the text arrives', async () => (await history('/p/text')).length === 1);
    expect(await history('/p/text')).toEqual(['läuft']);
    await until('the BAD null arrives', async () => (await history('/p/gone')).length === 1);
    expect(await history('/p/gone')).toEqual([null]);
    expect(await history('/p/count')).toEqual([7]);
    expect(await history('/p/flag')).toEqual([true]);
    expect(publisher.messages).toBeGreaterThan(0);
  });

  it('hands back what it could not deliver when it is stopped', async () => {
    const { publisher } = await startFarEnd(kind);
    const stop = new AbortController();
    await publisher.connect(stop.signal);
    stop.abort(new Error('stopped'));
    const entries = [entry({}), entry({})];
    const delivered: OutboxEntry[] = [];
    const outcome = await publisher.send(entries, (some) => delivered.push(...some), stop.signal);
    expect(outcome.retry.length + delivered.length).toBe(2);
  });

  it('can be closed twice', async () => {
    const { publisher } = await startFarEnd(kind);
    await publisher.connect(new AbortController().signal);
    await publisher.close();
    await publisher.close();
    expect(publisher.connected).toBe(false);
  });
});

/** A publisher to a broker, which is closed with it after the test; not connected yet. */
async function publisherTo(broker: Aedes, options: object): Promise<SiteWiseEdgePublisher> {
  const server = createServer(broker.handle);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanups.push(async () => {
    await new Promise<void>((resolve) => broker.close(() => resolve()));
    await new Promise<void>((resolve) => server.close(() => resolve()));
  });
  const url = `mqtt://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const config = publisherConfig({ type: 'sitewise-edge', url, ...options });
  if (config.type !== 'sitewise-edge') throw new Error('wrong type');
  const publisher = new SiteWiseEdgePublisher(config, 'x');
  cleanups.push(() => publisher.close());
  return publisher;
}

describe('the publisher sitewise', () => {
  it('keeps to its rate limit, at a rate far below what the API takes', async () => {
    let sleptMs = 0;
    const clock: Clock = {
      nowNs: () => systemClock.nowNs(),
      sleep: async (ms) => {
        sleptMs += ms;
      },
    };
    const { publisher } = await startFarEnd('sitewise', clock, { maxValuesPerS: 2 });
    const { signal } = new AbortController();
    await publisher.connect(signal);
    const entries = Array.from({ length: 1000 }, (_, i) =>
      entry({ value: i, timeNs: systemClock.nowNs() + BigInt(i) }),
    );
    const startMs = performance.now();
    await publisher.send(entries, () => {}, signal);
    // What it slept and what it was busy with make the time that 1,000 values are worth.
    expect(sleptMs).toBeLessThanOrEqual(500_000);
    expect(sleptMs).toBeGreaterThanOrEqual(500_000 - (performance.now() - startMs));
  });

  it('hands back what the API throttles, with the reason, and gets it through later', async () => {
    const { publisher, siteWise, history } = await startFarEnd('sitewise');
    const { signal } = new AbortController();
    await publisher.connect(signal);
    siteWise.faults.set([
      { operation: 'BatchPutAssetPropertyValue', error: 'ThrottlingException' },
    ]);
    const entries = [entry({ value: 1 })];
    const delivered: OutboxEntry[] = [];
    const take = (some: readonly OutboxEntry[]) => delivered.push(...some);
    const outcome = await publisher.send(entries, take, signal);
    expect(outcome).toMatchObject({ retry: entries, rejected: [], held: [] });
    expect(outcome.error).toContain('ThrottlingException');
    expect(delivered).toEqual([]);
    siteWise.faults.set([]);
    expect((await publisher.send(entries, take, signal)).retry).toEqual([]);
    expect(delivered).toEqual(entries);
    expect(await history('/p/a')).toEqual([1]);
  });

  it('gives a value outside the window up with its reason, and the others through', async () => {
    const { publisher, history } = await startFarEnd('sitewise');
    const { signal } = new AbortController();
    await publisher.connect(signal);
    const old = entry({ timeNs: systemClock.nowNs() - 8n * 86_400n * 1_000_000_000n });
    const good = entry({ value: 2 });
    const outcome = await publisher.send([old, good], () => {}, signal);
    expect(outcome.rejected).toMatchObject([
      { code: 'TimestampOutOfRangeException', entry: { key: old.key } },
    ]);
    expect(await history('/p/a')).toEqual([2]);
  });
});

describe('the publisher sitewise-edge', () => {
  it('says plainly that there is no broker', async () => {
    const config = publisherConfig({ type: 'sitewise-edge', url: 'mqtt://127.0.0.1:1' });
    if (config.type !== 'sitewise-edge') throw new Error('wrong type');
    const publisher = new SiteWiseEdgePublisher(config, 'x');
    await expect(publisher.connect(new AbortController().signal)).rejects.toThrow(
      /No connection to the broker mqtt:\/\/127\.0\.0\.1:1/,
    );
  });

  it('sends in parts what is too long for one message', async () => {
    const broker = await Aedes.createBroker();
    const lengths: number[] = [];
    broker.on('publish', ({ payload }, client) => {
      if (client !== null) lengths.push(payload.length);
    });
    const publisher = await publisherTo(broker, { maxValuesPerMessage: 100 });
    const { signal } = new AbortController();
    await publisher.connect(signal);
    // Each of these characters takes six bytes in JSON.
    const text = { dataType: 'STRING', value: '\u0001'.repeat(1024) } as const;
    const entries = Array.from({ length: 100 }, () => entry(text));
    const delivered: OutboxEntry[] = [];
    const outcome = await publisher.send(entries, (e) => delivered.push(...e), signal);
    expect(outcome).toEqual({ rejected: [], retry: [], held: [] });
    expect(delivered.map((e) => e.key)).toEqual(entries.map((e) => e.key));
    expect(Math.max(...lengths)).toBeLessThanOrEqual(128 * 1024);
  });

  it('stopped, publishes no more and takes the acknowledgement of what is under way', async () => {
    const broker = await Aedes.createBroker();
    const held: (() => void)[] = [];
    broker.authorizePublish = (_client, _packet, done) => {
      held.push(() => done(null));
    };
    const publisher = await publisherTo(broker, { maxInFlight: 1 });
    const stop = new AbortController();
    await publisher.connect(stop.signal);
    const [first, second] = [entry({ alias: '/p/a' }), entry({ alias: '/p/b' })];
    const delivered: OutboxEntry[] = [];
    const sending = publisher.send([first, second], (e) => delivered.push(...e), stop.signal);
    await until('the first is under way', () => held.length === 1);
    stop.abort();
    held[0]?.();
    expect((await sending).retry).toEqual([second]);
    expect(delivered).toEqual([first]);
    expect(held).toHaveLength(1);
  });
});
