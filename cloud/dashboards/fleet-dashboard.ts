import {
  type Dashboard,
  DashboardBuilder,
  DashboardCursorSync,
  DatasourceVariableBuilder,
  RowBuilder,
  TimePickerBuilder,
} from '@grafana/grafana-foundation-sdk/dashboard';
import { aliasPrefix, healthAliases, type TwinDefinition } from '../../shared/config/index.js';
import type { DashboardAsset } from './asset-variable.js';
import { dashboardUid, linkRunbook, nisBound, numbered, sized } from './dashboard.js';
import { REFRESH_S, WINDOW_H } from './pace.js';
import { alarmStatesPanel, type OfAsset, rankedPanel } from './panels.js';
import { SITEWISE_PLUGIN } from './queries.js';

/** With more assets than this a panel has too many lines to read; the rest is named as left out. */
const MAX_ASSETS = 50;

/** A twin and the assets of the fleet that are of it. */
export interface FleetMembers {
  twin: TwinDefinition;
  assets: readonly DashboardAsset[];
  /** Whether the twin's own dashboard chooses from what SiteWise lists: then by the asset's name. */
  byName?: boolean;
}

/** What is watched of a twin: a quantity with a limit, by the side of its band that meets it first. */
interface Watched {
  variable: string;
  unit: string;
  alias: string;
  limit: { above: number } | { below: number };
}

function watchedOf(twin: TwinDefinition): Watched[] {
  return [...twin.parameters, ...twin.virtualSensors].flatMap(
    ({ variable, unit, alias, alarm }) => [
      ...(alarm?.above === undefined
        ? []
        : [{ variable, unit, alias: `${alias}_upper`, limit: { above: alarm.above } }]),
      ...(alarm?.below === undefined
        ? []
        : [{ variable, unit, alias: `${alias}_lower`, limit: { below: alarm.below } }]),
    ],
  );
}

/**
 * A Grafana dashboard of a whole fleet: which assets have alarms, whose model and machine disagree,
 * and who is nearest to each limit, the worst first. A line leads to the asset's own dashboard.
 *
 * @param name of the fleet
 * @param runbook address of docs/how-to/alarms.md, for a link
 * @throws RangeError when there is no asset
 */
export function buildFleetDashboard(
  name: string,
  members: readonly FleetMembers[],
  runbook?: string,
): Dashboard {
  const all = members.flatMap((m) => m.assets);
  if (all.length === 0) throw new RangeError('A dashboard needs at least one asset');
  const datasource = { type: SITEWISE_PLUGIN, uid: `\${datasource}` };
  const dashboard = new DashboardBuilder(`Fleet ${name}`)
    .uid(dashboardUid(`fleet-${name}`))
    .description(
      'Made from the fleet by `twinloop dashboard --fleet … --all-assets`; change that instead.',
    )
    .tags(['twinloop'])
    .tooltip(DashboardCursorSync.Crosshair)
    .time({ from: `now-${WINDOW_H}h`, to: 'now' })
    .timepicker(new TimePickerBuilder().refreshIntervals(['1m', '5m', '15m', '1h']))
    .refresh(`${REFRESH_S / 60}m`)
    .withVariable(
      new DatasourceVariableBuilder('datasource').label('SiteWise').type(SITEWISE_PLUGIN),
    );
  linkRunbook(dashboard, runbook);
  for (const { twin, assets, byName } of members) {
    if (assets.length === 0) continue;
    const shown = assets.slice(0, MAX_ASSETS);
    const left = assets.length - shown.length;
    const own = aliasPrefix(twin);
    const of = (alias: string): OfAsset[] =>
      shown.map(({ id, aliasPrefix: prefix }) => ({
        id,
        // A quantity outside the asset's own prefix is the same for all.
        alias: alias.startsWith(`${own}/`) ? `${prefix}${alias.slice(own.length)}` : alias,
        link: `/d/${dashboardUid(twin.name)}?var-asset=${encodeURIComponent(byName ? id : prefix)}&\${__url_time_range}`,
      }));
    const health = healthAliases(twin);
    const bound = nisBound(twin);
    const rest = left === 0 ? '' : ` (${left} more assets are not shown)`;
    dashboard
      .withRow(new RowBuilder(`${twin.name}: ${assets.length} assets${rest}`))
      .withPanel(sized(alarmStatesPanel(datasource, of(health.alarms)), 12, 9))
      .withPanel(
        sized(
          rankedPanel(datasource, {
            title: 'NIS: do model and machine agree?',
            unit: '',
            assets: of(health.nis),
            limit: { above: bound },
          }),
          12,
          9,
        ),
      );
    for (const { variable, unit, alias, limit } of watchedOf(twin)) {
      const side = 'above' in limit ? 'upper' : 'lower';
      const title = `${variable}, ${side} 95 %${unit === '' ? '' : ` [${unit}]`}`;
      const panel = rankedPanel(datasource, { title, unit, assets: of(alias), limit });
      dashboard.withPanel(sized(panel, 12, 9));
    }
  }
  return numbered(dashboard.build());
}
