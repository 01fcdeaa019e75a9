// The forecast of the coming week, from the model through SiteWise's stand-in to the series that
// Grafana's own library, @grafana/data, makes of it.
import {
  BatchGetAssetPropertyAggregatesCommand,
  BatchGetAssetPropertyValueHistoryCommand,
  type IoTSiteWiseClient,
} from '@aws-sdk/client-iotsitewise';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildForecastDashboard } from '../../cloud/dashboards/forecast-dashboard.js';
import { calibrationEngine } from '../../cloud/worker/calibration-engine.js';
import { forecastTimesS, forecastTqvs } from '../../cloud/worker/publish-forecast.js';
import { assetStreams, forecastQuantities } from '../../shared/config/index.js';
import {
  nsToSeconds,
  packageFile,
  secondsToNs,
  silentLogger,
  systemClock,
  wallTime,
} from '../../shared/core/index.js';
import { createSiteWiseClient, createSiteWiseWriter } from '../../shared/sitewise/index.js';
import { type Forecast, loadTwin, type Twin } from '../../shared/twin/index.js';
import { type SiteWise, startSiteWise } from '../../simulators/sitewise/index.js';
import {
  drawn,
  type Field,
  type Frame,
  type Grafana,
  grafanaFolder,
  grafanaReason,
  loadGrafana,
  type Panel,
  type Query,
} from '../support/grafana-data.js';

const WEEK_S = 7 * 86_400;
const nowS = nsToSeconds(systemClock.nowNs());
const range = {
  startDate: new Date((nowS - WEEK_S) * 1000),
  endDate: new Date((nowS + WEEK_S) * 1000),
};

let grafana: Grafana;
let twin: Twin;
let forecast: Forecast;
let siteWise: SiteWise;
let client: IoTSiteWiseClient;
let dashboard: { time: object; panels: Panel[] };
let charts: Panel[];

beforeAll(async () => {
  if (grafanaFolder === undefined) return;
  grafana = loadGrafana(grafanaFolder);
  twin = await loadTwin(packageFile('shared/twins/web-line/twin.json'));
  const model = await calibrationEngine.createModel(twin, { logger: silentLogger });
  const timesS = forecastTimesS(systemClock.nowNs());
  try {
    const state = {
      ...calibrationEngine.createCalibrator({ twin, model }).initialState([]),
      timeS: nowS - 30,
    };
    const horizonS = (timesS.at(-1) ?? 0) - state.timeS;
    const ahead = { horizonS, points: 28, signal: new AbortController().signal };
    const made = await calibrationEngine.forecast?.({ twin, model, state, ...ahead });
    if (made === undefined) throw new RangeError('nothing is forecast');
    forecast = made;
  } finally {
    await model.close();
  }
  siteWise = await startSiteWise({ activationMs: 0 });
  client = createSiteWiseClient({ ...siteWise });
  const writer = createSiteWiseWriter({ client });
  const samples = forecastTqvs(twin.definition, forecast, timesS, wallTime);
  const past = forecastQuantities(twin.definition).flatMap(({ alias }) =>
    ['', '_lower', '_upper'].flatMap((suffix, value) =>
      [3, 2, 1].map((days) => ({
        alias: alias + suffix,
        timeNs: secondsToNs(nowS - days * 86_400),
        quality: 'GOOD' as const,
        value,
      })),
    ),
  );
  const written = await writer.write([...samples, ...past]);
  // SiteWise takes every value: none lies ahead of its clock.
  expect(written.rejected).toEqual([]);
  expect(written.retry).toEqual([]);
  expect(written.accepted).toBe(samples.length + past.length);
  dashboard = JSON.parse(JSON.stringify(buildForecastDashboard(twin.definition)));
  charts = dashboard.panels.filter((p) => p.type === 'timeseries');
}, 120_000);
afterAll(async () => {
  client?.destroy();
  await siteWise?.close();
});

const onAsset = (alias: string) => alias.replace(`\${asset}`, '/line1');
const nameOf = (alias: string) => {
  const stream = assetStreams(twin.definition).find((s) => s.alias === onAsset(alias));
  if (stream === undefined) throw new RangeError(`no stream ${alias}`);
  return stream.name;
};

/** What the plugin makes of SiteWise's answers to a query. */
async function framesOf({ refId, queryType, propertyAliases }: Query): Promise<Frame[]> {
  const entries = propertyAliases.map((alias, i) => ({
    entryId: String(i),
    propertyAlias: onAsset(alias),
    ...range,
  }));
  const frame = (i: number, field: string, times: Date[], values: unknown[], labels?: object) =>
    grafana.toDataFrame({
      refId,
      name: labels === undefined ? `line1 ${nameOf(propertyAliases[i] ?? '')}` : 'line1',
      fields: [
        { name: 'time', type: 'time', values: times.map(Number) },
        { name: field, type: 'number', values, ...(labels && { labels }) },
      ],
    });
  if (queryType === 'PropertyAggregate') {
    const { successEntries = [] } = await client.send(
      new BatchGetAssetPropertyAggregatesCommand({
        entries: entries.map((e) => ({ ...e, resolution: '1h', aggregateTypes: ['AVERAGE'] })),
      }),
    );
    return successEntries.map(({ entryId, aggregatedValues = [] }) =>
      frame(
        Number(entryId),
        'avg',
        aggregatedValues.map((v) => v.timestamp as Date),
        aggregatedValues.map((v) => v.value?.average),
      ),
    );
  }
  const { successEntries = [] } = await client.send(
    new BatchGetAssetPropertyValueHistoryCommand({ entries }),
  );
  return successEntries.map(({ entryId, assetPropertyValueHistory: history = [] }) =>
    frame(
      Number(entryId),
      nameOf(propertyAliases[Number(entryId)] ?? ''),
      history.map((v) => new Date((v.timestamp?.timeInSeconds ?? 0) * 1000)),
      history.map((v) => v.value?.doubleValue),
      { quality: 'GOOD' },
    ),
  );
}

