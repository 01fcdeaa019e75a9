import { existsSync } from 'node:fs';
import { isIP } from 'node:net';
import { join } from 'node:path';
import {
  type Clock,
  type Closeable,
  createRng,
  type Logger,
  lockFolder,
  silentLogger,
  systemClock,
  TwinError,
} from '../../shared/core/index.js';
import { createFolderStore } from '../../shared/store/folder-store.js';
import {
  generateCertificate,
  keepCertificate,
  type ServerCertificate,
} from './http/certificate.js';
import { CONNECTION_LIMITS, type ConnectionLimits } from './http/connection-limits.js';
import { EdgeLogin, type EdgeUser } from './http/edge-login.js';
import { FaultRules } from './http/fault-rules.js';
import type { JsonServer } from './http/json-server.js';
import { NO_QUOTAS, type Quotas, Throttle } from './http/quotas.js';
import { type SiteWiseCounters, startApiServer } from './http/server.js';
import { type AcceptedCredentials, createSignatureVerifier } from './http/signature.js';
import {
  createNotificationPublisher,
  type NotificationPublisher,
} from './notification-publisher.js';
import { Account } from './resources/account.js';
import { type Allows, authorize } from './resources/authorization.js';
import { jobsDone, resumeJobs } from './resources/bulk-import.js';
import { allHandlers } from './resources/index.js';
import { startRetention } from './resources/storage-configuration.js';

/** The keys that the stand-in takes when none are given: for loopback only. */
export const LOCAL_CREDENTIALS: Readonly<AcceptedCredentials> = {
  accessKeyId: 'AKIDTWINLOOPLOCAL000',
  secretAccessKey: 'twinloop-local-secret-key-for-loopback',
};

/** Who may do some things and not others: a role. */
export interface SiteWisePrincipal extends AcceptedCredentials {
  allows: Allows;
}

/** How the stand-in for IoT SiteWise is started. */
export interface SiteWiseOptions {
  /** Default 0: any free one. */
  port?: number;
  /** Default `127.0.0.1`; any other than loopback needs credentials of one's own. */
  host?: string;
  /** Folder of the store; left out, everything is in memory. */
  dataDir?: string;
  /** Keys to accept; default: one well-known pair. */
  credentials?: AcceptedCredentials;
  /** Others that may sign, each within what its policies allow; or a way to find one by its key. */
  principals?:
    | readonly SiteWisePrincipal[]
    | ((accessKeyId: string) => SiteWisePrincipal | undefined);
  /** HTTPS: with a certificate of one's own, or `true` for a generated one. */
  tls?: boolean | ServerCertificate;
  /** Users that may log in as at a SiteWise Edge gateway (`POST /authenticate`). */
  edgeUsers?: readonly EdgeUser[];
  /** Rates above which requests are throttled; default: none. */
  quotas?: Partial<Quotas>;
  /** Time as the window of accepted timestamps and metrics see it; signatures go by wall time. */
  clock?: Clock;
  logger?: Logger;
  region?: string;
  /** How long models and assets take to become active, milliseconds; default 50. */
  activationMs?: number;
  /** What slow, silent or many clients may take. */
  connections?: Partial<ConnectionLimits>;
  /** A folder per bucket, for bulk imports; left out, there are no buckets. */
  bucketsDir?: string;
  /** MQTT broker, as a URL, that property notifications are sent to; left out, they are not sent. */
  notificationBroker?: string;
  /** Of the fault rules' chances; default 1. */
  seed?: number;
}

/** The running stand-in. */
export interface SiteWise {
  /** e.g. `https://127.0.0.1:40123` */
  endpoint: string;
  region: string;
  credentials: AcceptedCredentials;
  /** With TLS: the certificate that a client has to trust, PEM. */
  ca?: string;
  counters: SiteWiseCounters;
  /** What goes wrong on purpose. */
  faults: FaultRules;
  close(): Promise<void>;
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}

/** Buckets as folders of one folder. A bucket's name cannot lead out of it. */
function bucketsIn(folder: string) {
  return (name: string) =>
    /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(name) && existsSync(join(folder, name))
      ? createFolderStore(join(folder, name))
      : undefined;
}

