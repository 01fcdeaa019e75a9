import {
  AttributeIds,
  type ClientMonitoredItemBase,
  type ClientSession,
  type ClientSubscription,
  DataChangeFilter,
  DataChangeNotification,
  DataChangeTrigger,
  type DataValue,
  DeadbandType,
  type NotificationMessage,
  TimestampsToReturn,
} from 'node-opcua-client';
import type { OpcuaSourceConfig } from '../../shared/config/index.js';
import type { Logger } from '../../shared/core/index.js';
import { inPortions, type OperationLimits } from './opcua-limits.js';
import { nodeName, resolveNodes } from './opcua-nodes.js';

const TRIGGERS = {
  status: DataChangeTrigger.Status,
  'status-value': DataChangeTrigger.StatusValue,
  'status-value-timestamp': DataChangeTrigger.StatusValueTimestamp,
} as const;

/** A node that is monitored, and the signals that its values are for. */
export interface MonitoredNode {
  nodeId: string;
  /** Indexes of the signals: more than one where they are elements of the same array. */
  signals: readonly number[];
}

/** What became of the signals that were to be monitored. */
export interface Monitored {
  /** By the client handles that notifications name them with. */
  nodes: Map<number, MonitoredNode>;
  /** Why others are not monitored, in a word, by the signals' indexes. */
  reasons: Map<number, string>;
}

/** Monitored items that share the parameters that belong to a whole request. */
interface Group {
  samplingInterval: number;
  deadband: OpcuaSourceConfig['signals'][number]['serverDeadband'];
  nodes: MonitoredNode[];
}

/**
 * Monitors signals, each node once, in requests that the server's limits allow.
 *
 * @param progress is called after each request
 */
export async function monitor(
  config: OpcuaSourceConfig,
  session: ClientSession,
  subscription: ClientSubscription,
  indexes: readonly number[],
  limits: OperationLimits,
  logger: Logger,
  progress: () => void,
): Promise<Monitored> {
  const { browsePaths } = limits;
  const { nodeIds, reasons } = await resolveNodes(config, session, indexes, browsePaths, progress);
  const found: Monitored = { nodes: new Map(), reasons };
  for (const group of groupsOf(config, nodeIds)) {
    const refused = await monitorGroup(config, subscription, group, limits, found, progress);
    if (refused.length === 0) continue;
    logger.warn('The server has no deadband for some nodes; all their changes are read', {
      source: config.name,
      nodes: refused.slice(0, 10).map((n) => nodeName(config, n.signals[0] ?? 0)),
      count: refused.length,
    });
    const without = { ...group, deadband: undefined, nodes: refused };
    await monitorGroup(config, subscription, without, limits, found, progress);
  }
  return found;
}

function groupsOf(config: OpcuaSourceConfig, nodeIds: ReadonlyMap<number, string>): Group[] {
  const groups = new Map<string, Group & { byId: Map<string, number[]> }>();
  for (const [index, nodeId] of nodeIds) {
    const signal = config.signals[index];
    const samplingInterval = signal?.samplingIntervalMs ?? config.samplingIntervalMs;
    const deadband = signal?.serverDeadband;
    const key = `${samplingInterval} ${deadband?.absolute} ${deadband?.percent}`;
    const group = groups.get(key) ?? {
      samplingInterval,
      deadband,
      nodes: [],
      byId: new Map<string, number[]>(),
    };
    groups.set(key, group);
    const sharing = group.byId.get(nodeId);
    if (sharing !== undefined) {
      sharing.push(index);
      continue;
    }
    const signals = [index];
    group.byId.set(nodeId, signals);
    group.nodes.push({ nodeId, signals });
  }
  return [...groups.values()];
}

/** @returns nodes whose deadband the server refuses */
async function monitorGroup(
  config: OpcuaSourceConfig,
  subscription: ClientSubscription,
  group: Group,
  limits: OperationLimits,
  { nodes, reasons }: Monitored,
  progress: () => void,
): Promise<MonitoredNode[]> {
  const { deadband } = group;
  const withoutFilter: MonitoredNode[] = [];
  const filter = new DataChangeFilter({
    trigger: TRIGGERS[config.trigger],
    deadbandType:
      deadband === undefined
        ? DeadbandType.None
        : deadband.absolute === undefined
          ? DeadbandType.Percent
          : DeadbandType.Absolute,
    deadbandValue: deadband?.absolute ?? deadband?.percent ?? 0,
  });
  const create = async (portion: readonly MonitoredNode[]) => {
    const items = await subscription.monitorItems(
      portion.map(({ nodeId }) => ({ nodeId, attributeId: AttributeIds.Value })),
      {
        samplingInterval: group.samplingInterval,
        discardOldest: true,
        queueSize: config.queueSize,
        filter,
      },
      TimestampsToReturn.Both,
    );
    progress();
    items.monitoredItems.forEach((item: ClientMonitoredItemBase, n) => {
      const node = portion[n];
      if (node === undefined) return;
      if (item.statusCode.isGood()) {
        nodes.set(item.monitoringParameters.clientHandle, node);
      } else if (deadband !== undefined && /Filter/.test(item.statusCode.name)) {
        withoutFilter.push(node);
      } else {
        for (const index of node.signals) reasons.set(index, item.statusCode.name);
      }
    });
  };
  await inPortions(group.nodes, limits.monitoredItems, create, ({ signals }, status) => {
    for (const index of signals) reasons.set(index, status);
  });
  return withoutFilter;
}

/** The values in a notification, with the handles of their monitored items. */
export function* valuesOf(message: NotificationMessage): Generator<[number, DataValue]> {
  for (const data of message.notificationData ?? []) {
    if (!(data instanceof DataChangeNotification)) continue;
    for (const item of data.monitoredItems ?? []) yield [item.clientHandle, item.value];
  }
}
