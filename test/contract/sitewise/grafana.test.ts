import { createHash } from 'node:crypto';
import { request } from 'node:https';
import {
  BatchGetAssetPropertyAggregatesCommand,
  BatchGetAssetPropertyValueCommand,
  BatchGetAssetPropertyValueHistoryCommand,
  DescribeTimeSeriesCommand,
  ExecuteQueryCommand,
  GetInterpolatedAssetPropertyValuesCommand,
  type IoTSiteWiseClient,
  ListAssetModelsCommand,
  ListAssetPropertiesCommand,
  ListAssetsCommand,
  ListAssociatedAssetsCommand,
  ListTimeSeriesCommand,
} from '@aws-sdk/client-iotsitewise';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { secondsToNs } from '../../../shared/core/index.js';
import {
  type AssetDescription,
  createSiteWiseClient,
  createSiteWiseWriter,
  ensureAsset,
  type SiteWiseCredentials,
} from '../../../shared/sitewise/index.js';
import { type SiteWise, startSiteWise } from '../../../simulators/sitewise/index.js';

// What Grafana's SiteWise plugin sends when it is set up for a gateway: HTTPS with a given
// certificate, keys of POST /authenticate, region "edge", entries named by a SHA-256 in hex.

const ALIASES = Array.from({ length: 16 }, (_, i) => `/line1/stream${i}`);
const SECONDS = 4_000;
const base = Math.floor(Date.now() / 1000) - SECONDS - 60;
const range = { startDate: new Date((base - 1) * 1000), endDate: new Date() };
const entryIdOf = (alias: string) => createHash('sha256').update(alias).digest('hex');

let siteWise: SiteWise;
let grafana: IoTSiteWiseClient;
let asset: AssetDescription;

beforeAll(async () => {
  siteWise = await startSiteWise({
    tls: true,
    activationMs: 2,
    edgeUsers: [{ username: 'grafana', password: 'secret' }],
  });
  const own = createSiteWiseClient({ ...siteWise });
  asset = await ensureAsset(own, {
    model: { externalId: 'line', name: 'line' },
    asset: { externalId: 'line1', name: 'line1' },
    streams: ALIASES.map((alias, i) => ({ alias, name: `stream${i}` })),
    pollMs: 1,
  });
  const samples = ALIASES.slice(0, 6).flatMap((alias, stream) =>
    Array.from({ length: SECONDS }, (_, i) => ({
      alias,
      timeNs: secondsToNs(base + i),
      quality: 'GOOD' as const,
      value: stream * 1e6 + i,
    })),
  );
  const { rejected, retry } = await createSiteWiseWriter({ client: own }).write(samples);
  expect([...rejected, ...retry]).toEqual([]);
  own.destroy();
  grafana = createSiteWiseClient({
    endpoint: siteWise.endpoint,
    region: 'edge',
    credentials: await logIn(),
    ...(siteWise.ca === undefined ? {} : { ca: siteWise.ca }),
  });
}, 60_000);
afterAll(async () => {
  grafana.destroy();
  await siteWise.close();
});

/** As the plugin does: by the gateway's login, over TLS. */
async function logIn(): Promise<SiteWiseCredentials> {
  const text = await new Promise<string>((resolve, reject) => {
    const sent = request(
      `${siteWise.endpoint}/authenticate`,
      { method: 'POST', ...(siteWise.ca === undefined ? {} : { ca: siteWise.ca }) },
      (response) => {
        let body = '';
        response.on('data', (d: Buffer) => {
          body += d.toString();
        });
        response.on('end', () => resolve(body));
      },
    );
    sent.on('error', reject);
    sent.end(JSON.stringify({ username: 'grafana', password: 'secret', authMechanism: 'linux' }));
  });
  return JSON.parse(text) as SiteWiseCredentials;
}

test('the health check and the pickers of assets, properties and streams', async () => {
  const { assetModelSummaries } = await grafana.send(new ListAssetModelsCommand({ maxResults: 1 }));
  const assetModelId = assetModelSummaries?.[0]?.id ?? '';
  const { assetSummaries } = await grafana.send(new ListAssetsCommand({ assetModelId }));
  expect(assetSummaries?.map((a) => a.name)).toEqual(['line1']);
  const { assetPropertySummaries } = await grafana.send(
    new ListAssetPropertiesCommand({ assetId: asset.assetId, filter: 'ALL' }),
  );
  expect(assetPropertySummaries?.map((p) => p.alias).sort()).toEqual([...ALIASES].sort());
  const { TimeSeriesSummaries } = await grafana.send(
    new ListTimeSeriesCommand({ aliasPrefix: '/line1/', timeSeriesType: 'ASSOCIATED' }),
  );
  expect(TimeSeriesSummaries).toHaveLength(ALIASES.length);
  const associated = await grafana.send(
    new ListAssociatedAssetsCommand({ assetId: asset.assetId, traversalDirection: 'PARENT' }),
  );
  expect(associated.assetSummaries).toEqual([]);
  const series = await grafana.send(new DescribeTimeSeriesCommand({ alias: ALIASES[3] }));
  expect(series).toMatchObject({ assetId: asset.assetId, dataType: 'DOUBLE' });
});