/**
 * Starts the stand-in for IoT SiteWise.
 *
 * @throws TwinError `USAGE` (a host off loopback with the well-known keys), `PORT_IN_USE`,
 *   `ALREADY_RUNNING` (another process has the data folder), `STORAGE`
 */
export async function startSiteWise(options: SiteWiseOptions = {}): Promise<SiteWise> {
  const logger = options.logger ?? silentLogger;
  const clock = options.clock ?? systemClock;
  const region = options.region ?? 'us-east-1';
  const host = options.host ?? '127.0.0.1';
  const credentials = options.credentials ?? LOCAL_CREDENTIALS;
  if (!isLoopback(host) && credentials.secretAccessKey === LOCAL_CREDENTIALS.secretAccessKey) {
    throw new TwinError(
      'USAGE',
      `Listening on ${host} would open the stand-in to the network with keys that everyone knows: give it credentials of your own, or listen on 127.0.0.1.`,
    );
  }
  const lock: Closeable | undefined =
    options.dataDir === undefined
      ? undefined
      : await lockFolder(options.dataDir, 'SiteWise data folder');
  let account: Account | undefined;
  let notifications: NotificationPublisher | undefined;
  let server: JsonServer;
  const counters: SiteWiseCounters = {
    requests: 0,
    operations: {},
    faults: {},
    values: 0,
    notifications: { published: 0, lost: 0 },
  };
  const faults = new FaultRules(createRng(options.seed ?? 1));
  const edgeLogin =
    options.edgeUsers === undefined ? undefined : new EdgeLogin(options.edgeUsers, Date.now);
  const throttle = new Throttle({ ...NO_QUOTAS, ...options.quotas }, () => performance.now());
  const { principals = [] } = options;
  const known = new Map(
    typeof principals === 'function' ? [] : principals.map((p) => [p.accessKeyId, p]),
  );
  const principalOf = (id: string) =>
    typeof principals === 'function' ? principals(id) : known.get(id);
  let tls: ServerCertificate | undefined;
  try {
    if (options.tls === true) {
      tls =
        options.dataDir === undefined
          ? await generateCertificate(host)
          : await keepCertificate(join(options.dataDir, 'tls'), host);
    } else if (typeof options.tls === 'object') tls = options.tls;
    account = new Account({
      dataDir: options.dataDir === undefined ? undefined : join(options.dataDir, 'store'),
      clock,
      logger,
      activationMs: options.activationMs ?? 50,
      accountId: '123456789012',
      region,
      ...(options.bucketsDir === undefined ? {} : { bucket: bucketsIn(options.bucketsDir) }),
    });
    const opened = account;
    if (options.notificationBroker !== undefined) {
      notifications = await createNotificationPublisher(
        options.notificationBroker,
        counters.notifications,
        logger,
      );
    }
    server = await startApiServer({
      authorize({ accessKeyId }, operation, input) {
        const principal = principalOf(accessKeyId);
        if (principal !== undefined) authorize(opened, principal.allows, operation, input);
      },
      host,
      port: options.port ?? 0,
      tls,
      verifier: createSignatureVerifier(
        (id) =>
          id === credentials.accessKeyId ? credentials : (principalOf(id) ?? edgeLogin?.find(id)),
        Date.now,
      ),
      throttle,
      faultRules: faults,
      edgeLogin,
      controlToken: credentials.secretAccessKey,
      limits: { ...CONNECTION_LIMITS, ...options.connections },
      clock: systemClock,
      handlers: allHandlers(
        account,
        throttle,
        (count) => {
          counters.values += count;
        },
        notifications?.notify,
      ),
      counters,
      logger,
    });
  } catch (error) {
    await notifications?.close();
    await account?.close();
    await lock?.close();
    throw error;
  }
  const held = account;
  resumeJobs(held);
  const retention = startRetention(held);
  let closed: Promise<void> | undefined;
  async function close(): Promise<void> {
    retention.stop();
    await server.close();
    await jobsDone(held);
    await notifications?.close();
    await held.close();
    await lock?.close();
  }
  const shownHost = isIP(host) === 6 ? `[${host}]` : host;
  return {
    endpoint: `${tls === undefined ? 'http' : 'https'}://${shownHost}:${server.port}`,
    region,
    credentials,
    ...(tls === undefined ? {} : { ca: tls.cert }),
    counters,
    faults,
    close() {
      closed ??= close();
      return closed;
    },
  };
}
