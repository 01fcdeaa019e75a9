// Grafana's own library, @grafana/data, applies a dashboard's rules to frames shaped as its SiteWise
// plugin makes them. TWINLOOP_GRAFANA_DATA names a folder in which `npm install @grafana/data jsdom`
// was run; without one the test is skipped.
import { beforeAll, describe, expect, it } from 'vitest';
import { buildDashboard } from '../../cloud/dashboards/dashboard.js';
import { buildFleetDashboard } from '../../cloud/dashboards/fleet-dashboard.js';
import {
  loadConfig,
  type TwinDefinition,
  twinSchema,
  twinStreams,
} from '../../shared/config/index.js';
import { packageFile } from '../../shared/core/index.js';
import {
  drawn,
  type Frame,
  grafanaFolder as folder,
  type Grafana,
  loadGrafana,
  type Panel,
  grafanaReason as reason,
} from '../support/grafana-data.js';

const RANGES = { '15 min': 900, '6 h': 21_600, '7 d': 604_800 };
/** Below this the plugin reads values in place of AUTO averages, and keeps one frame a query. */
const AUTO_FROM_S = 960;
let grafana: Grafana;
let twin: TwinDefinition;
let panels: Panel[];

beforeAll(async () => {
  if (folder === undefined) return;
  grafana = loadGrafana(folder);
  twin = await loadConfig(twinSchema, packageFile('shared/twins/web-line/twin.json'), 'twin');
  const assetModel = 'externalId:plant:web-line';
  const built = JSON.parse(JSON.stringify(buildDashboard(twin, { assetModel }))) as {
    panels: Panel[];
  };
  panels = built.panels
    .flatMap((p) => (p.type === 'row' ? (p.panels ?? []) : [p]))
    .filter((p) => p.type === 'timeseries');
});

