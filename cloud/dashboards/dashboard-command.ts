import {
  type FleetConfig,
  fleetSchema,
  loadConfig,
  twinSchema,
  withAliasPrefix,
} from '../../shared/config/index.js';
import { type Command, printJson, printLine, TwinError } from '../../shared/core/index.js';

function minutesOf(text: string): number {
  const minutes = Number(text);
  if (!Number.isInteger(minutes) || minutes < 1 || minutes > 10_080) {
    throw new TwinError('USAGE', `${text}: expected whole minutes from 1 to 10080 (a week).`);
  }
  return minutes;
}

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
    { flags: '--scene <id>', description: 'scene in TwinMaker to show' },
    {
      flags: '--source-status <alias...>',
      description: '`statusAlias` of the gateway’s sources, to show which are cut off',
    },
    {
      flags: '--provisioning <dir>',
      description:
        'writes data source, dashboard, alert rules and a compose file for a Grafana into a folder',
    },
    {
      flags: '--calibration-minutes <n>',
      description: 'minutes between calibrations, for the alert rules',
      default: 20,
      parse: minutesOf,
    },
    {
      flags: '--stale-minutes <n>',
      description: 'a sensor that sends nothing for so long is reported',
      default: 60,
      parse: minutesOf,
    },
  ],
  examples: [
    'twinloop dashboard twin.json > dashboard.json',
    'twinloop dashboard twin.json --provisioning ./grafana',
  ],
  async run(args, io) {
    // Loaded when they are needed: a worker of the same part never is.
    const { buildDashboard, ownAsset } = await import('./dashboard.js');
    const path = args.twin as string;
    const defined = await loadConfig(twinSchema, path, 'twin definition');
    const prefix = args.aliasPrefix as string | undefined;
    const twin = prefix === undefined ? defined : withAliasPrefix(defined, prefix);
    const own = ownAsset(twin);
    const assets =
      args.fleet === undefined
        ? [own]
        : assetsOf(await loadConfig(fleetSchema, args.fleet as string, 'fleet'), twin.name, own);
    const options = {
      assets,
      sceneId: args.scene as string | undefined,
      sourceStatus: (args.sourceStatus as string[] | undefined) ?? [],
    };
    if (args.provisioning === undefined) {
      printJson(io.stdout, buildDashboard(twin, options));
      return 0;
    }
    const { provisioningFiles } = await import('./provisioning.js');
    const { writeFiles } = await import('../scene/scene-files.js');
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

/** The assets of a fleet that are the twin's: those whose twin has its name in the fleet's file. */
function assetsOf(
  fleet: FleetConfig,
  name: string,
  own: { aliasPrefix: string },
): { id: string; aliasPrefix: string }[] {
  const assets = fleet.assets.filter((a) => a.twin === name);
  if (assets.length === 0) {
    throw new TwinError(
      'CONFIG_INVALID',
      `The fleet ${fleet.name} has no asset of the twin ${name}: its twins are ${Object.keys(fleet.twins).join(', ')}.`,
    );
  }
  return assets.map((a) => ({ id: a.id, aliasPrefix: a.aliasPrefix ?? own.aliasPrefix }));
}
