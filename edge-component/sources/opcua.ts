import {
  AttributeIds,
  type ClientSession,
  ClientSubscription,
  type NotificationMessage,
  type OPCUAClient,
} from 'node-opcua-client';
import type { OpcuaSourceConfig } from '../../shared/config/index.js';
import { type Logger, messageOf, systemClock, TwinError } from '../../shared/core/index.js';
import type { RawSample } from '../pipeline/signal-pipeline.js';
import { operationLimits } from './opcua-limits.js';
import { nodeName } from './opcua-nodes.js';
import { openPki } from './opcua-security.js';
import {
  closeSession,
  createClient,
  openSession,
  quietStack,
  sessionError,
} from './opcua-session.js';
import { type MonitoredNode, monitor, valuesOf } from './opcua-subscription.js';
import { hasOverflow, toRawSample } from './opcua-value.js';
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
  return { run: (sink, signal) => runOnce(options, sink, signal) };
}

/** One life of a connection: from connecting until it is lost for good. */
async function runOnce(
  { config, pkiDir, baseDir, logger }: OpcuaSourceOptions,
  sink: SourceSink,
  signal: AbortSignal,
): Promise<void> {
  const pki = await openPki(config, pkiDir);
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
    session = await Promise.race([openSession(client, config, baseDir), ended]);
    await Promise.race([subscribe(config, client, session, sink, logger, signal), ended]);
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
  sink: SourceSink,
  logger: Logger,
  signal: AbortSignal,
): Promise<never> {
  const startTime = await serverStartTime(session);
  const subscription = ClientSubscription.create(session, {
    requestedPublishingInterval: config.publishingIntervalMs,
    requestedMaxKeepAliveCount: Math.max(3, Math.ceil(5000 / config.publishingIntervalMs)),
    requestedLifetimeCount: Math.max(60, Math.ceil(60_000 / config.publishingIntervalMs)),
    maxNotificationsPerPublish: 0,
    publishingEnabled: true,
    priority: 1,
  });
  /** By the client handles of their monitored items. */
  const nodes = new Map<number, MonitoredNode>();
  return await new Promise<never>((_, reject) => {
    let publishing = true;
    const early: NotificationMessage[] = [];
    let listening = false;
    const overflowed = new Set<string>();
    const onOverflow = ({ nodeId, signals: [index = 0] }: MonitoredNode) => {
      if (overflowed.has(nodeId)) return;
      overflowed.add(nodeId);
      logger.warn(
        'The server lost values of a node: raise queueSize, or lower publishingIntervalMs',
        { source: config.name, node: nodeName(config, index), queueSize: config.queueSize },
      );
    };
    const take = (message: NotificationMessage) => {
      const samples = samplesOf(config, message, nodes, onOverflow);
      if (samples.length === 0) return;
      sink.deliver(samples).catch((error: unknown) => {
        if (!signal.aborted) {
          logger.warn('Readings were lost', { source: config.name, error: messageOf(error) });
        }
      });
      // Without room, the server keeps what comes in its queues.
      if (!sink.isReady && publishing) {
        publishing = false;
        void holdBack().catch(reject);
      }
    };
    const holdBack = async () => {
      await subscription.setPublishingMode(false);
      await sink.ready(signal);
      await subscription.setPublishingMode(true);
      publishing = true;
    };
    // Values may arrive before the answer that tells their handles.
    subscription.on('raw_notification', (message: NotificationMessage) => {
      if (listening) take(message);
      else early.push(message);
    });
    subscription.on('status_changed', (status) => {
      reject(lost(`ended the subscription: ${status.toString()}`));
    });
    subscription.on('terminated', () => reject(lost('ended the subscription')));
    subscription.on('error', (error: Error) => reject(error));
    subscription.on('internal_error', (error: Error) => {
      logger.debug('OPC UA subscription fault', { source: config.name, error: error.message });
    });
    client.on('after_reconnection', () => {
      // A server that was restarted may know its nodes by other ids: begin anew.
      serverStartTime(session).then((time) => {
        if (time !== startTime) reject(lost('was restarted'));
        else sink.up();
      }, reject);
    });
    monitorAll(config, session, subscription, nodes, sink, logger, signal, () => {
      listening = true;
      sink.up();
      for (const message of early.splice(0)) take(message);
    }).catch(reject);
  });
}

/** Monitors every signal; nodes that are not there yet are tried again until they are. */
async function monitorAll(
  config: OpcuaSourceConfig,
  session: ClientSession,
  subscription: ClientSubscription,
  nodes: Map<number, MonitoredNode>,
  sink: SourceSink,
  logger: Logger,
  signal: AbortSignal,
  onFirst: () => void,
): Promise<void> {
  let missing = config.signals.map((_, i) => i);
  const limits = await operationLimits(session);
  for (let round = 0; missing.length > 0; round++) {
    const found = await monitor(config, session, subscription, missing, limits, logger);
    for (const [handle, node] of found.nodes) nodes.set(handle, node);
    const absent = [...found.reasons.keys()];
    if (round === 0) {
      onFirst();
      if (absent.length > 0) {
        logger.warn('Nodes are not on the server; they are looked for again', {
          source: config.name,
          nodes: absent.slice(0, 10).map((i) => `${nodeName(config, i)}: ${found.reasons.get(i)}`),
          count: absent.length,
        });
        await sink.deliver(
          absent.map((i) => ({
            signal: i,
            timeNs: undefined,
            quality: 'BAD',
            value: null,
            reason: found.reasons.get(i) ?? '',
          })),
        );
      }
    }
    missing = absent;
    if (missing.length === 0) return;
    await systemClock.sleep(RETRY_NODES_MS, signal).catch(() => {});
    if (signal.aborted) return;
  }
}

function samplesOf(
  config: OpcuaSourceConfig,
  message: NotificationMessage,
  nodes: ReadonlyMap<number, MonitoredNode>,
  onOverflow: (node: MonitoredNode) => void,
): RawSample[] {
  const samples: RawSample[] = [];
  for (const [handle, value] of valuesOf(message)) {
    const node = nodes.get(handle);
    if (node === undefined) continue;
    if (hasOverflow(value)) onOverflow(node);
    for (const index of node.signals) {
      const signal = config.signals[index];
      if (signal !== undefined) samples.push(toRawSample(index, value, signal));
    }
  }
  return samples;
}

async function serverStartTime(session: ClientSession): Promise<number | undefined> {
  const value = await session.read({ nodeId: SERVER_START_TIME, attributeId: AttributeIds.Value });
  const time: unknown = value.value.value;
  return time instanceof Date ? time.getTime() : undefined;
}

function lost(what: string): TwinError {
  return new TwinError('NETWORK', `The OPC UA server ${what}.`, { retryable: true });
}
