import { afterEach, expect, it, vi } from 'vitest';
import type { Snapshot } from '../../../cloud/page/browser/protocol.js';
import { startPage } from '../../../cloud/page/index.js';
import { type Closeable, closeAll, secondsToNs, systemClock } from '../../../shared/core/index.js';
import { createSiteWiseClient, createSiteWiseWriter } from '../../../shared/sitewise/index.js';
import { startSiteWise } from '../../../simulators/index.js';
import { lineTwin } from './growing-drag.js';

const opened: Closeable[] = [];
afterEach(() => closeAll(opened.splice(0)));

it('shows what a real client of SiteWise has written, as it comes', async () => {
  const siteWise = await startSiteWise({ tls: true });
  opened.push(siteWise);
  const client = createSiteWiseClient({
    endpoint: siteWise.endpoint,
    region: siteWise.region,
    credentials: siteWise.credentials,
    ...(siteWise.ca === undefined ? {} : { ca: siteWise.ca }),
  });
  opened.push({ close: async () => client.destroy() });
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
