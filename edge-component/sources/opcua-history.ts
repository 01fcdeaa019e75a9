import {
  AttributeIds,
  type ClientSession,
  type DataValue,
  HistoryData,
  HistoryReadRequest,
  ReadRawModifiedDetails,
  TimestampsToReturn,
} from 'node-opcua-client';
import { inPortions, type OperationLimits } from './opcua-limits.js';
import { timeOf } from './opcua-value.js';

/** A node whose values are missing after a time. */
export interface GapNode {
  nodeId: string;
  /** Values later than this are wanted, nanoseconds since 1970. */
  afterNs: bigint;
}

/** Values of one node in one answer; the server may go on in further ones. */
const VALUES_PER_NODE = 500;
/** Nodes in one request, so that an answer stays small whatever the server would allow. */
const MOST_NODES = 100;
/** Answers without a value that still say that more will come. */
const MAX_EMPTY_PAGES = 3;
/** Bit of the access level: the history can be read (OPC UA Part 3, 8.57). */
const HISTORY_READ = 4;

/** Which of the nodes have a history, by what the server says of each. */
export async function historizedNodes<T extends { nodeId: string }>(
  session: ClientSession,
  nodes: readonly T[],
  limits: OperationLimits,
): Promise<Set<T>> {
  const found = new Set<T>();
  // Two attributes of each.
  await inPortions(nodes, Math.max(1, Math.floor(limits.read / 2)), async (portion) => {
    const read = await session.read(
      portion.flatMap(({ nodeId }) => [
        { nodeId, attributeId: AttributeIds.Historizing },
        { nodeId, attributeId: AttributeIds.UserAccessLevel },
      ]),
    );
    for (const [i, node] of portion.entries()) {
      const access: unknown = read[2 * i + 1]?.value.value;
      const mayRead = typeof access === 'number' && (access & HISTORY_READ) !== 0;
      if (read[2 * i]?.value.value === true && mayRead) found.add(node);
    }
  });
  return found;
}

/** Where the answers about one node have come to. */
interface Open<T> {
  node: T;
  point: Buffer | undefined;
  lastNs: bigint;
  empty: number;
}

/**
 * Reads the raw history of nodes, page by page, each value once and in the order of their times.
 *
 * @param to end of what is asked for
 * @param take is handed values of one node; the next are asked for when it is done with them
 * @returns why nodes were not read to the end, by node, in a word
 * @throws where the connection is lost, or a server refuses the service as such
 */
export async function readHistory<T extends GapNode>(
  session: Pick<ClientSession, 'historyRead'>,
  nodes: readonly T[],
  to: Date,
  limits: Pick<OperationLimits, 'historyRead'>,
  take: (node: T, values: readonly DataValue[]) => Promise<void>,
  signal: AbortSignal,
): Promise<Map<T, string>> {
  const failed = new Map<T, string>();
  const crowded: T[] = [];
  // Those of one request share its start.
  const sorted = [...nodes].sort((a, b) => (a.afterNs < b.afterNs ? -1 : 1));
  const read = async (portion: readonly T[]) => {
    let open = portion.map(
      (node): Open<T> => ({ node, point: undefined, lastNs: node.afterNs, empty: 0 }),
    );
    // Some servers end after so many values as were asked for, and do not say that there are more.
    while (open.length > 0) {
      const reasons = new Map<Open<T>, string>();
      open = await readOpen(session, open, to, take, reasons, signal);
      for (const [{ node }, reason] of reasons) {
        // A server can keep few places at a time: what it had none for is asked for again, alone.
        if (reason === 'BadNoContinuationPoints' && portion.length > 1) crowded.push(node);
        else failed.set(node, reason);
      }
    }
  };
  await inPortions(sorted, Math.min(MOST_NODES, limits.historyRead), read);
  for (const node of crowded) await read([node]);
  return failed;
}

/** @returns those that may have more after the last value that came */
async function readOpen<T extends GapNode>(
  session: Pick<ClientSession, 'historyRead'>,
  nodes: readonly Open<T>[],
  to: Date,
  take: (node: T, values: readonly DataValue[]) => Promise<void>,
  failed: Map<Open<T>, string>,
  signal: AbortSignal,
): Promise<Open<T>[]> {
  const startMs = Math.min(...nodes.map(({ lastNs }) => Number(lastNs / 1_000_000n)));
  const historyReadDetails = new ReadRawModifiedDetails({
    isReadModified: false,
    startTime: new Date(startMs),
    endTime: to,
    numValuesPerNode: VALUES_PER_NODE,
    returnBounds: false,
  });
  const more: Open<T>[] = [];
  for (let open = nodes; open.length > 0; ) {
    signal.throwIfAborted();
    const response = await session.historyRead(
      new HistoryReadRequest({
        historyReadDetails,
        timestampsToReturn: TimestampsToReturn.Both,
        releaseContinuationPoints: false,
        nodesToRead: open.map(({ node, point }) => ({
          nodeId: node.nodeId,
          ...(point === undefined ? {} : { continuationPoint: point }),
        })),
      }),
    );
    const { serviceResult } = response.responseHeader;
    if (!serviceResult.isGood()) throw new Error(serviceResult.name);
    const next: Open<T>[] = [];
    for (const [i, asked] of open.entries()) {
      const result = response.results?.[i];
      const status = result?.statusCode;
      if (result === undefined || status === undefined || status.value >>> 30 === 2) {
        failed.set(asked, status?.name ?? 'no-answer');
        continue;
      }
      const held =
        result.historyData instanceof HistoryData ? (result.historyData.dataValues ?? []) : [];
      const values = newerOf(held, asked);
      if (values.length > 0) await take(asked.node, values);
      const point = result.continuationPoint;
      asked.point = point === null || point === undefined || point.length === 0 ? undefined : point;
      asked.empty = values.length === 0 ? asked.empty + 1 : 0;
      if (asked.point === undefined) {
        if (held.length >= VALUES_PER_NODE && values.length > 0) more.push(asked);
      } else if (asked.empty < MAX_EMPTY_PAGES) next.push(asked);
      else failed.set(asked, 'empty-pages-without-end');
    }
    open = next;
  }
  return more;
}

/** The values that are later than what came before, in the order of their times. */
function newerOf(values: readonly DataValue[], asked: Open<unknown>): DataValue[] {
  const timed = values.flatMap((value) => {
    const timeNs = timeOf(value);
    return timeNs === undefined ? [] : [{ value, timeNs }];
  });
  timed.sort((a, b) => (a.timeNs < b.timeNs ? -1 : a.timeNs > b.timeNs ? 1 : 0));
  const newer: DataValue[] = [];
  for (const { value, timeNs } of timed) {
    if (timeNs <= asked.lastNs) continue;
    asked.lastNs = timeNs;
    newer.push(value);
  }
  return newer;
}
