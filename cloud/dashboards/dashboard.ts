import type { Builder } from '@grafana/grafana-foundation-sdk/cog';
import {
  AnnotationEventFieldMappingBuilder,
  AnnotationEventFieldSource,
  AnnotationQueryBuilder,
  type Dashboard,
  DashboardBuilder,
  DashboardCursorSync,
  DashboardLinkBuilder,
  DashboardLinkType,
  DatasourceVariableBuilder,
  type GridPos,
  type Panel,
  RowBuilder,
  TimePickerBuilder,
} from '@grafana/grafana-foundation-sdk/dashboard';
import {
  aliasPrefix,
  forecastQuantities,
  healthAliases,
  type TwinDefinition,
  twinStreams,
} from '../../shared/config/index.js';
import { chiSquareQuantile } from '../../shared/kalman/index.js';
import { ENTITY_VARIABLE, isPropertyName, TWIN_COMPONENT } from '../scene/build-scene.js';
import { choice, type DashboardAsset, heldChoice, listedChoice } from './asset-variable.js';
import { REFRESH_S, WINDOW_H } from './pace.js';
import {
  acknowledgedPanel,
  agePanel,
  alarmsPanel,
  arrivalsPanel,
  bandPanel,
  ledgerPanel,
  measuredPanel,
  type NamedStream,
  newestPanel,
  nisPanel,
  overviewPanel,
  type Shown,
  scenePanel,
  sourcesPanel,
} from './panels.js';
import {
  AVERAGE,
  alarmsQuery,
  type DatasourceRef,
  dataquery,
  HISTORY,
  SITEWISE_PLUGIN,
  TWINMAKER_PLUGIN,
} from './queries.js';

export interface DashboardOptions {
  /** The assets of the twin, the one that is shown first in front; default: the twin as defined. */
  assets?: readonly DashboardAsset[];
  /**
   * The assets' model in SiteWise, id or externalId:…; with it the asset is chosen from those that
   * SiteWise lists, otherwise from the list that is given.
   */
  assetModel?: string | undefined;
  /** TwinMaker's scene of the twin; left out, there is no panel for it. */
  sceneId?: string | undefined;
  /** `statusAlias` of the gateway's sources. */
  sourceStatus?: readonly string[];
  /** Address of docs/how-to/alarms.md, for a link. */
  runbook?: string | undefined;
}

/** Grafana takes so many characters. */
const UID_LENGTH = 40;
const COLUMNS = 24;

/**
 * The NIS that is passed once in a thousand samples while model and machine agree.
 *
 * @see https://en.wikipedia.org/wiki/Chi-squared_distribution
 */
export function nisBound(twin: TwinDefinition): number {
  return Number(chiSquareQuantile(0.999, twin.measured.length).toPrecision(3));
}

/** A link at the top to what alarms mean and what to do. */
export function linkRunbook(dashboard: DashboardBuilder, runbook: string | undefined): void {
  if (runbook === undefined) return;
  dashboard.link(
    new DashboardLinkBuilder('What to do about an alarm')
      .type(DashboardLinkType.Link)
      .url(runbook)
      .targetBlank(true),
  );
}

/** A link at the top to another dashboard of the same asset. */
export function linkTwin(dashboard: DashboardBuilder, title: string, uid: string): void {
  dashboard.link(
    new DashboardLinkBuilder(title).type(DashboardLinkType.Link).url(`/d/${uid}`).includeVars(true),
  );
}

/** The uid of a twin's dashboard of the coming week. */
export function forecastDashboardUid(twinName: string): string {
  return dashboardUid(`ahead-${twinName}`);
}

/** A dashboard's uid, by which others link to it. */
export function dashboardUid(name: string): string {
  return `twinloop-${name}`.slice(0, UID_LENGTH);
}

/** The assets that a dashboard of a lone twin shows: itself. */
export function ownAsset(twin: TwinDefinition): DashboardAsset {
  const prefix = aliasPrefix(twin);
  return { id: prefix.split('/').filter(Boolean).join('-'), aliasPrefix: prefix };
}

/** What a dashboard of one asset at a time begins with: its data source, and how the asset is chosen. */
export function chooseAsset(
  twin: TwinDefinition,
  options: Pick<DashboardOptions, 'assets' | 'assetModel'>,
) {
  const assets = options.assets ?? [ownAsset(twin)];
  const siteWise: DatasourceRef = { type: SITEWISE_PLUGIN, uid: `\${datasource}` };
  const own = aliasPrefix(twin);
  const chosen =
    options.assetModel === undefined
      ? heldChoice(assets)
      : listedChoice(siteWise, options.assetModel, assets);
  /** An alias of the twin on the chosen asset. */
  const onAsset = (alias: string) =>
    alias.startsWith(`${own}/`) ? chosen.prefix + alias.slice(own.length) : alias;
  return { assets, siteWise, chosen, onAsset };
}