const onLine1 = (alias: string) =>
  alias.replace(`\${asset:text}`, 'line1').replace(/^\/line\d+\//, '/line1/');
const nameOf = (alias: string) => {
  const stream = twinStreams(twin).find((s) => s.alias === onLine1(alias));
  if (stream === undefined) throw new RangeError(`no stream ${alias}`);
  return stream.name;
};

/** The frames that the plugin returns for a panel's queries. */
function framesOf(panel: Panel, spanS: number): Frame[] {
  return (panel.targets ?? []).flatMap(({ refId, queryType, resolution, aggregates, ...query }) => {
    const series = query.propertyAliases.map(nameOf);
    const make = (name: string, field: string, labels?: Record<string, string>) =>
      grafana.toDataFrame({
        refId,
        name,
        fields: [
          { name: 'time', type: 'time', values: [1, 2] },
          { name: field, type: 'number', values: [1, 2], ...(labels && { labels }) },
        ],
      });
    const quality = { quality: 'GOOD' };
    if (queryType === 'PropertyValueHistory') return series.map((s) => make('line1', s, quality));
    if (resolution === 'AUTO' && spanS < AUTO_FROM_S) {
      return series.slice(0, 1).map((s) => make(`line1 ${s}`, s, quality));
    }
    const field = aggregates?.[0] === 'COUNT' ? 'count' : 'avg';
    return series.map((s) => make(`line1 ${s}`, field));
  });
}

/** A panel's series by the names that Grafana shows. */
const draw = (panel: Panel, spanS: number) => drawn(grafana, panel, framesOf(panel, spanS));

const aliasesOf = (panel: Panel) => (panel.targets ?? []).flatMap((q) => q.propertyAliases);
const isBand = (panel: Panel) => aliasesOf(panel).some((a) => a.endsWith('_lower'));

describe.skipIf(folder === undefined)(`Grafana draws the dashboard${reason}`, () => {
  it.each(Object.entries(RANGES))('every series with a name to read, over %s', (_, spanS) => {
    expect(panels.length).toBeGreaterThan(40);
    for (const panel of panels) {
      const names = draw(panel, spanS).map(([name]) => name);
      expect(names, panel.title).toHaveLength(aliasesOf(panel).length);
      expect(new Set(names).size, panel.title).toBe(names.length);
      for (const name of names) expect(name, panel.title).not.toMatch(/GOOD|avg|count|line1|\$\{/);
      if (isBand(panel)) continue;
      const expected = aliasesOf(panel).map(nameOf);
      if (names.length > 1) expect(names.toSorted()).toEqual(expected.toSorted());
    }
  });

  it.each(Object.entries(RANGES))('every band, filled between its bounds, over %s', (_, spanS) => {
    const bands = panels.filter(isBand);
    const { parameters, virtualSensors, measured } = twin;
    expect(bands).toHaveLength(parameters.length + virtualSensors.length + measured.length);
    for (const panel of bands) {
      const series = new Map(draw(panel, spanS));
      const own = ['estimate', 'lower 95 %', 'upper 95 %'];
      const sensor = (panel.targets ?? []).length > 1 ? ['sensor'] : [];
      expect([...series.keys()].toSorted(), panel.title).toEqual([...own, ...sensor].toSorted());
      expect(series.get('upper 95 %')?.config.custom).toMatchObject({
        lineWidth: 0,
        fillBelowTo: 'lower 95 %',
        fillOpacity: 25,
      });
      expect(series.get('lower 95 %')?.config.custom).toMatchObject({ lineWidth: 0 });
      for (const name of ['estimate', ...sensor]) {
        expect(series.get(name)?.config.custom).toMatchObject({ lineWidth: 2, fillOpacity: 0 });
        expect(series.get(name)?.config.custom?.fillBelowTo).toBeUndefined();
      }
    }
  });

  it('values with their units, and limits where alarms are', () => {
    for (const shown of [...twin.parameters, ...twin.virtualSensors]) {
      const panel = panels.find(
        (p) => isBand(p) && nameOf(aliasesOf(p)[0] ?? '') === shown.variable,
      );
      if (panel === undefined) throw new RangeError(`no panel of ${shown.variable}`);
      for (const [, { config }] of draw(panel, 21_600)) {
        const { text, suffix } = grafana.getValueFormat(config.unit ?? '')(1.5, 1);
        expect(`${text}${suffix ?? ''}`).toBe(shown.unit === '' ? '1.5' : `1.5 ${shown.unit}`);
        const { above, below } = shown.alarm ?? {};
        const limits = [below, above].filter((v) => v !== undefined);
        if (limits.length === 0) continue;
        const steps = config.thresholds?.steps.map((s) => s.value) ?? [];
        expect(steps.filter((v) => v !== null && Number.isFinite(v))).toEqual(limits);
      }
    }
  });

  it('all assets of a fleet by their names, with limits, each leading to its own dashboard', () => {
    const assets = [1, 2, 3].map((n) => ({ id: `line ${n}`, aliasPrefix: `/line${n}` }));
    const fleet = JSON.parse(JSON.stringify(buildFleetDashboard('plant', [{ twin, assets }]))) as {
      panels: Panel[];
    };
    const charts = fleet.panels.filter((p) => p.type !== 'row');
    const limits = [...twin.parameters, ...twin.virtualSensors].flatMap((q) =>
      [q.alarm?.above, q.alarm?.below].filter((v) => v !== undefined),
    );
    expect(charts).toHaveLength(2 + limits.length);
    for (const panel of charts) {
      const series = draw(panel, 21_600);
      expect(series.map(([name]) => name)).toEqual(['line 1', 'line 2', 'line 3']);
      for (const { properties } of panel.fieldConfig.overrides) {
        const links = properties.find((p) => p.id === 'links')?.value as { url: string }[];
        expect(links[0]?.url).toMatch(/^\/d\/twinloop-web-line\?var-asset=%2Fline[123]&/);
      }
      if (panel.type !== 'timeseries') continue;
      const steps = series[0]?.[1].config.thresholds?.steps.map((s) => s.value) ?? [];
      expect(
        steps.filter((v) => v !== null && Number.isFinite(v)),
        panel.title,
      ).toHaveLength(1);
    }
  });

  it('no band where a rule renames all of a query first', () => {
    const [panel] = panels.filter(isBand);
    if (panel === undefined) throw new RangeError('no band');
    const first = {
      matcher: { id: 'byFrameRefID', options: 'A' },
      properties: [{ id: 'displayName', value: 'estimate' }],
    };
    const { defaults, overrides } = panel.fieldConfig;
    const spoilt = { ...panel, fieldConfig: { defaults, overrides: [first, ...overrides] } };
    expect(draw(spoilt, 21_600).some(([, f]) => f.config.custom?.fillBelowTo !== undefined)).toBe(
      false,
    );
  });
});
