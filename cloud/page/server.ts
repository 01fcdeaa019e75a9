import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { IoTSiteWiseClient } from '@aws-sdk/client-iotsitewise';
import { createAdaptorServer } from '@hono/node-server';
import {
  type Clock,
  type Closeable,
  type Logger,
  silentLogger,
  systemClock,
  TwinError,
} from '../../shared/core/index.js';
import {
  createSiteWiseReader,
  type SiteWiseReader,
  type SiteWiseWriter,
} from '../../shared/sitewise/index.js';
import { createApp } from './app.js';
import { FleetWatch } from './fleet-watch.js';
import { type Pace, type PageAsset, Rooms } from './rooms.js';

export interface PageOptions {
  /** Port on loopback; 0 = any free. */
  port: number;
  /** Where the streams are read: a client of SiteWise, or any reader. */
  siteWise: IoTSiteWiseClient | SiteWiseReader;
  /** What can be shown: one machine, or a fleet. */
  assets: readonly PageAsset[];
  /** Where acknowledgements of alarms are written; left out, the page only reads. */
  writer?: SiteWiseWriter | undefined;
  pace?: Partial<Pace>;
  logger?: Logger;
  clock?: Clock;
}

/** The operator's page, served. */
export interface Page extends Closeable {
  /** Where a browser finds it. */
  url: string;
}

/** As `twinloop up` reads and calibrates: each second, and each ten. */
const LOCAL_PACE: Pace = {
  pollIntervalMs: 1000,
  historyS: 6 * 3600,
  calibratedWithinS: 90,
  measuredWithinS: 15,
  horizonS: 7 * 86_400,
};

const isReader = (x: IoTSiteWiseClient | SiteWiseReader): x is SiteWiseReader => 'latest' in x;

/**
 * Serves the page on 127.0.0.1 and keeps it fed from SiteWise until it is closed.
 *
 * @throws TwinError `PORT_IN_USE`
 */
export async function startPage(options: PageOptions): Promise<Page> {
  const { logger = silentLogger, clock = systemClock, assets } = options;
  const reader = isReader(options.siteWise)
    ? options.siteWise
    : createSiteWiseReader({ client: options.siteWise });
  const common = { reader, clock, logger, pace: { ...LOCAL_PACE, ...options.pace } };
  const rooms = new Rooms({ ...common, assets, writer: options.writer });
  const fleet = new FleetWatch({ ...common, assets });
  const server = createAdaptorServer({ fetch: createApp({ rooms, fleet }).fetch }) as Server;
  const port = await listen(server, options.port);
  // A single machine is watched from the start, so that the page has its history when it is opened.
  const [only] = assets;
  if (assets.length === 1 && only !== undefined) rooms.keep(only.id);

  let closed: Promise<void> | undefined;
  return {
    url: `http://127.0.0.1:${port}/`,
    close() {
      closed ??= (async () => {
        await Promise.all([rooms.close(), fleet.close()]);
        await new Promise<void>((resolve) => {
          server.close(() => resolve());
          server.closeAllConnections();
        });
      })();
      return closed;
    },
  };
}

function listen(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      reject(
        error.code === 'EADDRINUSE'
          ? new TwinError(
              'PORT_IN_USE',
              `The page could not listen on port ${port}: something else does. Name another port, or 0 for any that is free.`,
              { cause: error },
            )
          : error,
      );
    });
    server.listen(port, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  });
}