/**
 * A Grafana dashboard of a twin for the SiteWise plugin: health and alarms, the gateway, every
 * parameter and virtual sensor with its 95 % band and limits, sensors beside what the twin expects
 * of them. Queries go by alias, in batches; what is in closed rows is read only once they are
 * opened, and nothing more often than calibrations can change it.
 *
 * @throws RangeError when there is no asset
 */
export function buildDashboard(twin: TwinDefinition, options: DashboardOptions = {}): Dashboard {
  const { assets, siteWise, chosen, onAsset } = chooseAsset(twin, options);
  const move = <T extends Shown>(shown: T): T => ({ ...shown, alias: onAsset(shown.alias) });
  const parameters = twin.parameters.map(move);
  const sensors = twin.virtualSensors.map(move);
  const measured = twin.measured.map(move);
  const inputs = twin.inputs.flatMap((i) =>
    i.alias === undefined ? [] : [{ name: i.variable, alias: onAsset(i.alias) }],
  );
  const streams = measured.map((m) => ({ name: m.variable, alias: m.alias }));
  const health = healthAliases(twin);

  const dashboard = new DashboardBuilder(`Twin ${twin.name}`)
    .uid(dashboardUid(twin.name))
    .description('Made by `twinloop dashboard` from the twin definition; change that instead.')
    .tags(['twinloop'])
    .tooltip(DashboardCursorSync.Crosshair)
    .time({ from: `now-${WINDOW_H}h`, to: 'now' })
    .timepicker(new TimePickerBuilder().refreshIntervals(['1m', '5m', '15m', '1h']))
    .refresh(`${REFRESH_S / 60}m`)
    .withVariable(
      new DatasourceVariableBuilder('datasource').label('SiteWise').type(SITEWISE_PLUGIN),
    )
    .withVariable(chosen.variable)
    .annotation(calibrations(siteWise, onAsset(health.nis)))
    .annotation(alarms(siteWise, onAsset(health.alarms)));
  linkRunbook(dashboard, options.runbook);
  if (forecastQuantities(twin).length > 0) {
    linkTwin(dashboard, 'The coming week', forecastDashboardUid(twin.name));
  }
  if (options.sceneId !== undefined) {
    dashboard
      .withVariable(
        new DatasourceVariableBuilder('twinmaker').label('TwinMaker').type(TWINMAKER_PLUGIN),
      )
      .withVariable(choice(ENTITY_VARIABLE, 'Machine in the scene', assets, (a) => a.id));
    addScene(dashboard, twin, options.sceneId);
  }
  addHealth(dashboard, siteWise, {
    nis: onAsset(health.nis),
    nisBound: nisBound(twin),
    alarms: onAsset(health.alarms),
    age: onAsset(health.age),
    ledger: onAsset(health.ledger),
    acknowledged: onAsset(health.acknowledged),
    measured: streams,
    sourceStatus: (options.sourceStatus ?? []).map(onAsset),
  });
  dashboard.withRow(new RowBuilder('Parameters: what wears, with 95 % bands'));
  for (const p of parameters) dashboard.withPanel(sized(bandPanel(siteWise, p), 8, 7));
  dashboard.withRow(new RowBuilder('All at a glance'));
  for (const [unit, group] of byUnit(sensors)) {
    const title = unit === '' ? 'Virtual sensors' : `Virtual sensors [${unit}]`;
    const shown = group.map((s) => ({ name: s.variable, alias: s.alias }));
    dashboard.withPanel(sized(overviewPanel(siteWise, title, shown, { unit }), 12, 9));
  }
  const sensorsAndInputs = overviewPanel(siteWise, 'Sensors and inputs', [...streams, ...inputs], {
    query: AVERAGE,
  });
  dashboard
    .withPanel(sized(sensorsAndInputs, 12, 9))
    .withRow(closedRow('Virtual sensors one by one', sensors, (s) => bandPanel(siteWise, s)))
    .withRow(
      closedRow('Sensors beside what the twin expects', measured, (m) =>
        measuredPanel(siteWise, m),
      ),
    );
  return numbered(dashboard.build());
}

/** A line at every calibration; switched on by hand, for there are many. */
function calibrations(datasource: DatasourceRef, alias: string): AnnotationQueryBuilder {
  return annotation('Calibrations', datasource, '#5794F2')
    .enable(false)
    .target(dataquery({ refId: 'Anno', ...HISTORY, propertyAliases: [alias] }));
}

