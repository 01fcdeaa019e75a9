import {
  AttributeIds,
  type ClientSession,
  ClientSubscription,
  type NotificationMessage,
  type OPCUAClient,
} from 'node-opcua-client';
import type { OpcuaSourceConfig } from '../../shared/config/index.js';
import { type Logger, systemClock, TwinError } from '../../shared/core/index.js';
import { HandedOver, OpcuaFeed } from './opcua-feed.js';
import { type OperationLimits, operationLimits } from './opcua-limits.js';
import { nodeName } from './opcua-nodes.js';
import { openPki } from './opcua-security.js';
import {
  closeSession,
  createClient,
  openSession,
  quietStack,
  sessionError,
} from './opcua-session.js';
import { type MonitoredNode, monitor } from './opcua-subscription.js';
import type { Source, SourceSink } from './source.js';

export interface OpcuaSourceOptions {
  config: OpcuaSourceConfig;
  /** Folder for the certificates and the private key, inside the component's own. */
  pkiDir: string;
  /** Folder that files of the config are named from. */
  baseDir: string;
  logger: Logger;
}

/** Nodes that were not there are looked for again so often. */
const RETRY_NODES_MS = 10_000;
/** How long a broken connection may be mended by the stack before all is built anew. */
const MEND_MS = 20_000;
const SERVER_START_TIME = 'i=2257';

/** Reads an OPC UA server through a subscription. */
export function createOpcuaSource(options: OpcuaSourceOptions): Source {
  quietStack(options.logger);
  const handed = new HandedOver();
  return { run: (sink, signal) => runOnce(options, handed, sink, signal) };
}

/** One life of a connection: from connecting until it is lost for good. */
async function runOnce(
  { config, pkiDir, baseDir, logger }: OpcuaSourceOptions,
  handed: HandedOver,
  sink: SourceSink,
  signal: AbortSignal,
): Promise<void> {
  const pki = await openPki(config, pkiDir, logger);
  const client = createClient(config, pki);
  const ended = new Promise<never>((_, reject) => {
    let mending: NodeJS.Timeout | undefined;
    client.on('start_reconnection', () => {
      sink.down('The connection to the server was lost.');
      mending ??= setTimeout(() => reject(lost('did not come back')), MEND_MS);
    });
    client.on('after_reconnection', () => {
      clearTimeout(mending);
      mending = undefined;
    });
    client.on('close', (error) => {
      clearTimeout(mending);
      reject(lost(error?.message ?? 'was closed'));
    });
    signal.addEventListener(
      'abort',
      () => {
        clearTimeout(mending);
        reject(signal.reason);
      },
      { once: true },
    );
  });
  ended.catch(() => {});
  let session: ClientSession | undefined;
  try {
    session = await Promise.race([openSession(client, config, baseDir, sink.progress), ended]);
    handed.resume(sink.position);
    const feed = new OpcuaFeed(config, sink, logger, handed, signal);
    await Promise.race([subscribe(config, client, session, feed, sink, logger, signal), ended]);
  } catch (error) {
    if (!signal.aborted) throw await sessionError(error, config, pki);
  } finally {
    await closeSession(client, session);
  }
}

