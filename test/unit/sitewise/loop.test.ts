import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { type StreamTqv, systemClock } from '../../../shared/core/index.js';
import {
  createSiteWiseClient,
  createSiteWiseReader,
  createSiteWiseWriter,
  describeAssetByAlias,
  ensureAsset,
} from '../../../shared/sitewise/index.js';
import { type SiteWise, startSiteWise } from '../../../simulators/sitewise/index.js';

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function start(options: Parameters<typeof startSiteWise>[0] = {}) {
  const siteWise = await startSiteWise({ activationMs: 5, ...options });
  closers.push(() => siteWise.close());
  return siteWise;
}

function clientOf(siteWise: SiteWise) {
  const client = createSiteWiseClient({
    endpoint: siteWise.endpoint,
    region: siteWise.region,
    credentials: siteWise.credentials,
  });
  closers.push(async () => client.destroy());
  return client;
}

const streams = [
  { alias: '/line/a', name: 'a', unit: 'rad/s' },
  { alias: '/line/b', name: 'b', dataType: 'STRING' as const },
];
const definition = {
  model: { externalId: 'line-model', name: 'Line' },
  asset: { externalId: 'line-1', name: 'Line 1' },
  streams,
  pollMs: 2,
};

test('values written by alias come back, in order and once', async () => {
  const siteWise = await start();
  const client = clientOf(siteWise);
  await ensureAsset(client, definition);
  const now = (systemClock.nowNs() / 1_000_000_000n) * 1_000_000_000n;
  const samples: StreamTqv[] = Array.from({ length: 137 }, (_, i) => ({
    alias: '/line/a',
    timeNs: now - 1_000_000_000n * BigInt(137 - i) + 7n,
    quality: 'GOOD',
    value: i * 0.1,
  }));
  samples.push({ alias: '/line/b', timeNs: now, quality: 'UNCERTAIN', value: 'warm' });
  const writer = createSiteWiseWriter({ client });
  expect(await writer.write(samples)).toEqual({ accepted: 138, rejected: [], retry: [] });
  expect(await writer.write(samples)).toEqual({ accepted: 138, rejected: [], retry: [] });
  const reader = createSiteWiseReader({ client });
  const history = await reader.history({
    aliases: ['/line/a', '/line/b'],
    afterNs: now - 200_000_000_000n,
    untilNs: now,
  });
  expect(history.get('/line/a')?.map((v) => v.value)).toEqual(
    samples.slice(0, 137).map((s) => s.value),
  );
  expect(history.get('/line/a')?.map((v) => v.timeNs)).toEqual(
    samples.slice(0, 137).map((s) => s.timeNs),
  );
  expect(history.get('/line/b')).toEqual([{ timeNs: now, quality: 'UNCERTAIN', value: 'warm' }]);
  const latest = await reader.latest(['/line/a', '/line/none']);
  expect([...latest.keys()]).toEqual(['/line/a']);
  expect(latest.get('/line/a')?.value).toBeCloseTo(13.6, 12);
});

test('ensureAsset changes nothing the second time, and takes over values written before it', async () => {
  const siteWise = await start();
  const client = clientOf(siteWise);
  const timeNs = systemClock.nowNs();
  const writer = createSiteWiseWriter({ client });
  await writer.write([{ alias: '/line/a', timeNs, quality: 'GOOD', value: 1 }]);
  const first = await ensureAsset(client, definition);
  const again = await ensureAsset(client, definition);
  expect(again).toEqual(first);
  expect(first.streams.map((s) => s.alias)).toEqual(['/line/a', '/line/b']);
  const more = await ensureAsset(client, {
    ...definition,
    streams: [...streams, { alias: '/line/c', name: 'c' }],
  });
  expect(more.streams.map((s) => s.alias)).toEqual(['/line/a', '/line/b', '/line/c']);
  expect((await describeAssetByAlias(client, '/line/a')).assetId).toBe(first.assetId);
  const reader = createSiteWiseReader({ client });
  expect((await reader.latest(['/line/a'])).get('/line/a')?.value).toBe(1);
});

test('values outside the window and of the wrong type are refused one by one', async () => {
  const siteWise = await start();
  const client = clientOf(siteWise);
  await ensureAsset(client, definition);
  const now = systemClock.nowNs();
  const good: StreamTqv = { alias: '/line/a', timeNs: now, quality: 'GOOD', value: 1 };
  const old: StreamTqv = { ...good, timeNs: now - 8n * 86_400_000_000_000n };
  const wrong: StreamTqv = { ...good, timeNs: now - 1n, value: 'text' };
  const writer = createSiteWiseWriter({ client });
  const result = await writer.write([good, old, wrong]);
  expect(result.accepted).toBe(1);
  expect(result.rejected.map((r) => [r.sample, r.code])).toEqual([
    [old, 'TimestampOutOfRangeException'],
    [wrong, 'InvalidRequestException'],
  ]);
});

test('what was stored is there after a restart', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'twinloop-sitewise-'));
  closers.push(() => rm(dataDir, { recursive: true }));
  const timeNs = systemClock.nowNs();
  const first = await start({ dataDir });
  await ensureAsset(clientOf(first), definition);
  const writer = createSiteWiseWriter({ client: clientOf(first) });
  await writer.write([{ alias: '/line/a', timeNs, quality: 'GOOD', value: 42 }]);
  await first.close();
  const second = await start({ dataDir });
  const client = clientOf(second);
  const reader = createSiteWiseReader({ client });
  expect((await reader.latest(['/line/a'])).get('/line/a')).toEqual({
    timeNs,
    quality: 'GOOD',
    value: 42,
  });
  expect((await ensureAsset(client, definition)).state).toBe('ACTIVE');
});

test('a wrong key is refused', async () => {
  const siteWise = await start();
  const client = createSiteWiseClient({
    endpoint: siteWise.endpoint,
    region: siteWise.region,
    credentials: { ...siteWise.credentials, secretAccessKey: 'wrong' },
  });
  closers.push(async () => client.destroy());
  await expect(createSiteWiseReader({ client }).latest(['/line/a'])).rejects.toMatchObject({
    code: 'ACCESS_DENIED',
  });
});
