import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectAsync, type MqttClient } from 'mqtt';
import { afterEach, expect, test, vi } from 'vitest';
import { systemClock, toTimeInNanos } from '../../../shared/core/index.js';
import { createSiteWiseClient, createSiteWiseReader } from '../../../shared/sitewise/index.js';
import { type SiteWise, startSiteWise } from '../../../simulators/sitewise/index.js';
import {
  type SiteWiseEdgeOptions,
  startSiteWiseEdge,
} from '../../../simulators/sitewise-edge/index.js';

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});
const until = (what: () => boolean) => vi.waitUntil(what, { timeout: 15_000, interval: 5 });

async function startCloud(port = 0, dataDir?: string): Promise<SiteWise> {
  const siteWise = await startSiteWise({
    port,
    activationMs: 5,
    ...(dataDir === undefined ? {} : { dataDir }),
  });
  closers.push(() => siteWise.close());
  return siteWise;
}

async function startEdge(siteWise: SiteWise, options: Partial<SiteWiseEdgeOptions> = {}) {
  const { endpoint, region, credentials } = siteWise;
  const edge = await startSiteWiseEdge({
    siteWise: { endpoint, region, credentials },
    maxWaitMs: 20,
    ...options,
  });
  closers.push(() => edge.close());
  return edge;
}

async function connect(url: string, options = {}): Promise<MqttClient> {
  const client = await connectAsync(url, { reconnectPeriod: 20, ...options });
  client.on('error', () => {});
  closers.push(() => client.endAsync(true));
  return client;
}

const startNs = (systemClock.nowNs() / 1_000_000_000n) * 1_000_000_000n - 3_600_000_000_000n;
const timeOf = (i: number) => startNs + BigInt(i) * 1_000_000_000n;
const payloadOf = (alias: string, i: number) =>
  JSON.stringify({
    propertyAlias: alias,
    propertyValues: [
      { value: { doubleValue: i }, timestamp: toTimeInNanos(timeOf(i)), quality: 'GOOD' },
    ],
  });

async function stored(siteWise: SiteWise, alias: string): Promise<unknown[]> {
  const client = createSiteWiseClient({ ...siteWise });
  closers.push(async () => client.destroy());
  const values = await createSiteWiseReader({ client }).history({
    aliases: [alias],
    afterNs: startNs - 1n,
    untilNs: timeOf(100_000),
    missing: 'empty',
  });
  return values.get(alias)?.map((v) => v.value) ?? [];
}

const upTo = (n: number) => Array.from({ length: n }, (_, i) => i);

test('what is published arrives in SiteWise, batched, once and in order', async () => {
  const siteWise = await startCloud();
  const edge = await startEdge(siteWise);
  const mqtt = await connect(edge.mqttUrl);
  await Promise.all(
    upTo(300).flatMap((i) => [
      mqtt.publishAsync('/a', payloadOf('/a', i), { qos: 1 }),
      mqtt.publishAsync('/b', payloadOf('/b', i), { qos: 1 }),
    ]),
  );
  await until(() => edge.stats().forwarded === 600);
  expect(await stored(siteWise, '/a')).toEqual(upTo(300));
  expect(await stored(siteWise, '/b')).toEqual(upTo(300));
  expect(edge.stats()).toMatchObject({ received: 600, buffered: 0, rejected: 0, malformed: 0 });
  expect(siteWise.counters.operations.BatchPutAssetPropertyValue).toBeLessThan(100);
});

test('an outage of the cloud and a restart of the gateway lose nothing', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'twinloop-edge-'));
  closers.push(() => rm(dataDir, { recursive: true }));
  const first = await startCloud(0, join(dataDir, 'cloud'));
  const port = Number(new URL(first.endpoint).port);
  await first.close();
  const edge = await startEdge(first, { dataDir: join(dataDir, 'edge') });
  const mqtt = await connect(edge.mqttUrl);
  for (const i of upTo(120)) await mqtt.publishAsync('/a', payloadOf('/a', i), { qos: 1 });
  await until(() => edge.stats().offline);
  expect(edge.stats()).toMatchObject({ buffered: 120, forwarded: 0 });
  await edge.close();
  const siteWise = await startCloud(port, join(dataDir, 'cloud'));
  const again = await startEdge(siteWise, { dataDir: join(dataDir, 'edge') });
  await until(() => again.stats().buffered === 0);
  expect(await stored(siteWise, '/a')).toEqual(upTo(120));
});

test('publications that are never acknowledged come again and are stored once', async () => {
  const siteWise = await startCloud();
  const edge = await startEdge(siteWise);
  const mqtt = await connect(edge.mqttUrl);
  edge.faults.dropAcks = 1;
  const lost = mqtt.publishAsync('/a', payloadOf('/a', 0), { qos: 1 });
  await until(() => edge.stats().received === 1);
  edge.faults.dropAcks = 0;
  edge.faults.refuse = true;
  await until(() => !mqtt.connected);
  edge.faults.refuse = false;
  await lost;
  await until(() => edge.stats().buffered === 0);
  expect(edge.stats().received).toBeGreaterThan(1);
  expect(await stored(siteWise, '/a')).toEqual([0]);
});

test('partial errors, reordering and throttling change the way but not the result', async () => {
  const siteWise = await startCloud();
  const edge = await startEdge(siteWise);
  Object.assign(edge.faults, { partialErrors: 0.3, reorder: true, throttleValuesPerS: 20_000 });
  const mqtt = await connect(edge.mqttUrl);
  await Promise.all(upTo(400).map((i) => mqtt.publishAsync('/a', payloadOf('/a', i), { qos: 1 })));
  await until(() => edge.stats().buffered === 0);
  expect(await stored(siteWise, '/a')).toEqual(upTo(400));
  expect(edge.stats().retries).toBeGreaterThan(0);
});

test('only topics of the path filters go on, and garbage is counted', async () => {
  const siteWise = await startCloud();
  const edge = await startEdge(siteWise, { pathFilters: ['plant/+/w', 'all/#'] });
  const mqtt = await connect(edge.mqttUrl);
  await mqtt.publishAsync('plant/1/w', payloadOf('/in', 0), { qos: 1 });
  await mqtt.publishAsync('all/of/it', payloadOf('/in', 1), { qos: 1 });
  await mqtt.publishAsync('plant/1/other', payloadOf('/out', 0), { qos: 1 });
  await mqtt.publishAsync('all/x', '{', { qos: 1 });
  await mqtt.publishAsync('all/x', '{"propertyAlias":"/x","propertyValues":[]}', { qos: 1 });
  await until(() => edge.stats().forwarded === 2);
  expect(edge.stats()).toMatchObject({ filtered: 1, malformed: 2, received: 2 });
  expect(await stored(siteWise, '/in')).toEqual([0, 1]);
});

test('a broker with credentials takes only those', async () => {
  const siteWise = await startCloud();
  const credentials = { username: 'gateway', password: 'secret' };
  const edge = await startEdge(siteWise, { credentials });
  await expect(
    connectAsync(edge.mqttUrl, { reconnectPeriod: 0, username: 'gateway', password: 'no' }),
  ).rejects.toThrow();
  const mqtt = await connect(edge.mqttUrl, credentials);
  expect(mqtt.connected).toBe(true);
});
