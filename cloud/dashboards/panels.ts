import {
  GraphThresholdsStyleConfigBuilder,
  GraphThresholdsStyleMode,
  LegendDisplayMode,
  LegendPlacement,
  SortOrder,
  TooltipDisplayMode,
  VisibilityMode,
  VizLegendOptionsBuilder,
  VizTooltipOptionsBuilder,
} from '@grafana/grafana-foundation-sdk/common';
import {
  PanelBuilder as AnyPanelBuilder,
  MappingType,
  ThresholdsConfigBuilder,
  ThresholdsMode,
} from '@grafana/grafana-foundation-sdk/dashboard';
import { PanelBuilder as StateTimelineBuilder } from '@grafana/grafana-foundation-sdk/statetimeline';
import { PanelBuilder as TableBuilder } from '@grafana/grafana-foundation-sdk/table';
import { PanelBuilder as TimeseriesBuilder } from '@grafana/grafana-foundation-sdk/timeseries';
import {
  type Aggregates,
  AVERAGE,
  COUNT,
  type DatasourceRef,
  dataquery,
  HISTORY,
  NEWEST,
  queriesOf,
  refIdsOf,
} from './queries.js';

/** What a panel shows of one quantity. */
export interface Shown {
  variable: string;
  alias: string;
  unit: string;
  alarm?: { above?: number | undefined; below?: number | undefined } | undefined;
}

export const LOWER = 'lower 95 %';
export const UPPER = 'upper 95 %';
export const BLUE = '#5794F2';
const GREY = '#8E8E8E';
const RED = '#C4162A';

/** A panel's title. */
export const titleOf = ({ variable, unit }: Shown) =>
  unit === '' ? variable : `${variable} [${unit}]`;
/** One property that a rule sets. */
export const property = (id: string, value: unknown) => ({ id, value });
/** A colour of one's own. */
export const fixed = (color: string) => property('color', { mode: 'fixed', fixedColor: color });

/**
 * Where a property's name ends in what the plugin calls its series. It makes the quality a label, so
 * Grafana shows "b1_lower GOOD"; among frames of several names the frame's stands in front.
 */
export const named = (suffix: string) => `/${suffix}\\b/`;
/** Every series that no rule before this one has renamed: rules see the names that earlier ones gave. */
const NEITHER_BOUND = `/^(?!${LOWER}$|${UPPER}$)/`;
/** The property's own name, without the asset's and without the quality. */
const FIELD_NAME = `\${__field.name}`;

/** A chart as all of ours look. */
export function timeseries(title: string, datasource: DatasourceRef, unit = ''): TimeseriesBuilder {
  const panel = new TimeseriesBuilder();
  if (unit !== '') panel.unit(`suffix:${unit}`);
  return panel
    .title(title)
    .datasource(datasource)
    .lineWidth(2)
    .spanNulls(true)
    .showPoints(VisibilityMode.Never)
    .fillOpacity(0)
    .legend(new VizLegendOptionsBuilder().showLegend(false))
    .tooltip(
      new VizTooltipOptionsBuilder().mode(TooltipDisplayMode.Multi).sort(SortOrder.Descending),
    );
}

/** Limits as dashed lines. */
export function drawLimits(
  panel: TimeseriesBuilder,
  { above, below }: NonNullable<Shown['alarm']>,
): void {
  const base = below === undefined ? 'transparent' : RED;
  panel
    .thresholdsStyle(new GraphThresholdsStyleConfigBuilder().mode(GraphThresholdsStyleMode.Dashed))
    .thresholds(
      new ThresholdsConfigBuilder().mode(ThresholdsMode.Absolute).steps([
        // Grafana's own notation of "from minus infinity on".
        { color: base, value: null },
        ...(below === undefined ? [] : [{ color: 'transparent', value: below }]),
        ...(above === undefined ? [] : [{ color: RED, value: above }]),
      ]),
    );
}

/** Draws the 95 % band between two series, filled. */
function drawBand(panel: TimeseriesBuilder): TimeseriesBuilder {
  return panel
    .overrideByRegexp(named('_lower'), bandEdge(LOWER, BLUE))
    .overrideByRegexp(named('_upper'), [...bandEdge(UPPER, BLUE), ...bandFill(LOWER)]);
}

/** The edge of a band: a name for it, and no line. */
export const bandEdge = (name: string, color: string) => [
  property('displayName', name),
  property('custom.lineWidth', 0),
  fixed(color),
];

/** Of a band's upper edge: filled down to the lower one of that name. */
export const bandFill = (lower: string) => [
  property('custom.fillBelowTo', lower),
  property('custom.fillOpacity', 25),
];

