import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { OPCUACertificateManager } from 'node-opcua-certificate-manager';
import {
  AttributeIds,
  type ClientMonitoredItemBase,
  type ClientSession,
  ClientSubscription,
  DataChangeFilter,
  DataChangeNotification,
  DataChangeTrigger,
  type DataValue,
  MessageSecurityMode,
  makeBrowsePath,
  type NotificationMessage,
  OPCUAClient,
  type SecurityPolicy,
  setErrorLogger,
  setWarningLogger,
  TimestampsToReturn,
  type UserIdentityInfo,
  UserTokenType,
} from 'node-opcua-client';
import type { OpcuaSourceConfig } from '../../shared/config/index.js';
import {
  type Logger,
  messageOf,
  type Quality,
  systemClock,
  TwinError,
} from '../../shared/core/index.js';
import type { RawSample } from '../pipeline/signal-pipeline.js';
import { readSecret } from '../secrets.js';
import { inPortions, operationLimits } from './opcua-limits.js';
import { plainValue } from './opcua-value.js';
import type { Source, SourceSink } from './source.js';

export interface OpcuaSourceOptions {
  config: OpcuaSourceConfig;
  /** Folder for the certificates and the private key, inside the component's own. */
  pkiDir: string;
  logger: Logger;
}

/** Nodes that were not there are looked for again so often. */
const RETRY_NODES_MS = 10_000;
/** How long a broken connection may be mended by the stack before all is built anew. */
const MEND_MS = 20_000;
const CONNECT_TIMEOUT_MS = 10_000;
const TRIGGERS = {
  status: DataChangeTrigger.Status,
  'status-value': DataChangeTrigger.StatusValue,
  'status-value-timestamp': DataChangeTrigger.StatusValueTimestamp,
} as const;
const SERVER_START_TIME = 'i=2257';

/** Reads an OPC UA server through a subscription. */
export function createOpcuaSource(options: OpcuaSourceOptions): Source {
  // The stack would print on stdout; what matters of it comes as an error as well.
  const say = (...texts: unknown[]) =>
    options.logger.debug('OPC UA stack', { text: texts.map(String).join(' ').trim() });
  setWarningLogger(say);
  setErrorLogger(say);
  return { run: (sink, signal) => runOnce(options, sink, signal) };
}

