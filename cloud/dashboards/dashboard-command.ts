import { loadConfig, twinSchema, withAliasPrefix } from '../../shared/config/index.js';
import { type Command, printJson } from '../../shared/core/index.js';
import { buildDashboard } from './dashboard.js';

/** `twinloop dashboard`: a Grafana dashboard from a twin definition. */
export const dashboardCommand: Command = {
  name: 'dashboard',
  summary: 'A Grafana dashboard of a twin, as JSON to import',
  arguments: [{ name: '<twin>', description: 'twin definition' }],
  options: [
    { flags: '--alias-prefix <path>', description: 'prefix of the asset’s aliases, e.g. /line7' },
  ],
  examples: ['twinloop dashboard twin.json > dashboard.json'],
  async run(args, io) {
    const twin = await loadConfig(twinSchema, args.twin as string, 'twin definition');
    const prefix = args.aliasPrefix as string | undefined;
    printJson(
      io.stdout,
      buildDashboard(prefix === undefined ? twin : withAliasPrefix(twin, prefix)),
    );
    return 0;
  },
};
