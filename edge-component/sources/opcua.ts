import {
  type ClientSession,
  ClientSubscription,
  type NotificationMessage,
} from 'node-opcua-client';
import type { OpcuaSourceConfig } from '../../shared/config/index.js';
import { type Logger, messageOf, systemClock, TwinError } from '../../shared/core/index.js';
import { OpcuaFeed } from './opcua-feed.js';
import { OpcuaGaps } from './opcua-gaps.js';
import { HandedOver } from './opcua-handed-over.js';
import { type OperationLimits, operationLimits } from './opcua-limits.js';
import { nodeName } from './opcua-nodes.js';
import { isUnreadable, OversizeNodes, TOO_LARGE, type WithSession } from './opcua-oversize.js';
import { openPki } from './opcua-security.js';
import { type Passed, republish, SequenceWatch } from './opcua-sequence.js';
import {
  closeSession,
  createClient,
  openSession,
  quietStack,
  sessionError,
  withSession,
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

/** Reads an OPC UA server through a subscription. */
export function createOpcuaSource(options: OpcuaSourceOptions): Source {
  quietStack(options.logger);
  const handed = new HandedOver();
  const oversize = new OversizeNodes(options.config, options.logger);
  return { run: (sink, signal) => runOnce(options, handed, oversize, sink, signal) };
}

/** One life of a connection: from connecting until it is lost for good. */
async function runOnce(
  { config, pkiDir, baseDir, logger }: OpcuaSourceOptions,
  handed: HandedOver,
  oversize: OversizeNodes,
  sink: SourceSink,
  signal: AbortSignal,
): Promise<void> {
  const pki = await openPki(config, pkiDir, logger);
  const beside: WithSession = async (use) => {
    sink.progress('a look for values that are too long');
    return await withSession(config, await openPki(config, pkiDir, logger), baseDir, signal, use);
  };
  const client = createClient(config, pki);
  const ended = new Promise<never>((_, reject) => {
    client.on('close', (error) => {
      if (error) oversize.broke();
      reject(lost(error?.message ?? 'was closed'));
    });
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
  ended.catch(() => {});
  let session: ClientSession | undefined;
  try {
    await oversize.look(beside);
    session = await Promise.race([openSession(client, config, baseDir, sink.progress), ended]);
    handed.resume(sink.position);
    const feed: OpcuaFeed = new OpcuaFeed(config, sink, logger, handed, signal, () =>
      tellFaults({ sink, oversize, feed }),
    );
    const parts = { config, session, handed, feed, sink, logger, signal, oversize, beside };
    await Promise.race([subscribe(parts), ended]);
  } catch (error) {
    if (!signal.aborted) throw await sessionError(error, config, pki);
  } finally {
    await closeSession(client, session);
  }
}

/** What belongs to one session. */
interface Parts {
  config: OpcuaSourceConfig;
  session: ClientSession;
  handed: HandedOver;
  feed: OpcuaFeed;
  sink: SourceSink;
  logger: Logger;
  signal: AbortSignal;
  oversize: OversizeNodes;
  /** Opens another session. */
  beside: WithSession;
}

/** Monitors all signals and hands over what comes; ends only by throwing. */
async function subscribe(parts: Parts): Promise<never> {
  const { config, session, feed, sink, logger, signal, oversize } = parts;
  const limits = await operationLimits(session);
  const subscription = ClientSubscription.create(session, {
    requestedPublishingInterval: config.publishingIntervalMs,
    requestedMaxKeepAliveCount: Math.max(3, Math.ceil(5000 / config.publishingIntervalMs)),
    requestedLifetimeCount: Math.max(60, Math.ceil(60_000 / config.publishingIntervalMs)),
    maxNotificationsPerPublish: 0,
    publishingEnabled: true,
    priority: 1,
  });
  const gaps = new OpcuaGaps({ ...parts, subscription, limits });
  const monitoring = { ...parts, subscription, limits, gaps };
  return await new Promise<never>((_, reject) => {
    const sequence = new SequenceWatch();
    let publishing = true;
    const holdBack = async () => {
      await subscription.setPublishingMode(false);
      await sink.ready(signal);
      await subscription.setPublishingMode(true);
      publishing = true;
    };
    // Values may arrive before the answer that tells their handles: the feed holds them back at first.
    subscription.on('raw_notification', (message: NotificationMessage) => {
      if (isUnreadable(message)) {
        oversize.suspect();
        reject(lost('sent values that cannot be read'));
        return;
      }
      const passed = sequence.pass(message);
      if (passed.fate === 'again') return;
      feed.take(message, passed.fate !== 'in-order');
      if (passed.fate !== 'in-order') mend(passed, message).catch(reject);
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
        await gaps.fill(nodes);
        feed.release();
      });
      return filled;
    };
    const mend = (passed: Passed, message: NotificationMessage): Promise<void> => {
      filled = filled.then(() => mendSequence(passed, message, monitoring));
      return filled;
    };
    monitorAll(monitoring, goOn).catch(reject);
  });
}

interface Monitoring extends Parts {
  gaps: OpcuaGaps;
  subscription: ClientSubscription;
  limits: OperationLimits;
}

/**
 * Monitors every signal; nodes that are not there yet are tried again until they are.
 *
 * @param goOn is told of the nodes that were found: what comes of them is handed over from then on
 */
async function monitorAll(
  parts: Monitoring,
  goOn: (nodes: readonly MonitoredNode[]) => Promise<void>,
): Promise<void> {
  const { config, session, subscription, limits, sink, logger, signal, oversize } = parts;
  const { feed, gaps } = parts;
  let missing = config.signals.map((_, i) => i);
  for (let round = 0; missing.length > 0; round++) {
    const wanted = missing.filter((index) => !oversize.has(index));
    if (round === 0 || wanted.length > 0) {
      await gaps.aboutToMonitor();
      const progress = () => sink.progress('a part of the nodes was looked up or monitored');
      const found = await monitor(config, session, subscription, wanted, limits, logger, progress);
      if (found.nodes.size > 0) feed.hold();
      for (const [handle, node] of found.nodes) feed.nodes.set(handle, node);
      for (const index of missing) if (oversize.has(index)) found.reasons.set(index, TOO_LARGE);
      missing = [...found.reasons.keys()];
      if (round === 0) {
        sink.up();
        tellFaults(parts);
        if (missing.length > 0) await tellAbsent(config, found.reasons, sink, logger);
      }
      await goOn([...found.nodes.values()]);
    }
    if (missing.length === 0) return;
    await systemClock.sleep(RETRY_NODES_MS, signal).catch(() => {});
    if (signal.aborted) return;
    await oversize.lookAgain(parts.beside).catch((error: unknown) => {
      logger.debug('OPC UA look beside failed', { source: config.name, error: messageOf(error) });
    });
    tellFaults(parts);
  }
}

function tellFaults({ sink, oversize, feed }: Pick<Parts, 'sink' | 'oversize' | 'feed'>): void {
  sink.faults([...oversize.faults, ...feed.faults]);
}

/** Messages are missing before one: the server is asked for them, then for what they held. */
async function mendSequence(
  passed: Passed,
  message: NotificationMessage,
  { config, session, subscription, feed, gaps, logger }: Monitoring,
): Promise<void> {
  const { subscriptionId } = subscription;
  const numbers = passed.fate === 'gap' ? passed.missing : [];
  const { found, lost } = await republish(session, subscriptionId, numbers);
  feed.mended(message, found);
  const source = config.name;
  if (passed.fate === 'gap' && lost.length === 0) {
    logger.info('Notifications that had not come were sent again', {
      ...{ source, notifications: found.length, before: message.sequenceNumber },
    });
    feed.release();
    return;
  }
  logger.warn('Notifications never came, and the server no longer has them', {
    ...{ source, notifications: lost.length || 'unknown', before: message.sequenceNumber },
  });
  const missing = passed.fate === 'gap' ? lost.length : undefined;
  await gaps.goOnWithout(missing);
}

async function tellAbsent(
  config: OpcuaSourceConfig,
  reasons: ReadonlyMap<number, string>,
  sink: SourceSink,
  logger: Logger,
): Promise<void> {
  const absent = [...reasons];
  logger.warn('Nodes cannot be read; they are tried again', {
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

function lost(what: string): TwinError {
  return new TwinError('NETWORK', `The OPC UA server ${what}.`, { retryable: true });
}