/** One life of a connection: from connecting until it is lost for good. */
async function runOnce(
  { config, pkiDir, logger }: OpcuaSourceOptions,
  sink: SourceSink,
  signal: AbortSignal,
): Promise<void> {
  const certificates = await openPki(config, pkiDir);
  const client = OPCUAClient.create({
    applicationName: 'Twinloop Edge',
    clientName: config.name,
    securityMode: MessageSecurityMode[config.securityMode],
    securityPolicy: config.securityPolicy as SecurityPolicy,
    endpointMustExist: false,
    clientCertificateManager: certificates,
    // A first connection is tried once: waiting and trying again is the runner's business.
    connectionStrategy: { maxRetry: 0, initialDelay: 200, maxDelay: 2000 },
    transportTimeout: CONNECT_TIMEOUT_MS,
    requestedSessionTimeout: 60_000,
  });
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
    await Promise.race([client.connect(config.endpointUrl), ended]);
    session = await Promise.race([client.createSession(await userIdentity(config)), ended]);
    await Promise.race([subscribe(config, client, session, sink, logger, signal), ended]);
  } catch (error) {
    if (!signal.aborted) throw asNetworkError(error, config.endpointUrl);
  } finally {
    await withinMs(1000, async () => {
      await session?.close(true);
    });
    await withinMs(500, () => client.disconnect());
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
  /** Client handle of a monitored item → index of its signal. */
  const signals = new Map<number, number>();
  return await new Promise<never>((_, reject) => {
    let publishing = true;
    const early: NotificationMessage[] = [];
    let listening = false;
    const take = (message: NotificationMessage) => {
      const samples = readNotification(message, signals);
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
    monitorAll(config, session, subscription, signals, sink, logger, signal, () => {
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
  signals: Map<number, number>,
  sink: SourceSink,
  logger: Logger,
  signal: AbortSignal,
  onFirst: () => void,
): Promise<void> {
  let missing = config.signals.map((_, i) => i);
  const limits = await operationLimits(session);
  for (let round = 0; missing.length > 0; round++) {
    const nodeIds = await resolveNodeIds(config, session, missing, limits.browsePaths);
    const found = missing.filter((i) => nodeIds.has(i));
    const absent = missing.filter((i) => !nodeIds.has(i));
    // One group per sampling interval: it is a parameter of the whole request.
    const byInterval = new Map<number, number[]>();
    for (const i of found) {
      const interval = config.signals[i]?.samplingIntervalMs ?? config.samplingIntervalMs;
      byInterval.set(interval, [...(byInterval.get(interval) ?? []), i]);
    }
    for (const [samplingInterval, indexes] of byInterval) {
      await inPortions(indexes, limits.monitoredItems, async (portion) => {
        const group = await subscription.monitorItems(
          portion.map((i) => ({ nodeId: nodeIds.get(i) ?? '', attributeId: AttributeIds.Value })),
          {
            samplingInterval,
            discardOldest: true,
            queueSize: config.queueSize,
            filter: new DataChangeFilter({ trigger: TRIGGERS[config.trigger] }),
          },
          TimestampsToReturn.Both,
        );
        group.monitoredItems.forEach((item: ClientMonitoredItemBase, n) => {
          const index = portion[n];
          if (index === undefined) return;
          if (item.statusCode.isGood()) signals.set(item.monitoringParameters.clientHandle, index);
          else absent.push(index);
        });
      });
    }
    if (round === 0) {
      onFirst();
      if (absent.length > 0) {
        logger.warn('Nodes are not on the server; they are looked for again', {
          source: config.name,
          nodes: absent.slice(0, 10).map((i) => nodeName(config, i)),
          count: absent.length,
        });
        await sink.deliver(
          absent.map((i) => ({ signal: i, timeNs: undefined, quality: 'BAD', value: null })),
        );
      }
    }
    missing = absent;
    if (missing.length === 0) return;
    await systemClock.sleep(RETRY_NODES_MS, signal).catch(() => {});
    if (signal.aborted) return;
  }
}

async function resolveNodeIds(
  config: OpcuaSourceConfig,
  session: ClientSession,
  indexes: readonly number[],
  portionSize: number,
): Promise<Map<number, string>> {
  const nodeIds = new Map<number, string>();
  const byPath: number[] = [];
  const namespaces = await namespacesOf(config, session, indexes);
  for (const i of indexes) {
    const nodeId = config.signals[i]?.nodeId;
    if (nodeId === undefined) {
      byPath.push(i);
      continue;
    }
    const local = toLocalNodeId(nodeId, namespaces);
    if (local !== undefined) nodeIds.set(i, local);
  }
  if (byPath.length === 0) return nodeIds;
  await inPortions(byPath, portionSize, async (portion) => {
    const results = await session.translateBrowsePath(
      portion.map((i) => makeBrowsePath('ObjectsFolder', config.signals[i]?.browsePath ?? '')),
    );
    results.forEach((result, n) => {
      const target = result.targets?.[0]?.targetId;
      const index = portion[n];
      if (result.statusCode.isGood() && target !== undefined && index !== undefined) {
        nodeIds.set(index, target.toString());
      }
    });
  });
  return nodeIds;
}

const BY_URI = /^nsu=([^;]+);(.*)$/;

/** The server's namespaces as they are now, where any node is named by its namespace's URI. */
async function namespacesOf(
  config: OpcuaSourceConfig,
  session: ClientSession,
  indexes: readonly number[],
): Promise<readonly string[]> {
  const byUri = indexes.some((i) => BY_URI.test(config.signals[i]?.nodeId ?? ''));
  return byUri ? await session.readNamespaceArray() : [];
}

/** A node id with the index that its namespace has on this server; undefined where it has none. */
function toLocalNodeId(nodeId: string, namespaces: readonly string[]): string | undefined {
  const [, uri, identifier] = BY_URI.exec(nodeId) ?? [];
  if (uri === undefined) return nodeId;
  const index = namespaces.indexOf(uri);
  return index < 0 ? undefined : `ns=${index};${identifier}`;
}

function nodeName(config: OpcuaSourceConfig, index: number): string {
  const signal = config.signals[index];
  return signal?.nodeId ?? signal?.browsePath ?? '';
}

function readNotification(
  message: NotificationMessage,
  signals: ReadonlyMap<number, number>,
): RawSample[] {
  const samples: RawSample[] = [];
  for (const data of message.notificationData ?? []) {
    if (!(data instanceof DataChangeNotification)) continue;
    for (const item of data.monitoredItems ?? []) {
      const signal = signals.get(item.clientHandle);
      if (signal !== undefined) samples.push(toRawSample(signal, item.value));
    }
  }
  return samples;
}

/** OPC UA's severity is in the two highest bits of the status: good, uncertain, bad. */
function qualityOf(statusCode: number): Quality {
  const severity = statusCode >>> 30;
  return severity === 0 ? 'GOOD' : severity === 1 ? 'UNCERTAIN' : 'BAD';
}

function toRawSample(signal: number, value: DataValue): RawSample {
  const time = value.sourceTimestamp ?? value.serverTimestamp;
  const picoseconds =
    value.sourceTimestamp === null ? value.serverPicoseconds : value.sourcePicoseconds;
  return {
    signal,
    timeNs:
      time === null || time === undefined
        ? undefined
        : BigInt(time.getTime()) * 1_000_000n + BigInt(Math.floor(picoseconds / 1000)),
    quality: qualityOf(value.statusCode.value),
    value: plainValue(value.value),
  };
}

async function serverStartTime(session: ClientSession): Promise<number | undefined> {
  const value = await session.read({ nodeId: SERVER_START_TIME, attributeId: AttributeIds.Value });
  const time: unknown = value.value.value;
  return time instanceof Date ? time.getTime() : undefined;
}

async function openPki(
  config: OpcuaSourceConfig,
  pkiDir: string,
): Promise<OPCUACertificateManager> {
  await mkdir(pkiDir, { recursive: true });
  return new OPCUACertificateManager({
    rootFolder: join(pkiDir, 'opcua'),
    automaticallyAcceptUnknownCertificate: config.trust === 'any' || config.securityMode === 'None',
    disableFileWatchers: true,
  });
}

async function userIdentity(config: OpcuaSourceConfig): Promise<UserIdentityInfo> {
  const { user } = config;
  if (user === undefined) return { type: UserTokenType.Anonymous };
  if ('userName' in user) {
    return {
      type: UserTokenType.UserName,
      userName: user.userName,
      password: await readSecret(user.password),
    };
  }
  const certificate = await readFile(user.certificateFile);
  const pem = certificate.toString('latin1');
  const body = /-----BEGIN CERTIFICATE-----([\s\S]+?)-----END CERTIFICATE-----/.exec(pem)?.[1];
  return {
    type: UserTokenType.Certificate,
    certificateData: body === undefined ? certificate : Buffer.from(body, 'base64'),
    privateKey: await readFile(user.privateKeyFile, 'utf8'),
  };
}

function lost(what: string): TwinError {
  return new TwinError('NETWORK', `The OPC UA server ${what}.`, { retryable: true });
}

function asNetworkError(error: unknown, endpointUrl: string): TwinError {
  if (error instanceof TwinError) return error;
  return new TwinError(
    'NETWORK',
    `No session with the OPC UA server ${endpointUrl}: ${messageOf(error).split('\n')[0]}`,
    { cause: error, retryable: true },
  );
}

/** Gives a farewell its time, but not more. */
async function withinMs(ms: number, action: () => Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([action().catch(() => {}), deadline]);
  clearTimeout(timer);
}
