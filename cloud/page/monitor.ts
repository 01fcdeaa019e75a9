import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { IoTSiteWiseClient } from '@aws-sdk/client-iotsitewise';
import { createAdaptorServer } from '@hono/node-server';
import type { TwinDefinition } from '../../shared/config/index.js';
import {
  type Clock,
  type Closeable,
  type Logger,
  messageOf,
  silentLogger,
  systemClock,
  TwinError,
} from '../../shared/core/index.js';
import { createSiteWiseReader, type SiteWiseReader } from '../../shared/sitewise/index.js';
import { createApp } from './app.js';
import { Audience } from './audience.js';
import { Feed } from './feed.js';
import type { MonitorStatus } from './status.js';

export interface MonitorOptions {
  /** Port on loopback; 0 = any free. */
  port: number;
  /** Where the streams are read: a client of SiteWise, or any reader. */
  siteWise: IoTSiteWiseClient | SiteWiseReader;
  twin: TwinDefinition;
  /** What SiteWise does not hold; asked with every poll. */
  status: () => Promise<MonitorStatus>;
  logger?: Logger;
  clock?: Clock;
  /** Wall time between two polls; default 1000 ms. */
  pollIntervalMs?: number;
  /** How far back the first read goes, wall seconds; default six hours. */
  historyS?: number;
  /** From a measurement to the result that has it, wall seconds; default a minute and a half. */
  calibratedWithinS?: number;
  /** Wall seconds without a measurement before the machine counts as silent; default 15. */
  measuredWithinS?: number;
}

/** The page that shows a twin live. */
export interface Monitor extends Closeable {
  /** Where a browser finds it. */
  url: string;
}

const isReader = (x: IoTSiteWiseClient | SiteWiseReader): x is SiteWiseReader => 'latest' in x;

/**
 * Serves the page on 127.0.0.1 and keeps it fed from SiteWise until it is closed.
 *
 * @throws TwinError `PORT_IN_USE`
 */
export async function startMonitor(options: MonitorOptions): Promise<Monitor> {
  const { logger = silentLogger, clock = systemClock, pollIntervalMs = 1000 } = options;
  const feed = new Feed({
    reader: isReader(options.siteWise)
      ? options.siteWise
      : createSiteWiseReader({ client: options.siteWise }),
    twin: options.twin,
    status: options.status,
    clock,
    logger,
    historyS: options.historyS ?? 6 * 3600,
    calibratedWithinS: options.calibratedWithinS ?? 90,
    measuredWithinS: options.measuredWithinS ?? 15,
  });
  const audience = new Audience(() => feed.snapshot());
  const { layout } = options.twin;
  const model =
    layout === undefined
      ? undefined
      : async () => {
          // Loaded when a page asks for it: few do.
          const { createMachineModel } = await import('../../shared/scene/index.js');
          return createMachineModel(layout);
        };
  const app = createApp({ feed, audience, model });
  const server = createAdaptorServer({ fetch: app.fetch }) as Server;
  const port = await listen(server, options.port);

  const stop = new AbortController();
  const { signal } = stop;
  async function run(): Promise<void> {
    while (!signal.aborted) {
      audience.send(await feed.poll(signal));
      await clock.sleep(pollIntervalMs, signal);
    }
  }
  const running = run().catch((error: unknown) => {
    if (!signal.aborted) logger.error('The monitor stopped reading', { reason: messageOf(error) });
  });

  let closed: Promise<void> | undefined;
  return {
    url: `http://127.0.0.1:${port}/`,
    close() {
      closed ??= (async () => {
        stop.abort();
        audience.close();
        await running;
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
              `The monitor could not listen on port ${port}: something else does. Name another port, or 0 for any that is free.`,
              { cause: error },
            )
          : error,
      );
    });
    server.listen(port, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  });
}