test('latest values of 128 entries, those without a value and without a stream each as it is', async () => {
  const aliases = [...ALIASES, ...Array.from({ length: 112 }, (_, i) => `/nowhere/${i}`)];
  const { successEntries, errorEntries } = await grafana.send(
    new BatchGetAssetPropertyValueCommand({
      entries: aliases.map((propertyAlias) => ({
        entryId: entryIdOf(propertyAlias),
        propertyAlias,
      })),
    }),
  );
  expect(errorEntries).toHaveLength(112);
  expect(new Set(errorEntries?.map((e) => e.errorCode))).toEqual(
    new Set(['ResourceNotFoundException']),
  );
  const values = new Map(successEntries?.map((e) => [e.entryId, e.assetPropertyValue]));
  expect(values.get(entryIdOf(ALIASES[2] ?? ''))?.value?.doubleValue).toBe(2e6 + SECONDS - 1);
  expect(values.has(entryIdOf(ALIASES[9] ?? ''))).toBe(true);
  expect(values.get(entryIdOf(ALIASES[9] ?? ''))).toBeUndefined();
});

test('histories of 16 streams by pages of 20,000 values, complete and in order', async () => {
  const values = new Map<string, number[]>();
  let nextToken: string | undefined;
  let pages = 0;
  do {
    const page = await grafana.send(
      new BatchGetAssetPropertyValueHistoryCommand({
        entries: ALIASES.map((propertyAlias) => ({
          entryId: entryIdOf(propertyAlias),
          propertyAlias,
          ...range,
          qualities: ['GOOD'],
          timeOrdering: 'ASCENDING',
        })),
        maxResults: 20_000,
        ...(nextToken === undefined ? {} : { nextToken }),
      }),
    );
    pages++;
    expect(page.errorEntries).toEqual([]);
    let count = 0;
    for (const { entryId = '', assetPropertyValueHistory = [] } of page.successEntries ?? []) {
      count += assetPropertyValueHistory.length;
      const found = assetPropertyValueHistory.map((v) => v.value?.doubleValue ?? Number.NaN);
      values.set(entryId, [...(values.get(entryId) ?? []), ...found]);
    }
    expect(count).toBeLessThanOrEqual(20_000);
    nextToken = page.nextToken;
  } while (nextToken !== undefined);
  expect(pages).toBeGreaterThan(1);
  for (const [i, alias] of ALIASES.entries()) {
    const expected = i < 6 ? Array.from({ length: SECONDS }, (_, s) => i * 1e6 + s) : [];
    expect(values.get(entryIdOf(alias)) ?? []).toEqual(expected);
  }
});

test('aggregates and interpolated values of a panel', async () => {
  const aggregates = await grafana.send(
    new BatchGetAssetPropertyAggregatesCommand({
      entries: ALIASES.map((propertyAlias) => ({
        entryId: entryIdOf(propertyAlias),
        propertyAlias,
        aggregateTypes: ['AVERAGE', 'MAXIMUM'],
        resolution: '1m',
        ...range,
      })),
      maxResults: 4_000,
    }),
  );
  expect(aggregates.errorEntries).toEqual([]);
  const averages = aggregates.successEntries
    ?.find((e) => e.entryId === entryIdOf(ALIASES[0] ?? ''))
    ?.aggregatedValues?.map((v) => v.value?.average ?? Number.NaN);
  expect(averages?.length).toBeGreaterThan(60);
  expect(averages).toEqual([...(averages ?? [])].sort((a, b) => a - b));
  const { interpolatedAssetPropertyValues } = await grafana.send(
    new GetInterpolatedAssetPropertyValuesCommand({
      propertyAlias: ALIASES[1],
      startTimeInSeconds: base,
      endTimeInSeconds: base + 600,
      quality: 'GOOD',
      intervalInSeconds: 60,
      type: 'LINEAR_INTERPOLATION',
      maxResults: 20,
    }),
  );
  expect(interpolatedAssetPropertyValues?.map((v) => v.value?.doubleValue)).toEqual(
    Array.from({ length: 11 }, (_, i) => 1e6 + 60 * i),
  );
});

test('the query editor', async () => {
  const { rows, columns } = await grafana.send(
    new ExecuteQueryCommand({
      queryStatement: 'SELECT asset_name, asset_id FROM asset ORDER BY asset_name LIMIT 10',
    }),
  );
  expect(columns?.map((c) => c.name)).toEqual(['asset_name', 'asset_id']);
  expect(rows?.map((r) => r.data?.[0]?.scalarValue)).toEqual(['line1']);
});
