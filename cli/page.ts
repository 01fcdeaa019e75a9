import { keepHeapSmall, startPage, verdictsIn } from '../cloud/page/index.js';
import { openFleet, twinOfAsset } from '../cloud/worker/index.js';
import { printJson, printLine, TwinError } from '../shared/core/index.js';
import { createSiteWiseWriter } from '../shared/sitewise/index.js';
import { newestState } from '../shared/twin/index.js';
import type { Command } from './command.js';
import { connectSystem, withLocalSystem } from './doctor.js';
import { fleetOptions, port, positiveNumber } from './options.js';

interface PageArgs {
  data?: string;
  fleet?: string;
  twin?: string;
  asset?: string[];
  store?: string;
  endpoint?: string;
  region?: string;
  port: number;
  poll?: number;
  history: number;
  fresh?: number;
  calibrated?: number;
  ahead: number;
  allowAcknowledge?: boolean;
  json?: boolean;
}

/** What suits a deployed system: gateways send in batches, calibrations run by the hour. */
const DEPLOYED = { pollS: 10, freshS: 300, calibratedS: 3600 };
/** What suits the stack on this machine. */
const LOCAL = { pollS: 1, freshS: 15, calibratedS: 90 };

/** Why the page then shows only the past. */
const NO_STORE =
  'Forecast and what-if need the state that calibrations leave: start the page with --store, or TWINLOOP_STORE.';

/** `twinloop page`: the operator's page for any system, deployed or local. */
export const pageCommand: Command = {
  name: 'page',
  summary:
    'Serve the operator’s page for a deployed or local fleet; reads only, but for acknowledgements',
  options: [
    { flags: '--data <dir>', description: 'a local stack: the data folder of `twinloop up`' },
    ...fleetOptions,
    {
      flags: '--port <n>',
      description: 'port on loopback; 0 takes any that is free',
      default: 8081,
      parse: port('--port'),
    },
    {
      flags: '--poll <s>',
      description: `seconds between two reads (default: ${DEPLOYED.pollS}, with --data ${LOCAL.pollS})`,
      parse: positiveNumber('--poll'),
    },
    {
      flags: '--history <h>',
      description: 'hours of the past that a machine is shown with',
      default: 24,
      parse: positiveNumber('--history'),
    },
    {
      flags: '--fresh <s>',
      description: `how old measurements may be (default: ${DEPLOYED.freshS}, with --data ${LOCAL.freshS})`,
      parse: positiveNumber('--fresh'),
    },
    {
      flags: '--calibrated <s>',
      description: `how far results may trail measurements (default: ${DEPLOYED.calibratedS}, with --data ${LOCAL.calibratedS})`,
      parse: positiveNumber('--calibrated'),
    },
    {
      flags: '--ahead <d>',
      description: 'days that the twin is asked about: forecast and what-if',
      default: 7,
      parse: positiveNumber('--ahead'),
    },
    {
      flags: '--allow-acknowledge',
      description: 'let people acknowledge alarms: the only thing that the page writes to SiteWise',
    },
  ],
  examples: [
    'twinloop page --store s3://my-bucket/twinloop --region eu-west-1',
    'twinloop page --data .twinloop --port 8090',
  ],
  async run(received, io) {
    keepHeapSmall();
    const args = withLocalSystem(received as unknown as PageArgs, io);
    const { store, client, fleet } = await connectSystem(args, io);
    try {
      const source = await openFleet({ ...args, fleet }, store);
      try {
        const named = args.twin === undefined ? args.asset : undefined;
        const chosen = source.fleet.assets.filter(
          (a) => a.enabled && (named === undefined || named.includes(a.id)),
        );
        const unknown = named?.filter((id) => !chosen.some((a) => a.id === id)) ?? [];
        if (unknown.length > 0) {
          throw new TwinError(
            'USAGE',
            `--asset names ${unknown.join(', ')}: the fleet has no enabled asset of that id.`,
          );
        }
        const assets = await Promise.all(
          chosen.map(async (asset) => {
            const twin = twinOfAsset(await source.twin(asset.twin), asset);
            const outlook =
              store === undefined
                ? { missing: NO_STORE }
                : {
                    twin,
                    state: () => newestState(store, twin, asset.id, source.fleet.name),
                  };
            const verdicts =
              store === undefined ? undefined : verdictsIn(store, source.fleet.name, asset.id);
            return { id: asset.id, twin: twin.definition, outlook, verdicts };
          }),
        );
        const usual = args.data === undefined ? DEPLOYED : LOCAL;
        const page = await startPage({
          port: args.port,
          siteWise: client,
          ...(args.allowAcknowledge === true ? { writer: createSiteWiseWriter({ client }) } : {}),
          assets,
          pace: {
            pollIntervalMs: (args.poll ?? usual.pollS) * 1000,
            historyS: args.history * 3600,
            measuredWithinS: args.fresh ?? usual.freshS,
            calibratedWithinS: args.calibrated ?? usual.calibratedS,
            horizonS: args.ahead * 86_400,
          },
          logger: io.logger,
        });
        if (args.json === true) printJson(io.stdout, { url: page.url, assets: assets.length });
        else printLine(io.stdout, `The page of ${assets.length} machines: ${page.url}`);
        await new Promise<void>((resolve) => {
          if (io.signal.aborted) resolve();
          io.signal.addEventListener('abort', () => resolve(), { once: true });
        });
        await page.close();
      } finally {
        await source.close();
      }
    } finally {
      client.destroy();
    }
    return 0;
  },
};
