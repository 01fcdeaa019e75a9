import type { CommandOption } from './command.js';

/** Options that say where the far ends are. */
export const endpointOptions: readonly CommandOption[] = [
  {
    flags: '--endpoint <url>',
    description: 'SiteWise endpoint of one’s own; default: TWINLOOP_SITEWISE_ENDPOINT, or AWS',
  },
  { flags: '--region <region>', description: 'AWS region; default: AWS_REGION' },
];

/** Options that say which fleet, and where its states and reports are. */
export const fleetOptions: readonly CommandOption[] = [
  { flags: '--fleet <file>', description: 'fleet file; default: fleet/fleet.json in the store' },
  { flags: '--twin <file>', description: 'a twin definition: a fleet of this one asset' },
  { flags: '--asset <id...>', description: 'only these assets; with --twin the external id' },
  {
    flags: '--store <dir|s3://…>',
    description: 'where states and reports are kept; default: TWINLOOP_STORE',
  },
  ...endpointOptions,
];