/** A panel's series by name: times in seconds, values and how they are drawn. */
async function draw(panel: Panel) {
  const frames = (await Promise.all((panel.targets ?? []).map(framesOf))).flat();
  const moved = await new Promise<Frame[]>((resolve) =>
    grafana.transformDataFrame(panel.transformations ?? [], frames).subscribe(resolve),
  );
  const timesOf = new Map<Field['values'], number[]>();
  for (const { fields } of moved) {
    const times = fields.filter((f) => f.type === 'time');
    expect(times).toHaveLength(1);
    for (const f of fields) timesOf.set(f.values, times[0]?.values.map((ms) => ms / 1000) ?? []);
  }
  return new Map(
    drawn(grafana, panel, moved).map(([name, { values, config }]) => [
      name,
      { times: timesOf.get(values) ?? [], values, config },
    ]),
  );
}

describe.skipIf(grafanaFolder === undefined)(`Grafana draws the fan${grafanaReason}`, () => {
  it('over a range that ends a week from now, a panel for each limit', () => {
    expect(dashboard.time).toEqual({ from: 'now-7d', to: 'now+7d' });
    const quantities = forecastQuantities(twin.definition);
    expect(charts.map((c) => c.title)).toEqual(
      quantities.map((q) => (q.unit === '' ? q.variable : `${q.variable} [${q.unit}]`)),
    );
    expect(quantities.length).toBeGreaterThan(9);
  });

  it('what is expected ahead of now, filled between its bounds, beside the past', async () => {
    const quantities = forecastQuantities(twin.definition);
    for (const [i, panel] of charts.entries()) {
      const series = await draw(panel);
      const future = ['expected', 'expected, lower 95 %', 'expected, upper 95 %'];
      const past = ['estimate', 'lower 95 %', 'upper 95 %'];
      expect([...series.keys()].toSorted(), panel.title).toEqual([...past, ...future].toSorted());
      for (const name of future) {
        const times = series.get(name)?.times ?? [];
        expect(times.length, `${panel.title} ${name}`).toBeGreaterThanOrEqual(27);
        expect(times[0]).toBeGreaterThan(nowS);
        expect(times.at(-1)).toBeGreaterThan(nowS + WEEK_S - 6 * 3600 - 60);
        expect(times.at(-1)).toBeLessThanOrEqual(nowS + WEEK_S + 60);
        expect(times).toEqual(times.toSorted((a, b) => a - b));
      }
      for (const name of past) {
        const times = series.get(name)?.times ?? [];
        expect(times, `${panel.title} ${name}`).toHaveLength(3);
        expect(times.at(-1)).toBeLessThan(nowS);
      }
      expect(series.get('expected, upper 95 %')?.config.custom).toMatchObject({
        lineWidth: 0,
        fillBelowTo: 'expected, lower 95 %',
        fillOpacity: 25,
      });
      expect(series.get('upper 95 %')?.config.custom).toMatchObject({ fillBelowTo: 'lower 95 %' });
      expect(series.get('expected')?.config.custom).toMatchObject({
        lineStyle: { fill: 'dash' },
        fillOpacity: 0,
      });
      const quantity = quantities[i];
      const { alarm, unit = '' } = quantity ?? {};
      for (const { config } of series.values()) {
        const { text, suffix } = grafana.getValueFormat(config.unit ?? '')(1.5, 1);
        expect(`${text}${suffix ?? ''}`).toBe(unit === '' ? '1.5' : `1.5 ${unit}`);
        const steps = config.thresholds?.steps.map((s) => s.value) ?? [];
        expect(steps.filter((v) => v !== null && Number.isFinite(v))).toEqual(
          [alarm?.below, alarm?.above].filter((v) => v !== undefined),
        );
      }
      // The values are the forecast's own, at the times that they are of.
      const own = { ...forecast.parameters, ...forecast.virtualSensors }[quantity?.variable ?? ''];
      const last = own?.estimates.at(-1);
      expect(series.get('expected')?.values.at(-1)).toBeCloseTo(last?.median ?? Number.NaN, 9);
      expect(series.get('expected, upper 95 %')?.values.at(-1)).toBeCloseTo(
        last?.upper95 ?? Number.NaN,
        9,
      );
    }
  });

  it('nothing ahead where no transformation moves it', async () => {
    const [panel] = charts;
    if (panel === undefined) throw new RangeError('no panel');
    const series = await draw({ ...panel, transformations: [] });
    expect(series.get('expected')?.times.every((t) => t <= nowS)).toBe(true);
  });
});
