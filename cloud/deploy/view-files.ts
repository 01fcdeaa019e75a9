import type { DeploymentConfig, FleetConfig, TwinDefinition } from '../../shared/config/index.js';
import { deployedModelId, prefixByName } from '../dashboards/asset-variable.js';
import { buildDashboard, ownAsset } from '../dashboards/dashboard.js';
import { buildFleetDashboard, type FleetMembers } from '../dashboards/fleet-dashboard.js';
import { buildForecastDashboard } from '../dashboards/forecast-dashboard.js';
import { createSceneFiles } from '../scene/scene-files.js';

/** Prefixes in the bucket of what people look at. */
export const SCENE_PREFIX = 'scene';
export const DASHBOARD_PREFIX = 'dashboards';
/** The dashboard of all assets, beside those of single twins. */
const FLEET_DASHBOARD = '_fleet.json';

/** What the file of a twin's dashboard of the coming week ends in. */
const AHEAD_DASHBOARD = '-ahead.json';

/** Files by folder, each folder for a prefix of the bucket. */
export type ViewFiles = ReadonlyMap<string, ReadonlyMap<string, Uint8Array | string>>;

/**
 * What people look at, for every twin of a fleet: the scene with its model where the twin has a
 * layout, and the dashboard with the fleet's assets to choose from.
 */
export async function createViewFiles(
  config: Pick<DeploymentConfig, 'grafana' | 'twinMaker'> & {
    alarms?: Pick<DeploymentConfig['alarms'], 'runbook'>;
  },
  fleet: FleetConfig,
  twins: ReadonlyMap<string, TwinDefinition>,
): Promise<ViewFiles> {
  const scenes = new Map<string, Uint8Array>();
  const dashboards = new Map<string, string>();
  const members: FleetMembers[] = [];
  for (const [name, twin] of twins) {
    const own = ownAsset(twin);
    const assets = fleet.assets
      .filter((a) => a.twin === name)
      .map((a) => ({ id: a.id, aliasPrefix: a.aliasPrefix ?? own.aliasPrefix }));
    const [first] = assets;
    if (first === undefined) continue;
    const scene = config.twinMaker ? await createSceneFiles(name, twin, first.id) : undefined;
    for (const [file, content] of scene?.files ?? []) scenes.set(file, content);
    if (!config.grafana) continue;
    // Where names tell the aliases, what SiteWise lists is chosen from, and assets may be added.
    const byName = prefixByName(assets) !== undefined;
    members.push({ twin, assets, byName });
    const shared = {
      assets,
      assetModel: byName ? deployedModelId(fleet.name, name) : undefined,
      runbook: config.alarms?.runbook,
    };
    const sceneId = scene === undefined ? undefined : name;
    const json = (value: object) => `${JSON.stringify(value, null, 2)}\n`;
    dashboards.set(`${name}.json`, json(buildDashboard(twin, { ...shared, sceneId })));
    const ahead = fleet.calibration.forecast ? buildForecastDashboard(twin, shared) : undefined;
    if (ahead !== undefined) dashboards.set(`${name}${AHEAD_DASHBOARD}`, json(ahead));
  }
  if (members.length > 0) {
    const fleetDashboard = buildFleetDashboard(fleet.name, members, config.alarms?.runbook);
    dashboards.set(FLEET_DASHBOARD, `${JSON.stringify(fleetDashboard, null, 2)}\n`);
  }
  return new Map<string, ReadonlyMap<string, Uint8Array | string>>(
    [[SCENE_PREFIX, scenes] as const, [DASHBOARD_PREFIX, dashboards] as const].filter(
      ([, files]) => files.size > 0,
    ),
  );
}