/** Monitors all signals and hands over what comes; ends only by throwing. */
async function subscribe(
  config: OpcuaSourceConfig,
  client: OPCUAClient,
  session: ClientSession,
  feed: OpcuaFeed,
  sink: SourceSink,
  logger: Logger,
  signal: AbortSignal,
): Promise<never> {
  const startTime = await serverStartTime(session);
  const limits = await operationLimits(session);
  const subscription = ClientSubscription.create(session, {
    requestedPublishingInterval: config.publishingIntervalMs,
    requestedMaxKeepAliveCount: Math.max(3, Math.ceil(5000 / config.publishingIntervalMs)),
    requestedLifetimeCount: Math.max(60, Math.ceil(60_000 / config.publishingIntervalMs)),
    maxNotificationsPerPublish: 0,
    publishingEnabled: true,
    priority: 1,
  });
  return await new Promise<never>((_, reject) => {
    let publishing = true;
    const holdBack = async () => {
      await subscription.setPublishingMode(false);
      await sink.ready(signal);
      await subscription.setPublishingMode(true);
      publishing = true;
    };
    // Values may arrive before the answer that tells their handles: the feed holds them back at first.
    subscription.on('raw_notification', (message: NotificationMessage) => {
      feed.take(message);
      // Without room, the server keeps what comes in its queues.
      if (!sink.isReady && publishing) {
        publishing = false;
        holdBack().catch(reject);
      }
    });
    subscription.on('status_changed', (status) => {
      reject(lost(`ended the subscription: ${status.toString()}`));
    });
    subscription.on('terminated', () => reject(lost('ended the subscription')));
    subscription.on('error', (error: Error) => reject(error));
    subscription.on('internal_error', (error: Error) => {
      logger.debug('OPC UA subscription fault', { source: config.name, error: error.message });
    });
    /** One gap is filled at a time. */
    let filled: Promise<void> = Promise.resolve();
    const goOn = (nodes: readonly MonitoredNode[]): Promise<void> => {
      filled = filled.then(async () => {
        await feed.fillGap(session, subscription, nodes, limits);
        feed.release();
      });
      return filled;
    };
    client.on('start_reconnection', () => feed.lost());
    client.on('after_reconnection', () => {
      const resume = async () => {
        // A server that was restarted may know its nodes by other ids: begin anew.
        if ((await serverStartTime(session)) !== startTime) throw lost('was restarted');
        sink.up();
        await goOn([...feed.nodes.values()]);
      };
      resume().catch(reject);
    });
    monitorAll({ config, session, subscription, feed, limits, sink, logger, signal }, goOn).catch(
      reject,
    );
  });
}

interface Monitoring {
  config: OpcuaSourceConfig;
  session: ClientSession;
  subscription: ClientSubscription;
  feed: OpcuaFeed;
  limits: OperationLimits;
  sink: SourceSink;
  logger: Logger;
  signal: AbortSignal;
}

/**
 * Monitors every signal; nodes that are not there yet are tried again until they are.
 *
 * @param goOn is told of the nodes that were found: what comes of them is handed over from then on
 */
async function monitorAll(
  { config, session, subscription, feed, limits, sink, logger, signal }: Monitoring,
  goOn: (nodes: readonly MonitoredNode[]) => Promise<void>,
): Promise<void> {
  let missing = config.signals.map((_, i) => i);
  for (let round = 0; missing.length > 0; round++) {
    await feed.aboutToMonitor(session);
    const found = await monitor(config, session, subscription, missing, limits, logger, () =>
      sink.progress('a part of the nodes was monitored'),
    );
    if (found.nodes.size > 0) feed.hold();
    for (const [handle, node] of found.nodes) feed.nodes.set(handle, node);
    const absent = [...found.reasons.keys()];
    if (round === 0) {
      sink.up();
      if (absent.length > 0) await tellAbsent(config, found.reasons, sink, logger);
    }
    await goOn([...found.nodes.values()]);
    missing = absent;
    if (missing.length === 0) return;
    await systemClock.sleep(RETRY_NODES_MS, signal).catch(() => {});
    if (signal.aborted) return;
  }
}

async function tellAbsent(
  config: OpcuaSourceConfig,
  reasons: ReadonlyMap<number, string>,
  sink: SourceSink,
  logger: Logger,
): Promise<void> {
  const absent = [...reasons];
  logger.warn('Nodes are not on the server; they are looked for again', {
    source: config.name,
    nodes: absent.slice(0, 10).map(([i, reason]) => `${nodeName(config, i)}: ${reason}`),
    count: absent.length,
  });
  await sink.deliver(
    absent.map(([signal, reason]) => ({
      ...{ signal, timeNs: undefined, value: null, reason },
      quality: 'BAD' as const,
    })),
  );
}

async function serverStartTime(session: ClientSession): Promise<number | undefined> {
  const value = await session.read({ nodeId: SERVER_START_TIME, attributeId: AttributeIds.Value });
  const time: unknown = value.value.value;
  return time instanceof Date ? time.getTime() : undefined;
}

function lost(what: string): TwinError {
  return new TwinError('NETWORK', `The OPC UA server ${what}.`, { retryable: true });
}
