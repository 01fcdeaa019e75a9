import { type Clock, type Logger, silentLogger, systemClock } from '../../shared/core/index.js';
import { type ApiServer, type SiteWiseCounters, startApiServer } from './http/server.js';
import { type AcceptedCredentials, createSignatureVerifier } from './http/signature.js';
import { Account } from './resources/account.js';
import { assetModelHandlers } from './resources/asset-models.js';
import { assetHandlers } from './resources/assets.js';
import { tagHandlers } from './resources/tags.js';
import { timeSeriesHandlers } from './resources/time-series.js';
import { valueHandlers } from './resources/values/index.js';

/** The keys that the stand-in takes when none are given: for loopback only. */
export const LOCAL_CREDENTIALS: AcceptedCredentials = {
  accessKeyId: 'AKIDTWINLOOPLOCAL000',
  secretAccessKey: 'twinloop-local-secret-key-for-loopback',
};

/** How the stand-in for IoT SiteWise is started. */
export interface SiteWiseOptions {
  /** Default 0: any free one. */
  port?: number;
  /** Folder of the store; left out, everything is in memory. */
  dataDir?: string;
  /** Keys to accept; default: one well-known pair. */
  credentials?: AcceptedCredentials;
  /** Time as the window of accepted timestamps sees it. */
  clock?: Clock;
  logger?: Logger;
  region?: string;
  /** How long models and assets take to become active, milliseconds; default 50. */
  activationMs?: number;
}

/** The running stand-in. */
export interface SiteWise {
  /** e.g. `http://127.0.0.1:40123` */
  endpoint: string;
  region: string;
  credentials: AcceptedCredentials;
  counters: SiteWiseCounters;
  close(): Promise<void>;
}

/** Starts the stand-in for IoT SiteWise. @throws TwinError `PORT_IN_USE`, `STORAGE` */
export async function startSiteWise(options: SiteWiseOptions = {}): Promise<SiteWise> {
  const logger = options.logger ?? silentLogger;
  const region = options.region ?? 'us-east-1';
  const credentials = options.credentials ?? LOCAL_CREDENTIALS;
  const counters: SiteWiseCounters = { requests: 0, operations: {}, faults: {}, values: 0 };
  const account = new Account({
    dataDir: options.dataDir,
    clock: options.clock ?? systemClock,
    logger,
    activationMs: options.activationMs ?? 50,
    accountId: '123456789012',
    region,
  });
  const host = '127.0.0.1';
  let server: ApiServer;
  try {
    server = await startApiServer({
      host,
      port: options.port ?? 0,
      verifier: createSignatureVerifier(
        (id) => (id === credentials.accessKeyId ? credentials : undefined),
        Date.now,
      ),
      handlers: {
        ...assetModelHandlers(account),
        ...assetHandlers(account),
        ...timeSeriesHandlers(account),
        ...tagHandlers(account),
        ...valueHandlers(account, (count) => {
          counters.values += count;
        }),
      },
      counters,
      logger,
    });
  } catch (error) {
    await account.close();
    throw error;
  }
  let closed: Promise<void> | undefined;
  return {
    endpoint: `http://${host}:${server.port}`,
    region,
    credentials,
    counters,
    close() {
      closed ??= server.close().then(() => account.close());
      return closed;
    },
  };
}