/** One estimate: its mean, its 95 % band filled, its limits dashed. */
export function bandPanel(datasource: DatasourceRef, shown: Shown): TimeseriesBuilder {
  const { alias, alarm, unit } = shown;
  const panel = timeseries(titleOf(shown), datasource, unit).targets(
    queriesOf(datasource, [alias, `${alias}_lower`, `${alias}_upper`], HISTORY),
  );
  if (alarm !== undefined) drawLimits(panel, alarm);
  return drawBand(panel).overrideByRegexp(NEITHER_BOUND, [
    property('displayName', 'estimate'),
    fixed(BLUE),
  ]);
}

/** One sensor beside what the twin expects of it: the estimate's 95 % band. */
export function measuredPanel(datasource: DatasourceRef, shown: Shown): TimeseriesBuilder {
  const { alias, unit } = shown;
  const estimate = [`${alias}_estimate`, `${alias}_lower`, `${alias}_upper`];
  const panel = timeseries(titleOf(shown), datasource, unit).targets([
    ...queriesOf(datasource, [alias], AVERAGE),
    ...queriesOf(datasource, estimate, HISTORY, 'B'),
  ]);
  return drawBand(panel)
    .overrideByRegexp(named('_estimate'), [property('displayName', 'estimate'), fixed(BLUE)])
    .overrideByQuery('A', [property('displayName', 'sensor'), fixed(GREY)]);
}

/** A stream and what the legend calls it. */
export interface NamedStream {
  name: string;
  alias: string;
}

/** Many series in one panel, with a legend of their newest values. */
export function overviewPanel(
  datasource: DatasourceRef,
  title: string,
  streams: readonly NamedStream[],
  { query = HISTORY, unit = '' }: { query?: typeof HISTORY | Aggregates; unit?: string } = {},
): TimeseriesBuilder {
  const panel = timeseries(title, datasource, unit)
    .lineWidth(1)
    .legend(
      new VizLegendOptionsBuilder()
        .showLegend(true)
        .displayMode(LegendDisplayMode.Table)
        .placement(LegendPlacement.Right)
        .calcs(['lastNotNull']),
    );
  if (query.queryType === 'PropertyValueHistory') {
    const aliases = streams.map((s) => s.alias);
    return panel.displayName(FIELD_NAME).targets(queriesOf(datasource, aliases, query));
  }
  // The plugin names the series of aggregates by the asset and "avg"; the query tells them apart.
  const refIds = refIdsOf(streams.length);
  panel.targets(
    streams.flatMap((s, i) => queriesOf(datasource, [s.alias], query, refIds[i] ?? 'A')),
  );
  for (const [i, { name }] of streams.entries()) {
    panel.overrideByQuery(refIds[i] ?? 'A', [property('displayName', name)]);
  }
  return panel;
}

/** The NIS with the bound that it seldom passes while model and machine agree. */
export function nisPanel(
  datasource: DatasourceRef,
  alias: string,
  bound: number,
): TimeseriesBuilder {
  const panel = timeseries('NIS: do model and machine agree?', datasource)
    .description(`Above ${bound} once in a thousand samples, as long as they do.`)
    .displayName('NIS')
    .targets(queriesOf(datasource, [alias], HISTORY));
  drawLimits(panel, { above: bound });
  return panel;
}

/** The twin's alarms, newest first. */
export function alarmsPanel(datasource: DatasourceRef, alias: string): TableBuilder {
  return new TableBuilder()
    .title('Alarms of the twin, newest first')
    .datasource(datasource)
    .targets(queriesOf(datasource, [alias], { ...HISTORY, responseFormat: 'table' }))
    .mappings([
      { type: MappingType.ValueToText, options: { '[]': { text: 'none', color: 'green' } } },
    ])
    .transformations([
      { id: 'sortBy', options: { fields: {}, sort: [{ field: 'time', desc: true }] } },
      { id: 'organize', options: { excludeByName: { quality: true } } },
    ])
    .noValue('none');
}

/** How old the estimate was at the end of each run. */
export function agePanel(datasource: DatasourceRef, alias: string): TimeseriesBuilder {
  return timeseries('Age of the twin’s “now”', datasource)
    .unit('s')
    .description(
      'Seconds from the newest sample in the estimate to the end of the run. It should stay near the schedule’s period; where it grows, the calibration falls behind.',
    )
    .displayName('age')
    .min(0)
    .targets(queriesOf(datasource, [alias], HISTORY));
}

/** All that a stream of texts held, newest first. */
const newestFirst = (datasource: DatasourceRef, alias: string): TableBuilder =>
  new TableBuilder()
    .datasource(datasource)
    .targets(queriesOf(datasource, [alias], { ...HISTORY, responseFormat: 'table' }))
    .withTransformation({
      id: 'sortBy',
      options: { fields: {}, sort: [{ field: 'time', desc: true }] },
    })
    .withTransformation({ id: 'organize', options: { excludeByName: { quality: true } } });

/** What became of every reading and sample, newest first. */
export function ledgerPanel(datasource: DatasourceRef, alias: string): TableBuilder {
  return newestFirst(datasource, alias)
    .title('Ledger: what became of every reading')
    .withTransformation({ id: 'limit', options: { limitField: 1 } })
    .noValue('no run yet');
}

