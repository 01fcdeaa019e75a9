import {
  AttributeIds,
  type ClientSession,
  type DataValue,
  HistoryData,
  HistoryReadRequest,
  ReadRawModifiedDetails,
  TimestampsToReturn,
} from 'node-opcua-client';
import { inPortions, isTooMuch, type OperationLimits, statusOf } from './opcua-limits.js';
import { timeOf } from './opcua-value.js';

/** A node whose values are missing after a time. */
export interface GapNode {
  nodeId: string;
  /** Values later than this are wanted, nanoseconds since 1970. */
  afterNs: bigint;
}

/** What is asked for at a time, at most: an answer stays small whatever the server would allow. */
const MOST_NODES = 100;
const MOST_VALUES = 500;
/** An answer begins with the value that was the last: with fewer there would be no new one in it. */
const LEAST_VALUES = 2;
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
  const ask = async (portion: readonly T[]) => {
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
  };
  // Two attributes of each; one whose answer is too much has no history that could be read.
  await inPortions(nodes, Math.max(1, Math.floor(limits.read / 2)), ask, () => {});
  return found;
}

/**
 * How much of a history is asked for at a time. It outlives connections: one that broke while it waited for an answer
 * may have been broken by the length of it.
 */
export class HistoryPage {
  nodes = MOST_NODES;
  /** Of one node in one answer; the server may go on in further ones. */
  values = MOST_VALUES;
  #waits = false;

  /** Asks; what got no answer the last time is made smaller before. */
  async ask<T>(request: (page: HistoryPage) => Promise<T>): Promise<T> {
    if (this.#waits) {
      this.nodes = Math.ceil(this.nodes / 10);
      this.values = Math.max(LEAST_VALUES, Math.ceil(this.values / 10));
    }
    this.#waits = true;
    try {
      const answer = await request(this);
      this.#waits = false;
      return answer;
    } catch (error) {
      if (isTooMuch(error)) this.#waits = false;
      throw error;
    }
  }

  /** All has been read: the next time begins with full pages. */
  done(): void {
    this.nodes = MOST_NODES;
    this.values = MOST_VALUES;
    this.#waits = false;
  }
}

/** Where the answers about one node have come to. */
interface Open<T> {
  node: T;
  point: Buffer | undefined;
  lastNs: bigint;
  empty: number;
}

/** What a reading of histories needs beside the nodes. */
interface HistoryRun<T> {
  session: Pick<ClientSession, 'historyRead'>;
  /** End of what is asked for. */
  to: Date;
  /** Is handed values of one node; the next are asked for when it is done with them. */
  take: (node: T, values: readonly DataValue[]) => Promise<void>;
  page: HistoryPage;
  signal: AbortSignal;
}

/**
 * Reads the raw history of nodes, page by page, each value once and in the order of their times. What the server finds
 * too much is asked for in smaller parts: fewer nodes, then fewer values.
 *
 * @returns why nodes were not read to the end, by node, in a word
 * @throws where the connection is lost, or a server refuses the service as such
 */
export async function readHistory<T extends GapNode>(
  nodes: readonly T[],
  limits: Pick<OperationLimits, 'historyRead'>,
  run: HistoryRun<T>,
): Promise<Map<T, string>> {
  const failed = new Map<T, string>();
  const crowded: Open<T>[] = [];
  // Those of one request share its start.
  const sorted = [...nodes]
    .sort((a, b) => (a.afterNs < b.afterNs ? -1 : 1))
    .map((node): Open<T> => ({ node, point: undefined, lastNs: node.afterNs, empty: 0 }));
  const read = async (portion: readonly Open<T>[]) => {
    // A portion may be here again, after a part of it was read: each goes on from its last value.
    let open = portion;
    for (const asked of portion) Object.assign(asked, { point: undefined, empty: 0 });
    // Some servers end after so many values as were asked for, and do not say that there are more.
    while (open.length > 0) {
      const reasons = new Map<Open<T>, string>();
      open = await readOpen(run, open, reasons);
      for (const [asked, reason] of reasons) {
        // A server can keep few places at a time: what it had none for is asked for again, alone.
        if (reason === 'BadNoContinuationPoints' && portion.length > 1) crowded.push(asked);
        else failed.set(asked.node, reason);
      }
    }
  };
  /** One node: its values are halved until the server takes it. */
  const readAlone = async (asked: Open<T>) => {
    const { page } = run;
    const { values } = page;
    for (;;) {
      try {
        await read([asked]);
        break;
      } catch (error) {
        if (!isTooMuch(error)) throw error;
        if (page.values <= LEAST_VALUES) {
          failed.set(asked.node, statusOf(error, 'too-much'));
          break;
        }
        page.values = Math.max(LEAST_VALUES, Math.ceil(page.values / 2));
      }
    }
    page.values = values;
  };
  const alone: Open<T>[] = [];
  const size = Math.min(run.page.nodes, limits.historyRead);
  await inPortions(sorted, size, read, (asked) => alone.push(asked));
  for (const asked of [...crowded, ...alone]) await readAlone(asked);
  run.page.done();
  return failed;
}

/** @returns those that may have more after the last value that came */
async function readOpen<T extends GapNode>(
  { session, to, take, page, signal }: HistoryRun<T>,
  nodes: readonly Open<T>[],
  failed: Map<Open<T>, string>,
): Promise<Open<T>[]> {
  const startMs = Math.min(...nodes.map(({ lastNs }) => Number(lastNs / 1_000_000n)));
  const more: Open<T>[] = [];
  for (let open = nodes; open.length > 0; ) {
    signal.throwIfAborted();
    const asking = open;
    const [response, wanted] = await page.ask(async ({ values }) => {
      const answer = await session.historyRead(
        new HistoryReadRequest({
          historyReadDetails: new ReadRawModifiedDetails({
            isReadModified: false,
            startTime: new Date(startMs),
            endTime: to,
            numValuesPerNode: values,
            returnBounds: false,
          }),
          timestampsToReturn: TimestampsToReturn.Both,
          releaseContinuationPoints: false,
          nodesToRead: asking.map(({ node, point }) => ({
            nodeId: node.nodeId,
            ...(point === undefined ? {} : { continuationPoint: point }),
          })),
        }),
      );
      return [answer, values] as const;
    });
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
        if (held.length < wanted) continue;
        if (values.length > 0) more.push(asked);
        else failed.set(asked, 'history-stands-still');
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
