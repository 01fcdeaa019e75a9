import { dirname, resolve } from 'node:path';
import { fleetSchema, loadConfig, twinSchema, withAliasPrefix } from '../shared/config/index.js';
import { printJson, printLine, TwinError } from '../shared/core/index.js';
import type { Command } from './command.js';
import { wholeNumber } from './options.js';

/** An address that a browser can open. */
const webAddress =
  (flag: string) =>
  (text: string): string => {
    if (/^https?:\/\/[^\s#]+$/.test(text)) return text;
    throw new TwinError('USAGE', `${flag} is "${text}": expected an http:// or https:// address.`);
  };

/** At most a week. */
const minutesOf = (flag: string) => wholeNumber(flag, 1, 10_080);

/** `twinloop dashboard`: a Grafana dashboard from a twin definition, also with all around it. */
export const dashboardCommand: Command = {
  name: 'dashboard',
  summary: 'A Grafana dashboard of a twin: as JSON to import, or with alert rules as files',
  arguments: [{ name: '<twin>', description: 'twin definition' }],
  options: [
    { flags: '--alias-prefix <path>', description: 'prefix of the asset’s aliases, e.g. /line7' },
    {
      flags: '--fleet <file>',
      description: 'a fleet: the dashboard has its assets to choose from',
    },
    {
      flags: '--all-assets',
      description: 'with --fleet: one dashboard of all its assets of this twin, the worst first',
    },
    {
      flags: '--ahead',
      description: 'the dashboard of the coming week instead: what has a limit, with its forecast',
    },
    {
      flags: '--asset-model <id>',
      description:
        'their model in SiteWise (id or externalId:…): the asset is chosen from those that SiteWise lists',
    },
    { flags: '--scene <id>', description: 'scene in TwinMaker to show' },
    {
      flags: '--source-status <alias...>',
      description: '`statusAlias` of the gateway’s sources, to show which are cut off',
    },
    {
      flags: '--provisioning <dir>',
      writes: 'folder',
      description:
        'writes data source, dashboard, alert rules and a compose file for a Grafana into a folder',
    },
    {
      flags: '--calibration-minutes <n>',
      description: 'minutes between calibrations, for the alert rules',
      default: 20,
      parse: minutesOf('--calibration-minutes'),
    },
    {
      flags: '--stale-minutes <n>',
      description: 'a sensor that sends nothing for so long is reported',
      default: 60,
      parse: minutesOf('--stale-minutes'),
    },
    {
      flags: '--runbook <url>',
      description: 'where docs/how-to/alarms.md can be read: dashboards and alert rules link to it',
      parse: webAddress('--runbook'),
    },
  ],
  examples: [
    'twinloop dashboard twin.json > dashboard.json',
    'twinloop dashboard twin.json --provisioning ./grafana',
  ],
  async run(args, io) {
    // Loaded when they are needed: a worker of the same part never is.
    const { buildDashboard, ownAsset } = await import('../cloud/dashboards/dashboard.js');
    const path = args.twin as string;
    const defined = await loadConfig(twinSchema, path, 'twin definition');
    const prefix = args.aliasPrefix as string | undefined;
    const twin = prefix === undefined ? defined : withAliasPrefix(defined, prefix);
    const own = ownAsset(twin);
    const assets =
      args.fleet === undefined ? [own] : await assetsOf(args.fleet as string, path, own);
    const runbook = args.runbook as string | undefined;
    const assetModel = args.assetModel as string | undefined;
    if (assetModel !== undefined) await checkNames(assets);
    if (args.allAssets === true) {
      if (args.fleet === undefined) {
        throw new TwinError('USAGE', '--all-assets needs the fleet: name its file with --fleet.');
      }
      const { buildFleetDashboard } = await import('../cloud/dashboards/fleet-dashboard.js');
      const { name } = await loadConfig(fleetSchema, args.fleet as string, 'fleet');
      printJson(
        io.stdout,
        buildFleetDashboard(name, [{ twin, assets, byName: assetModel !== undefined }], runbook),
      );
      return 0;
    }
    const options = {
      assets,
      assetModel,
      runbook,
      sceneId: args.scene as string | undefined,
      sourceStatus: (args.sourceStatus as string[] | undefined) ?? [],
    };
    if (args.ahead === true) {
      const { buildForecastDashboard } = await import('../cloud/dashboards/forecast-dashboard.js');
      const ahead = buildForecastDashboard(twin, options);
      if (ahead === undefined) {
        throw new TwinError(
          'CONFIG_INVALID',
          `${path} sets no limit, and only what has one is forecast: give a parameter or virtual sensor an \`alarm\`.`,
        );
      }
      printJson(io.stdout, ahead);
      return 0;
    }
    if (args.provisioning === undefined) {
      printJson(io.stdout, buildDashboard(twin, options));
      return 0;
    }
    const { provisioningFiles } = await import('../cloud/dashboards/provisioning.js');
    const { writeFiles } = await import('../cloud/scene/scene-files.js');
    const files = provisioningFiles(twin, {
      ...options,
      calibrationMinutes: args.calibrationMinutes as number,
      staleMinutes: args.staleMinutes as number,
    });
    const written = await writeFiles(args.provisioning as string, files);
    if (args.json === true) printJson(io.stdout, { files: written });
    else for (const file of written) printLine(io.stdout, file);
    return 0;
  },
};

/** Refuses assets whose names do not tell their aliases. */
async function checkNames(assets: readonly { id: string; aliasPrefix: string }[]): Promise<void> {
  const { prefixByName } = await import('../cloud/dashboards/asset-variable.js');
  if (prefixByName(assets) !== undefined) return;
  const list = assets.slice(0, 5).map((a) => `${a.id} has ${a.aliasPrefix}`);
  throw new TwinError(
    'CONFIG_INVALID',
    `--asset-model lets one choose an asset by its name, but the prefixes of the aliases are not made of the names in one way: ${list.join(', ')}. Leave it out: the dashboard then holds the list of assets.`,
  );
}

/** The assets of a fleet that are of a twin, by the path of its definition. */
async function assetsOf(
  fleetPath: string,
  twinPath: string,
  own: { aliasPrefix: string },
): Promise<{ id: string; aliasPrefix: string }[]> {
  const fleet = await loadConfig(fleetSchema, fleetPath, 'fleet');
  const names = Object.entries(fleet.twins)
    .filter(([, path]) => resolve(dirname(fleetPath), path) === resolve(twinPath))
    .map(([name]) => name);
  const assets = fleet.assets.filter((a) => names.includes(a.twin));
  if (assets.length === 0) {
    throw new TwinError(
      'CONFIG_INVALID',
      `The fleet ${fleetPath} has no asset of the twin ${twinPath}: its twins are ${Object.values(fleet.twins).join(', ')}. Name the definition of one of these.`,
    );
  }
  return assets.map((a) => ({ id: a.id, aliasPrefix: a.aliasPrefix ?? own.aliasPrefix }));
}
