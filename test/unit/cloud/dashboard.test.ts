import {
  type AggregateType,
  BatchGetAssetPropertyAggregatesCommand,
  BatchGetAssetPropertyValueCommand,
  BatchGetAssetPropertyValueHistoryCommand,
  ExecuteQueryCommand,
  ListAssetsCommand,
} from '@aws-sdk/client-iotsitewise';
import { beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { prefixByName } from '../../../cloud/dashboards/asset-variable.js';
import { buildDashboard } from '../../../cloud/dashboards/dashboard.js';
import { buildFleetDashboard } from '../../../cloud/dashboards/fleet-dashboard.js';
import { buildForecastDashboard } from '../../../cloud/dashboards/forecast-dashboard.js';
import {
  healthAliases,
  loadConfig,
  type TwinDefinition,
  twinSchema,
  twinStreams,
  withAliasPrefix,
} from '../../../shared/config/index.js';
import { packageFile, secondsToNs, systemClock } from '../../../shared/core/index.js';
import {
  createSiteWiseClient,
  createSiteWiseWriter,
  ensureAsset,
} from '../../../shared/sitewise/index.js';
import { startSiteWise } from '../../../simulators/index.js';
import { type Checked, chartsOf, checked } from './dashboard-schema.js';

let twin: TwinDefinition;
beforeAll(async () => {
  twin = await loadConfig(twinSchema, packageFile('shared/twins/web-line/twin.json'), 'twin');
});

const onLine1 = (alias: string) => alias.replace(`\${asset}`, '/line1');

describe('the dashboard', () => {
  it('shows every stream of the twin, and fits the grid', () => {
    const dashboard = checked(buildDashboard(twin));
    const charts = chartsOf(dashboard);
    const shown = charts.flatMap((p) => p.targets.flatMap((q) => q.propertyAliases.map(onLine1)));
    expect(new Set(shown)).toEqual(new Set(twinStreams(twin).map((s) => s.alias)));
    const ids = [...dashboard.panels, ...charts].map((p) => p.id);
    expect(new Set(ids).size).toBe(dashboard.panels.length + charts.length - openCharts(dashboard));
    // Panels of a closed row lie over what is below the row until it is opened.
    const places = dashboard.panels.map((p) => p.gridPos);
    for (const [i, a] of places.entries()) {
      expect(a.x + a.w).toBeLessThanOrEqual(24);
      for (const b of places.slice(i + 1)) {
        const apart = a.x + a.w <= b.x || b.x + b.w <= a.x || a.y + a.h <= b.y || b.y + b.h <= a.y;
        expect(apart).toBe(true);
      }
    }
  });

  it('leads to the coming week and back, with the asset that is shown', () => {
    const links = (d: { links?: { url?: string; includeVars: boolean }[] } | undefined) =>
      d?.links?.map(({ url, includeVars }) => ({ url, includeVars }));
    const now = buildDashboard(twin);
    const ahead = buildForecastDashboard(twin);
    expect(links(now)).toEqual([{ url: `/d/${ahead?.uid}`, includeVars: true }]);
    expect(links(ahead)).toEqual([{ url: `/d/${now.uid}`, includeVars: true }]);
    const free = { ...twin, parameters: twin.parameters.map(({ alarm: _, ...p }) => p) };
    const unlimited = { ...free, virtualSensors: [] };
    expect(buildForecastDashboard(unlimited)).toBeUndefined();
    expect(links(buildDashboard(unlimited)) ?? []).toEqual([]);
  });

  it('draws the band between its bounds, and the limits', () => {
    const charts = chartsOf(checked(buildDashboard(twin)));
    const b9 = charts.find((p) => p.title.startsWith('b9 '));
    expect(b9?.fieldConfig.defaults.thresholds?.steps.map((s) => s.value)).toEqual([null, 0.1]);
    const properties = new Map(
      b9?.fieldConfig.overrides.map((o) => [
        o.matcher.options,
        Object.fromEntries(o.properties.map((p) => [p.id, p.value])),
      ]),
    );
    expect(properties.get('/_upper\\b/')?.['custom.fillBelowTo']).toBe(
      properties.get('/_lower\\b/')?.displayName,
    );
  });

  it('marks alarms and calibrations on every chart', async () => {
    const { annotations } = JSON.parse(JSON.stringify(buildDashboard(twin))) as {
      annotations: { list: { name: string; enable: boolean; target: Record<string, string> }[] };
    };
    expect(annotations.list.map((a) => [a.name, a.enable])).toEqual([
      ['Calibrations', false],
      ['Alarms', true],
    ]);
    // The plugin fills its macro and the variable in; the stand-in answers what is left.
    const siteWise = await startSiteWise({ activationMs: 0 });
    const client = createSiteWiseClient({ ...siteWise });
    try {
      const { alarms } = healthAliases(twin);
      await ensureAsset(client, {
        model: { externalId: 'line', name: 'line' },
        asset: { externalId: 'line1', name: 'line1' },
        streams: [{ alias: alarms, name: 'twin_alarms', dataType: 'STRING' }],
        pollMs: 1,
      });
      const nowS = Math.floor(Date.now() / 1000);
      const values = ['[]', '[{"code":"b9"}]', '[]'].map((value, i) => ({
        alias: alarms,
        timeNs: secondsToNs(nowS - 600 + 60 * i),
        quality: 'GOOD' as const,
        value,
      }));
      await createSiteWiseWriter({ client, clock: systemClock }).write(values);
      const iso = (s: number) => new Date(s * 1000).toISOString();
      const queryStatement = onLine1(annotations.list[1]?.target.rawSQL ?? '').replace(
        /\$__timeFilter\((\w+)\)/,
        (_, c) => `${c} > TIMESTAMP '${iso(nowS - 3600)}' AND ${c} < TIMESTAMP '${iso(nowS)}'`,
      );
      const { rows, columns } = await client.send(new ExecuteQueryCommand({ queryStatement }));
      expect(columns?.map((c) => c.name)).toEqual(['event_timestamp', 'string_value']);
      expect(rows?.map((r) => r.data?.[1]?.scalarValue)).toEqual(['[{"code":"b9"}]']);
    } finally {
      client.destroy();
      await siteWise.close();
    }
  });

  it('of a fleet names the assets that it leaves out, and fits the grid', () => {
    const assets = Array.from({ length: 60 }, (_, i) => ({ id: `l${i}`, aliasPrefix: `/l${i}` }));
    const dashboard = checked(buildFleetDashboard('plant', [{ twin, assets }]));
    expect(dashboard.panels[0]).toMatchObject({
      title: 'web-line: 60 assets (10 more assets are not shown)',
    });
    for (const { targets } of chartsOf(dashboard)) expect(targets).toHaveLength(50);
    expect(() => buildFleetDashboard('plant', [{ twin, assets: [] }])).toThrow(RangeError);
  });

  it('costs little while it is only looked at', () => {
    const { panels } = checked(buildDashboard(twin));
    const open = panels.flatMap((p) => ('targets' in p ? p.targets : []));
    // Averages go one alias a query; what is read is the same.
    expect(open.filter((q) => q.queryType !== 'PropertyAggregate').length).toBeLessThan(20);
    for (const q of open) {
      if (q.resolution === 'AUTO') expect(q.propertyAliases).toHaveLength(1);
    }
    // What sensors send each second is never read value by value.
    const streams = new Set(twin.measured.map((m) => m.alias));
    for (const q of chartsOf(checked(buildDashboard(twin))).flatMap((p) => p.targets)) {
      if (q.queryType !== 'PropertyValueHistory') continue;
      expect(q.propertyAliases.map(onLine1).filter((a) => streams.has(a))).toEqual([]);
    }
  });

  it('lets one choose the asset of a fleet, and shows its scene', () => {
    const assets = [
      { id: 'line1', aliasPrefix: '/line1' },
      { id: 'line2', aliasPrefix: '/hall 2/line2' },
    ];
    const dashboard = buildDashboard(twin, { assets, sceneId: 'web-line' });
    expect(checked(dashboard).panels[0]?.type).toMatch(/sceneviewer/);
    const queries = Object.fromEntries(
      (dashboard.templating.list ?? []).map((v) => [v.name, v.query]),
    );
    expect(queries.asset).toBe('line1 : /line1, line2 : /hall 2/line2');
    expect(queries.sel_entity).toBe('line1 : line1, line2 : line2');
    expect(() => buildDashboard(twin, { assets: [] })).toThrow(RangeError);
    const many = Array.from({ length: 501 }, (_, i) => ({ id: `l${i}`, aliasPrefix: `/l${i}` }));
    const typed = buildDashboard(twin, { assets: many }).templating.list ?? [];
    expect(typed.find((v) => v.name === 'asset')).toMatchObject({ type: 'textbox', query: '/l0' });
  });
});

describe('the asset that SiteWise lists', () => {
  const assets = ['line1', 'line2'].map((id) => ({ id, aliasPrefix: `/hall/${id}/press` }));
  const assetModel = 'externalId:plant:web-line';

  it('is chosen by its name, from which every alias follows', async () => {
    const dashboard = buildDashboard(twin, { assets, assetModel });
    const variable = (dashboard.templating.list ?? []).find((v) => v.name === 'asset');
    const asked = z
      .strictObject({
        refId: z.string(),
        queryType: z.literal('ListAssets'),
        filter: z.literal('ALL'),
        modelId: z.string(),
      })
      .parse(variable?.query);
    expect(variable).toMatchObject({ type: 'query', refresh: 1, current: { text: 'line1' } });
    const siteWise = await startSiteWise({ activationMs: 0 });
    const client = createSiteWiseClient({ ...siteWise });
    try {
      for (const { id, aliasPrefix: prefix } of assets) {
        const streams = twinStreams(withAliasPrefix(twin, prefix));
        await ensureAsset(client, {
          model: { externalId: 'plant:web-line', name: 'web line' },
          asset: { externalId: id, name: id },
          streams: streams
            .slice(0, 3)
            .map(({ alias, name, dataType }) => ({ alias, name, dataType })),
          pollMs: 1,
        });
      }
      const { assetSummaries = [] } = await client.send(
        new ListAssetsCommand({ assetModelId: asked.modelId, filter: asked.filter }),
      );
      // The plugin makes options of them: the name is the text, the id the value.
      const options = assetSummaries.map((a) => ({ text: a.name ?? '', value: a.id }));
      expect(options.map((o) => o.text).toSorted()).toEqual(['line1', 'line2']);
      for (const { text } of options) {
        const shown = chartsOf(checked(dashboard)).flatMap((p) =>
          p.targets.flatMap((q) => q.propertyAliases.map((a) => a.replace(`\${asset:text}`, text))),
        );
        const own = withAliasPrefix(twin, `/hall/${text}/press`);
        expect(new Set(shown)).toEqual(new Set(twinStreams(own).map((s) => s.alias)));
      }
    } finally {
      client.destroy();
      await siteWise.close();
    }
  });

  it('is refused where names do not tell the aliases', () => {
    const odd = [...assets, { id: 'line3', aliasPrefix: '/yard/line3' }];
    expect(() => buildDashboard(twin, { assets: odd, assetModel })).toThrow(/line3 \(\/yard/);
    expect(prefixByName(odd)).toBeUndefined();
    expect(prefixByName([{ id: 'a', aliasPrefix: '/b' }])).toBeUndefined();
    expect(prefixByName([])).toBeUndefined();
  });

  it('is opened from the fleet’s dashboard by its name', () => {
    const fleet = JSON.stringify(buildFleetDashboard('plant', [{ twin, assets, byName: true }]));
    expect(fleet).toContain('var-asset=line2&');
    expect(fleet).not.toContain('var-asset=%2Fhall');
  });
});

function openCharts({ panels }: Checked): number {
  return panels.filter((p) => 'targets' in p).length;
}

describe('what it asks', () => {
  it('is what the SiteWise API answers: as the plugin would, against the stand-in', async () => {
    const siteWise = await startSiteWise();
    const client = createSiteWiseClient({ ...siteWise });
    try {
      const timeNs = systemClock.nowNs() - 120_000_000_000n;
      const streams = twinStreams(twin);
      await createSiteWiseWriter({ client }).write(
        streams.map((s) => ({
          alias: s.alias,
          timeNs,
          quality: 'GOOD' as const,
          value: s.dataType === 'STRING' ? '[]' : 1,
        })),
      );
      const [startDate, endDate] = [new Date(Date.now() - 3_600_000), new Date()];
      for (const q of chartsOf(checked(buildDashboard(twin))).flatMap((p) => p.targets)) {
        const entries = q.propertyAliases.map((alias, i) => ({
          entryId: String(i),
          propertyAlias: onLine1(alias),
        }));
        const ranged = entries.map((e) => ({ ...e, startDate, endDate }));
        const answer =
          q.queryType === 'PropertyValue'
            ? await client.send(new BatchGetAssetPropertyValueCommand({ entries }))
            : q.queryType === 'PropertyValueHistory'
              ? await client.send(new BatchGetAssetPropertyValueHistoryCommand({ entries: ranged }))
              : await client.send(
                  new BatchGetAssetPropertyAggregatesCommand({
                    entries: ranged.map((e) => ({
                      ...e,
                      aggregateTypes: q.aggregates as AggregateType[],
                      resolution: '1m',
                    })),
                  }),
                );
        expect(answer.errorEntries ?? []).toEqual([]);
        expect(answer.successEntries).toHaveLength(entries.length);
        for (const entry of answer.successEntries ?? []) {
          const values =
            'assetPropertyValue' in entry
              ? [entry.assetPropertyValue]
              : 'aggregatedValues' in entry
                ? entry.aggregatedValues
                : 'assetPropertyValueHistory' in entry
                  ? entry.assetPropertyValueHistory
                  : [];
          expect([q.queryType, values?.length]).toEqual([q.queryType, 1]);
        }
      }
    } finally {
      client.destroy();
      await siteWise.close();
    }
  });
});