/** A line at every calibration that found an alarm, with its text. */
function alarms(datasource: DatasourceRef, alias: string): AnnotationQueryBuilder {
  return annotation('Alarms', datasource, '#C4162A')
    .enable(true)
    .target(dataquery({ refId: 'Anno', queryType: 'ExecuteQuery', rawSQL: alarmsQuery(alias) }))
    .mappings({
      time: new AnnotationEventFieldMappingBuilder()
        .source(AnnotationEventFieldSource.Field)
        .value('event_timestamp'),
      text: new AnnotationEventFieldMappingBuilder()
        .source(AnnotationEventFieldSource.Field)
        .value('string_value'),
    });
}

function annotation(name: string, datasource: DatasourceRef, color: string) {
  return new AnnotationQueryBuilder().name(name).datasource(datasource).iconColor(color);
}

/** Gives a panel its size. */
export function sized<P extends { span(w: number): P; height(h: number): P }>(
  panel: P,
  width: number,
  height: number,
): P {
  return panel.span(width).height(height);
}

function addScene(dashboard: DashboardBuilder, twin: TwinDefinition, sceneId: string): void {
  const datasource = { type: TWINMAKER_PLUGIN, uid: `\${twinmaker}` };
  const properties = twinStreams(twin)
    .filter((s) => s.dataType === 'DOUBLE' && isPropertyName(s.name))
    .map((s) => s.name);
  const scene = {
    sceneId,
    entityVariable: ENTITY_VARIABLE,
    componentName: TWIN_COMPONENT,
    properties,
  };
  dashboard.withPanel(sized(scenePanel(datasource, scene), COLUMNS, 14));
}

function addHealth(
  dashboard: DashboardBuilder,
  siteWise: DatasourceRef,
  health: {
    nis: string;
    nisBound: number;
    alarms: string;
    age: string;
    ledger: string;
    acknowledged: string;
    measured: readonly NamedStream[];
    sourceStatus: readonly string[];
  },
): void {
  dashboard
    .withRow(new RowBuilder('Is all well?'))
    .withPanel(sized(alarmsPanel(siteWise, health.alarms), 12, 7))
    .withPanel(sized(nisPanel(siteWise, health.nis, health.nisBound), 12, 7))
    .withPanel(sized(arrivalsPanel(siteWise, health.measured), 12, 7));
  dashboard.withPanel(
    health.sourceStatus.length === 0
      ? sized(
          newestPanel(
            siteWise,
            health.measured.map((m) => m.alias),
          ),
          12,
          7,
        )
      : sized(sourcesPanel(siteWise, health.sourceStatus), 12, 7),
  );
  dashboard
    .withPanel(sized(agePanel(siteWise, health.age), 12, 7))
    .withPanel(sized(ledgerPanel(siteWise, health.ledger), 12, 7))
    .withPanel(sized(acknowledgedPanel(siteWise, health.acknowledged), 24, 5));
}

/** A row that costs nothing until it is opened. */
function closedRow<T>(
  title: string,
  items: readonly T[],
  panelOf: (item: T) => { span(w: number): Builder<Panel>; height(h: number): Builder<Panel> },
): RowBuilder {
  const row = new RowBuilder(title).collapsed(true);
  for (const item of items) {
    const panel = panelOf(item);
    panel.span(8);
    row.withPanel(panel.height(7));
  }
  return row;
}

function byUnit(list: readonly Shown[]): Map<string, Shown[]> {
  const groups = new Map<string, Shown[]>();
  for (const item of list) groups.set(item.unit, [...(groups.get(item.unit) ?? []), item]);
  return groups;
}

/**
 * Gives every panel an id, which the SDK leaves to Grafana and links and alerts name panels by, and
 * closes the gaps that the SDK leaves below closed rows.
 */
export function numbered(dashboard: Dashboard): Dashboard {
  let id = 0;
  let hidden = 0;
  const move = (panel: { gridPos?: GridPos | undefined }) => {
    if (panel.gridPos !== undefined) panel.gridPos.y -= hidden;
  };
  for (const panel of dashboard.panels ?? []) {
    panel.id = ++id;
    move(panel);
    if (!('panels' in panel)) continue;
    for (const inner of panel.panels) {
      inner.id = ++id;
      move(inner);
    }
    const bottoms = panel.panels.map((p) => (p.gridPos?.y ?? 0) + (p.gridPos?.h ?? 0));
    if (bottoms.length > 0) hidden += Math.max(...bottoms) - (panel.gridPos?.y ?? 0) - 1;
  }
  return dashboard;
}
