import {
  type Dashboard,
  DashboardBuilder,
  DashboardCursorSync,
  DatasourceVariableBuilder,
  RowBuilder,
} from '@grafana/grafana-foundation-sdk/dashboard';
import type { PanelBuilder as TimeseriesBuilder } from '@grafana/grafana-foundation-sdk/timeseries';
import {
  FORECAST_AHEAD_S,
  FORECAST_SUFFIXES,
  type ForecastQuantity,
  forecastQuantities,
  type TwinDefinition,
} from '../../shared/config/index.js';
import {
  chooseAsset,
  type DashboardOptions,
  dashboardUid,
  forecastDashboardUid,
  linkRunbook,
  linkTwin,
  numbered,
  sized,
} from './dashboard.js';
import {
  BLUE,
  bandEdge,
  bandFill,
  drawLimits,
  fixed,
  LOWER,
  named,
  property,
  type Shown,
  timeseries,
  titleOf,
  UPPER,
} from './panels.js';
import { type DatasourceRef, HISTORY, HOURLY, queriesOf, SITEWISE_PLUGIN } from './queries.js';

const WEEK = '7d';
const PURPLE = '#B877D9';
const EXPECTED = 'expected';
const EXPECTED_LOWER = `${EXPECTED}, ${LOWER}`;
const EXPECTED_UPPER = `${EXPECTED}, ${UPPER}`;
/** The query of the forecast. */
const AHEAD = 'B';

/**
 * A Grafana dashboard of a twin's coming week: what has a limit, the past week's estimate and band, and
 * from now on what the twin expects.
 *
 * SiteWise has each value of a forecast a week before the time that it is of; Grafana's own
 * transformations put it where it belongs. The range ends in the future, so the plugin, which keeps
 * what it read only of ranges that end now, reads a forecast anew that has taken another's place.
 *
 * @returns nothing for a twin without limits
 * @throws RangeError when there is no asset
 */
export function buildForecastDashboard(
  twin: TwinDefinition,
  options: Pick<DashboardOptions, 'assets' | 'assetModel' | 'runbook'> = {},
): Dashboard | undefined {
  const quantities = forecastQuantities(twin);
  if (quantities.length === 0) return undefined;
  const { siteWise, chosen, onAsset } = chooseAsset(twin, options);
  const dashboard = new DashboardBuilder(`Twin ${twin.name}: the coming week`)
    .uid(forecastDashboardUid(twin.name))
    .description(
      'Made by `twinloop dashboard --ahead` from the twin definition; change that instead. Its range has to end a week from now.',
    )
    .tags(['twinloop'])
    .tooltip(DashboardCursorSync.Crosshair)
    .time({ from: `now-${WEEK}`, to: `now+${WEEK}` })
    .refresh('1h')
    .withVariable(
      new DatasourceVariableBuilder('datasource').label('SiteWise').type(SITEWISE_PLUGIN),
    )
    .withVariable(chosen.variable);
  linkRunbook(dashboard, options.runbook);
  linkTwin(dashboard, 'The twin now', dashboardUid(twin.name));
  const rows = {
    parameter: 'Parameters with a limit',
    virtualSensor: 'Virtual sensors with a limit',
  };
  for (const [role, title] of Object.entries(rows)) {
    const own = quantities.filter((q) => q.role === role);
    if (own.length === 0) continue;
    dashboard.withRow(new RowBuilder(title));
    for (const q of own) {
      const panel = fanPanel(siteWise, { ...q, alias: onAsset(q.alias) });
      dashboard.withPanel(sized(panel, 8, 8));
    }
  }
  return numbered(dashboard.build());
}

/** One quantity: the past week's estimate with its band, the coming week's with its own, and the limits. */
function fanPanel(
  datasource: DatasourceRef,
  shown: Shown & Pick<ForecastQuantity, 'alarm'>,
): TimeseriesBuilder {
  const { alias, alarm, unit } = shown;
  const forecast = Object.values(FORECAST_SUFFIXES).map((suffix: string) => alias + suffix);
  const panel = timeseries(titleOf(shown), datasource, unit)
    .description(
      'Left of now the hour’s mean estimate and 95 % band, right of it what the twin expects under the inputs of its last sample.',
    )
    // One alias a query: the plugin names the series of aggregates by the asset, the query tells them apart.
    .targets([
      ...queriesOf(datasource, [alias], HOURLY, 'A'),
      ...queriesOf(datasource, [`${alias}_lower`], HOURLY, 'L'),
      ...queriesOf(datasource, [`${alias}_upper`], HOURLY, 'U'),
      ...queriesOf(datasource, forecast, HISTORY, AHEAD),
    ])
    .transformations(aWeekLater(AHEAD));
  drawLimits(panel, alarm);
  return panel
    .overrideByQuery('A', [property('displayName', 'estimate'), fixed(BLUE)])
    .overrideByQuery('L', bandEdge(LOWER, BLUE))
    .overrideByQuery('U', [...bandEdge(UPPER, BLUE), ...bandFill(LOWER)])
    .overrideByRegexp(named(FORECAST_SUFFIXES.lower), bandEdge(EXPECTED_LOWER, PURPLE))
    .overrideByRegexp(named(FORECAST_SUFFIXES.upper), [
      ...bandEdge(EXPECTED_UPPER, PURPLE),
      ...bandFill(EXPECTED_LOWER),
    ])
    .overrideByRegexp(named(FORECAST_SUFFIXES.median), [
      property('displayName', EXPECTED),
      property('custom.lineStyle', { fill: 'dash', dash: [10, 10] }),
      fixed(PURPLE),
    ]);
}

/** Moves the series of one query by a week, into the future. */
function aWeekLater(refId: string) {
  const filter = { id: 'byRefId', options: refId };
  const moved = 'a week later';
  return [
    {
      id: 'calculateField',
      filter,
      options: {
        mode: 'binary',
        alias: moved,
        binary: { left: 'time', operator: '+', right: String(FORECAST_AHEAD_S * 1000) },
        replaceFields: false,
      },
    },
    // While it is a number still: every field that is a time answers to the name "time".
    { id: 'filterFieldsByName', filter, options: { exclude: { names: ['time'] } } },
    {
      id: 'convertFieldType',
      filter,
      options: { fields: {}, conversions: [{ targetField: moved, destinationType: 'time' }] },
    },
  ];
}