/** Who has acknowledged which alarm, the newest first. */
export function acknowledgedPanel(datasource: DatasourceRef, alias: string): TableBuilder {
  return newestFirst(datasource, alias).title('Acknowledged alarms').noValue('none');
}

/** Whether sensors still reach SiteWise: how many samples came each minute. */
export function arrivalsPanel(
  datasource: DatasourceRef,
  streams: readonly NamedStream[],
): TimeseriesBuilder {
  return overviewPanel(datasource, 'Samples that arrived, a minute', streams, { query: COUNT })
    .description('No line: the gateway is cut off, or has something to catch up on.')
    .min(0);
}

/** Whether the gateway reaches its sources: streams of `statusAlias`, 1 while it does. */
export function sourcesPanel(
  datasource: DatasourceRef,
  aliases: readonly string[],
): StateTimelineBuilder {
  const text = (name: string, color: string) => ({ text: name, color });
  return new StateTimelineBuilder()
    .title('Sources of the gateway')
    .datasource(datasource)
    .displayName(FIELD_NAME)
    .targets(queriesOf(datasource, aliases, HISTORY))
    .mappings([
      {
        type: MappingType.ValueToText,
        options: { 0: text('cut off', 'red'), 1: text('connected', 'green') },
      },
    ]);
}

/** The newest value of every sensor, with its time and quality. */
export function newestPanel(datasource: DatasourceRef, aliases: readonly string[]): TableBuilder {
  return new TableBuilder()
    .title('Newest values')
    .datasource(datasource)
    .targets(queriesOf(datasource, aliases, NEWEST))
    .withTransformation({ id: 'merge', options: {} });
}

/** The machine in space: TwinMaker's viewer with the values behind its tags. */
export function scenePanel(
  datasource: DatasourceRef,
  scene: { sceneId: string; entityVariable: string; componentName: string; properties: string[] },
): AnyPanelBuilder {
  const variable = `\${${scene.entityVariable}}`;
  return new AnyPanelBuilder()
    .type('grafana-iot-twinmaker-sceneviewer-panel')
    .title('The machine')
    .datasource(datasource)
    .options({
      datasource: datasource.uid,
      sceneId: scene.sceneId,
      customSelEntityVarName: variable,
    })
    .withTarget(
      dataquery({
        refId: 'A',
        datasource,
        queryType: 'EntityHistory',
        entityId: variable,
        componentName: scene.componentName,
        properties: scene.properties,
        order: 'ASCENDING',
      }),
    );
}

/** A stream of one asset, and where a click on it leads. */
export interface OfAsset extends Omit<NamedStream, 'name'> {
  /** What the legend calls it. */
  id: string;
  link: string;
}

/** Has each query's series named by its asset, with a link to the asset's own dashboard. */
function nameByAsset<P extends TimeseriesBuilder | StateTimelineBuilder>(
  panel: P,
  datasource: DatasourceRef,
  assets: readonly OfAsset[],
): P {
  const refIds = refIdsOf(assets.length);
  panel.targets(
    assets.flatMap(({ alias }, i) => queriesOf(datasource, [alias], HISTORY, refIds[i] ?? 'A')),
  );
  for (const [i, { id, link }] of assets.entries()) {
    panel.overrideByQuery(refIds[i] ?? 'A', [
      property('displayName', id),
      property('links', [{ title: `Twin of ${id}`, url: link }]),
    ]);
  }
  return panel;
}

/** One quantity of many assets with its limit, the worst first in the legend. */
export function rankedPanel(
  datasource: DatasourceRef,
  shown: {
    title: string;
    unit: string;
    assets: readonly OfAsset[];
    limit: { above: number } | { below: number };
  },
): TimeseriesBuilder {
  const panel = timeseries(shown.title, datasource, shown.unit)
    .lineWidth(1)
    .legend(
      new VizLegendOptionsBuilder()
        .showLegend(true)
        .displayMode(LegendDisplayMode.Table)
        .placement(LegendPlacement.Right)
        .calcs(['lastNotNull'])
        .sortBy('Last *')
        .sortDesc('above' in shown.limit),
    );
  drawLimits(panel, shown.limit);
  return nameByAsset(panel, datasource, shown.assets);
}

/** Since when each asset has which alarms. */
export function alarmStatesPanel(
  datasource: DatasourceRef,
  assets: readonly OfAsset[],
): StateTimelineBuilder {
  const panel = new StateTimelineBuilder()
    .title('Alarms of each asset')
    .datasource(datasource)
    .mappings([
      { type: MappingType.ValueToText, options: { '[]': { text: 'none', color: 'green' } } },
      {
        type: MappingType.RegexToText,
        options: { pattern: '/^\\[\\{.*$/', result: { text: 'alarm', color: 'red' } },
      },
    ])
    .noValue('no calibration yet');
  return nameByAsset(panel, datasource, assets);
}
