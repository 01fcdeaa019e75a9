import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, type TlsOptions } from 'node:tls';
import { Aedes, type AedesPublishPacket, type AuthenticateError } from 'aedes';
import {
  type Clock,
  createRng,
  type Logger,
  messageOf,
  silentLogger,
  systemClock,
  TwinError,
} from '../../shared/core/index.js';
import { createSiteWiseClient, type SiteWiseClientOptions } from '../../shared/sitewise/index.js';
import { EdgeBuffer } from './buffer.js';
import { type EdgeFaults, NO_FAULTS } from './faults.js';
import { parsePayload, topicMatches } from './payload.js';
import { createPublisher, type PublisherStats } from './publisher.js';

/** Values that the gateway keeps while the cloud is away, at most. */
const DEFAULT_MAX_BUFFERED_VALUES = 20_000_000;

/** How the stand-in for a SiteWise Edge gateway is started. */
export interface SiteWiseEdgeOptions {
  /** Default 0: any free one. */
  mqttPort?: number;
  /** The SiteWise API to publish to. */
  siteWise: SiteWiseClientOptions;
  /** Folder of the offline buffer; left out, it is in memory. */
  dataDir?: string;
  /** A batch that is not full goes out after this wait, milliseconds; default 1000. */
  maxWaitMs?: number;
  /** Topics whose messages go to SiteWise; default `#`. */
  pathFilters?: readonly string[];
  /** What clients must log in with; default: anyone may. */
  credentials?: { username: string; password: string };
  /** Makes the broker speak TLS; with `clientCa` clients must show a certificate that it has signed. */
  tls?: { cert: string; key: string; clientCa?: string };
  /** Beyond this the oldest messages are dropped; default 20 million. */
  maxBufferedValues?: number;
  /** Of the fault switches; default 1. */
  seed?: number;
  clock?: Clock;
  logger?: Logger;
}

/** What the gateway counts; values, where nothing else is said. */
export interface EdgeStats extends PublisherStats {
  /** Accepted from publishers and stored, resent ones included. */
  received: number;
  /** Waiting for the cloud. */
  buffered: number;
  /** Dropped from a full buffer. */
  dropped: number;
  /** Messages whose topic no path filter matches. */
  filtered: number;
  /** Messages that could not be read. */
  malformed: number;
  connectedClients: number;
}

/** The running gateway. */
export interface SiteWiseEdge {
  /** e.g. `mqtt://127.0.0.1:40124` */
  mqttUrl: string;
  /** May be changed at any time. */
  faults: EdgeFaults;
  stats(): EdgeStats;
  close(): Promise<void>;
}

function tlsOptions(tls: NonNullable<SiteWiseEdgeOptions['tls']>): TlsOptions {
  const { cert, key, clientCa } = tls;
  return {
    cert,
    key,
    ...(clientCa === undefined
      ? {}
      : { ca: clientCa, requestCert: true, rejectUnauthorized: true }),
  };
}

/**
 * Starts the stand-in for an MQTT-enabled SiteWise Edge gateway: a broker, a durable buffer and a
 * publisher to the SiteWise API. A publication with QoS 1 is acknowledged once it is stored.
 *
 * @throws TwinError `PORT_IN_USE`, `STORAGE`
 */
