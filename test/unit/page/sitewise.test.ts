import { afterEach, expect, it, vi } from 'vitest';
import type { Snapshot } from '../../../cloud/page/browser/protocol.js';
import { startPage } from '../../../cloud/page/index.js';
import { healthAliases, twinStreams } from '../../../shared/config/index.js';
import { type Closeable, closeAll, secondsToNs, systemClock } from '../../../shared/core/index.js';
import {
  createSiteWiseClient,
  createSiteWiseWriter,
  ensureAsset,
} from '../../../shared/sitewise/index.js';
import { startSiteWise } from '../../../simulators/index.js';
import { lineTwin } from './growing-drag.js';

const opened: Closeable[] = [];
afterEach(() => closeAll(opened.splice(0)));

async function realClient() {
  const siteWise = await startSiteWise({ tls: true });
  opened.push(siteWise);
  const client = createSiteWiseClient({
    endpoint: siteWise.endpoint,
    region: siteWise.region,
    credentials: siteWise.credentials,
    ...(siteWise.ca === undefined ? {} : { ca: siteWise.ca }),
  });
  opened.push({ close: async () => client.destroy() });
  return client;
}

it('shows what a real client of SiteWise has written, as it comes', async () => {
  const client = await realClient();
  const twin = lineTwin();
  const page = await startPage({
    port: 0,
    siteWise: client,
    assets: [{ id: 'line1', twin }],
    pace: { pollIntervalMs: 20 },
  });
  opened.push(page);
  const writer = createSiteWiseWriter({ client });
  const write = async (ageS: number, value: number) => {
    const timeNs = systemClock.nowNs() - secondsToNs(ageS);
    const quality = 'GOOD' as const;
    const alias = '/line1/roller9/b';
    const result = await writer.write([
      { alias: '/line1/roller9/w', timeNs, quality, value: 20 },
      { alias, timeNs, quality, value },
      { alias: `${alias}_lower`, timeNs, quality, value: value - 0.01 },
      { alias: `${alias}_upper`, timeNs, quality, value: value + 0.01 },
    ]);
    expect(result.rejected).toEqual([]);
  };
  const shown = async () => {
    const state = (await (await fetch(`${page.url}api/state`)).json()) as Snapshot;
    expect(state.status.fault).toBeUndefined();
    return (state.channels['parameter:b9'] ?? []).map((row) => row.slice(1));
  };
  // Nothing has been written yet: no fault, and nothing to show.
  await vi.waitFor(async () => expect(await shown()).toEqual([]), { timeout: 10_000 });
  await write(2, 0.05);
  await vi.waitFor(
    async () => expect(await shown()).toEqual([[0.05, 0.04, 0.060000000000000005]]),
    {
      timeout: 10_000,
    },
  );
  await write(1, 0.07);
  await vi.waitFor(async () => expect(await shown()).toHaveLength(2), { timeout: 10_000 });
});

it('keeps acknowledgements in SiteWise: of two people at once, for every page, under the event’s time', async () => {
  const client = await realClient();
  const twin = lineTwin();
  await ensureAsset(client, {
    model: { externalId: 'line', name: 'line' },
    asset: { externalId: 'line-1', name: 'line-1' },
    streams: twinStreams(twin),
  });
  const writer = createSiteWiseWriter({ client });
  const { alarms } = healthAliases(twin);
  const alarm = (subject: string) => ({ code: 'limit', subject, message: 'above 0.1' });
  const write = (ageS: number, value: object[]) =>
    writer.write([
      {
        alias: alarms,
        timeNs: systemClock.nowNs() - secondsToNs(ageS),
        quality: 'GOOD',
        value: JSON.stringify(value),
      },
    ]);
  await write(50, [alarm('b9')]);
  await write(40, []);
  await write(30, [alarm('b9'), alarm('b3')]);
  const open = async (historyS: number, isAllowed: boolean) => {
    const page = await startPage({
      port: 0,
      siteWise: client,
      assets: [{ id: 'line1', twin }],
      ...(isAllowed ? { writer } : {}),
      pace: { pollIntervalMs: 20, historyS },
    });
    opened.push(page);
    return page.url;
  };
  const eventsOf = async (url: string) =>
    ((await (await fetch(`${url}api/state`)).json()) as Snapshot).events ?? [];
  const post = async (url: string, body: object, headers: Record<string, string> = {}) => {
    const answer = await fetch(`${url}api/acknowledge`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', ...headers },
      body: JSON.stringify(body),
    });
    return { status: answer.status, ...((await answer.json()) as { error?: string }) };
  };
  const url = await open(3600, true);
  await vi.waitFor(async () => expect(await eventsOf(url)).toHaveLength(3), { timeout: 10_000 });
  const standing = (await eventsOf(url)).find((e) => e.subject === 'b9' && e.untilX === undefined);
  const { key } = standing ?? { key: '' };
  const both = await Promise.all([
    post(url, { key, by: 'Ada', note: 'greased <b>' }),
    post(url, { key, by: 'Bo' }),
  ]);
  expect(both.map((b) => b.status)).toEqual([200, 200]);
  // Another page, whose history begins while the event stood, and which only reads.
  const reader = await open(35, false);
  await vi.waitFor(
    async () => {
      const [event] = (await eventsOf(reader)).filter((e) => e.subject === 'b9');
      expect(event?.acknowledged?.map((a) => a.by).sort()).toEqual(['Ada', 'Bo']);
    },
    { timeout: 10_000 },
  );
  // Neither another thing's event nor the earlier one of the same thing is meant.
  const marked = (await eventsOf(url)).filter((e) => e.acknowledged !== undefined);
  expect(marked.map((e) => e.key)).toEqual([key]);
  expect(await post(reader, { key, by: 'Cy' })).toMatchObject({ status: 403 });
  expect((await post(reader, { key, by: 'Cy' })).error).toContain('--allow-acknowledge');
  expect(await post(url, { key: 'gone', by: 'Cy' })).toMatchObject({ status: 404 });
  expect(await post(url, { key, by: ' ' })).toMatchObject({ status: 400 });
  expect(await post(url, { key, by: 'Cy', note: 'x'.repeat(401) })).toMatchObject({ status: 400 });
  expect(await post(url, { key, by: 'Cy' }, { origin: 'http://evil.example' })).toMatchObject({
    status: 403,
  });
  const plain = { 'Content-Type': 'text/plain' };
  expect(await post(url, { key, by: 'Cy' }, plain)).toMatchObject({ status: 403 });
});