export async function startSiteWiseEdge(options: SiteWiseEdgeOptions): Promise<SiteWiseEdge> {
  const clock = options.clock ?? systemClock;
  const logger = options.logger ?? silentLogger;
  const pathFilters = options.pathFilters ?? ['#'];
  const faults: EdgeFaults = { ...NO_FAULTS };
  const rng = createRng(options.seed ?? 1);
  const counts = { received: 0, filtered: 0, malformed: 0 };
  const stop = new AbortController();

  const buffer = new EdgeBuffer(
    options.dataDir,
    options.maxBufferedValues ?? DEFAULT_MAX_BUFFERED_VALUES,
  );
  const client = createSiteWiseClient({ maxAttempts: 1, ...options.siteWise });
  const publisher = createPublisher({
    client,
    buffer,
    clock,
    logger,
    rng,
    maxWaitMs: options.maxWaitMs ?? 1000,
    faults,
  });

  async function accept(packet: { topic: string; payload: Buffer | string }): Promise<boolean> {
    if (faults.forget > 0 && rng.uniform() < faults.forget) return true;
    if (!pathFilters.some((filter) => topicMatches(filter, packet.topic))) {
      counts.filtered++;
      return true;
    }
    const payload = Buffer.from(packet.payload);
    const message = parsePayload(payload);
    if (typeof message === 'string') {
      counts.malformed++;
      logger.warn('A message is not what SiteWise Edge takes', {
        topic: packet.topic,
        reason: message,
      });
      return true;
    }
    await buffer.append(payload, message.propertyValues.length);
    counts.received += message.propertyValues.length;
    publisher.wake();
    if (faults.delayMs > 0) await clock.sleep(faults.delayMs, stop.signal);
    return !(faults.dropAcks > 0 && rng.uniform() < faults.dropAcks);
  }

  const broker = await Aedes.createBroker({
    authenticate(_client, username, password, done) {
      const wanted = options.credentials;
      if (faults.refuse) {
        done(Object.assign(new Error('unavailable'), { returnCode: 3 }) as AuthenticateError, null);
      } else if (
        wanted === undefined ||
        (username === wanted.username && password?.toString() === wanted.password)
      ) {
        done(null, true);
      } else {
        done(Object.assign(new Error('refused'), { returnCode: 4 }) as AuthenticateError, null);
      }
    },
    // The broker acknowledges a publication when this calls back: once it is stored.
    authorizePublish(_client, packet, callback) {
      accept(packet as AedesPublishPacket)
        .then((acknowledge) => {
          if (acknowledge) callback(null);
        })
        .catch((error: unknown) => {
          if (stop.signal.aborted) return;
          logger.error('A message could not be stored', { error: messageOf(error) });
          callback(error instanceof Error ? error : new Error(String(error)));
        });
    },
  });

  const sockets = new Set<Socket>();
  const onSocket = (socket: Socket) => {
    if (faults.refuse) {
      socket.destroy();
      return;
    }
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    broker.handle(socket);
  };
  const server: Server =
    options.tls === undefined
      ? createServer(onSocket)
      : createTlsServer(tlsOptions(options.tls), onSocket);
  const port = options.mqttPort ?? 0;
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, '127.0.0.1', resolve);
    });
  } catch (cause) {
    broker.close();
    await buffer.close();
    throw (cause as NodeJS.ErrnoException).code === 'EADDRINUSE'
      ? new TwinError(
          'PORT_IN_USE',
          `Port ${port} on 127.0.0.1 is in use: choose another for MQTT, or 0 for any free one.`,
          { cause },
        )
      : cause;
  }

  const running = publisher.run(stop.signal);
  const cut = setInterval(() => {
    if (faults.refuse) for (const socket of sockets) socket.destroy();
  }, 50);
  cut.unref();
  let closed: Promise<void> | undefined;
  async function close(): Promise<void> {
    clearInterval(cut);
    for (const socket of sockets) socket.destroy();
    await new Promise<void>((resolve) => server.close(() => resolve()));
    await new Promise<void>((resolve) => broker.close(() => resolve()));
    stop.abort();
    await running;
    client.destroy();
    await buffer.close();
  }
  const scheme = options.tls === undefined ? 'mqtt' : 'mqtts';
  return {
    mqttUrl: `${scheme}://127.0.0.1:${(server.address() as AddressInfo).port}`,
    faults,
    stats: () => ({
      ...publisher.stats,
      ...counts,
      buffered: buffer.values,
      dropped: buffer.droppedValues,
      connectedClients: broker.connectedClients,
    }),
    close() {
      closed ??= close();
      return closed;
    },
  };
}
