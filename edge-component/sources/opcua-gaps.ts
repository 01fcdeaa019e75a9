import {
  AttributeIds,
  type ClientSession,
  type ClientSubscription,
  type DataValue,
} from 'node-opcua-client';
import type { OpcuaSourceConfig } from '../../shared/config/index.js';
import { type Logger, secondsToNs, systemClock } from '../../shared/core/index.js';
import type { RawSample } from '../pipeline/signal-pipeline.js';
import type { OpcuaFeed } from './opcua-feed.js';
import type { HandedOver, Mark } from './opcua-handed-over.js';
import { type GapNode, historizedNodes, readHistory } from './opcua-history.js';
import { inPortions, type OperationLimits, statusOf } from './opcua-limits.js';
import { nodeName } from './opcua-nodes.js';
import type { MonitoredNode } from './opcua-subscription.js';
import { timeOf, toRawSample } from './opcua-value.js';
import type { SourceSink } from './source.js';

const SERVER_TIME = 'i=2258';
/** A look at the history that took no longer leaves nothing that the server's queues do not hold. */
const SHORT_ROUND_NS = secondsToNs(2);
/** So far the time that a server tells may lie behind its clock, ms: some move it once a second. */
const SERVER_TIME_STEP_MS = 2000;
/** Looks at the history after one gap: a server whose clock runs away comes to an end as well. */
const MAX_ROUNDS = 20;
/** A value that was sampled before it was read has come by the subscription after so long, but for its intervals. */
const ON_ITS_WAY_MS = 1000;
const LONGEST_WAIT_MS = 10_000;
/** Why values may be missing though the session goes on. */
const SEQUENCE_GAP = 'sequence-gap';

/** A node with a gap, and what it is of. */
interface Gap extends GapNode {
  node: MonitoredNode;
}

/** Whom gaps are filled for, and by whom. */
export interface GapParts {
  config: OpcuaSourceConfig;
  session: ClientSession;
  subscription: ClientSubscription;
  limits: OperationLimits;
  feed: OpcuaFeed;
  handed: HandedOver;
  sink: SourceSink;
  logger: Logger;
  signal: AbortSignal;
}

/**
 * Fills the gaps of a subscription: after a lost session, or after messages that never came, it hands over what the
 * server's history has of the time between, and finds out what holds of what has none.
 */
export class OpcuaGaps {
  readonly #at: GapParts;
  readonly #config: OpcuaSourceConfig;
  readonly #feed: OpcuaFeed;
  readonly #handed: HandedOver;
  readonly #sink: SourceSink;
  readonly #logger: Logger;
  readonly #signal: AbortSignal;
  /** Where the last session, or the connection, had come to. */
  #mark: Mark;
  /** The server's time before nodes were monitored. */
  #monitoredNs = 0n;

  constructor(parts: GapParts) {
    this.#at = parts;
    this.#config = parts.config;
    this.#feed = parts.feed;
    this.#handed = parts.handed;
    this.#sink = parts.sink;
    this.#logger = parts.logger;
    this.#signal = parts.signal;
    this.#mark = parts.handed.mark();
  }

  /** What comes from now on is kept until it is released, for some may be missing before it. */
  begin(): void {
    this.#feed.hold();
    this.#mark = this.#handed.mark();
    this.#monitoredNs = this.#mark.untilNs ?? 0n;
  }

  /** To be called before nodes are monitored: what comes by the subscription is later than this. */
  async aboutToMonitor(): Promise<void> {
    this.#monitoredNs = await serverNowNs(this.#at.session);
  }

  /**
   * Hands over what the server's history has since the gap began, until it has caught up, and that values which
   * have not changed since hold again.
   *
   * @param nodes those that are monitored again
   * @throws where the connection is lost
   */
  async fill(nodes: readonly MonitoredNode[]): Promise<void> {
    for (const { signals } of nodes) for (const index of signals) this.#feed.unheard.add(index);
    const before = this.#mark.lastNs;
    const known = nodes.filter(({ signals }) => signals.some((i) => before[i] !== undefined));
    await this.#fromHistory(nodes.filter(this.#isKnown));
    // While it was down its values were BAD: those that have not changed since would stay so until they do.
    await this.#restate(known);
  }

  /**
   * Goes on after messages that the server sent and no longer has: what they held is taken from the history where
   * there is one. Other signals are BAD until the subscription, or a look at the server, says what holds.
   *
   * @param missing how many there were; undefined: nobody knows
   * @throws where the connection is lost
   */
  async goOnWithout(missing: number | undefined): Promise<void> {
    this.begin();
    this.#feed.missed(missing ?? 1);
    const nodes = [...this.#feed.nodes.values()];
    for (const { signals } of nodes) for (const index of signals) this.#feed.unheard.add(index);
    const known = nodes.filter(this.#isKnown);
    const filled = await this.#fromHistory(known, SEQUENCE_GAP);
    const open = nodes.filter((node) => !filled.has(node));
    await this.#doubt(open);
    this.#feed.release();
    await this.#resync(open);
  }

  readonly #isKnown = ({ signals: [index = 0] }: MonitoredNode): boolean =>
    this.#mark.untilNs !== undefined || this.#mark.lastNs[index] !== undefined;

  /** @returns the nodes whose gap was filled */
  async #fromHistory(
    nodes: readonly MonitoredNode[],
    reason?: string,
  ): Promise<Set<MonitoredNode>> {
    if (this.#config.history.fill === 'never') {
      if (reason !== undefined) this.#sink.notFilled(signalsOf(nodes), reason);
      return new Set();
    }
    const left = await this.#withHistory(nodes, reason);
    if (left.length === 0) return new Set();
    // Meanwhile the server keeps what is new, as far as its queues go; what they lose is in its history.
    const { subscription } = this.#at;
    await subscription.setPublishingMode(false);
    const filled = await this.#catchUp(left);
    await subscription.setPublishingMode(true);
    return filled;
  }

  /** Values from the gap on are not known. */
  async #doubt(nodes: readonly MonitoredNode[]): Promise<void> {
    const { untilNs } = this.#mark;
    const samples = nodes.flatMap(({ signals }) =>
      signals.map((signal): RawSample => {
        const afterNs = (this.#handed.lastNs[signal] ?? -1n) + 1n;
        const timeNs = untilNs === undefined || afterNs > untilNs ? afterNs : untilNs;
        return {
          ...{ signal, value: null, quality: 'BAD', reason: SEQUENCE_GAP, mayBeLate: true },
          timeNs: timeNs === 0n ? undefined : timeNs,
        };
      }),
    );
    if (samples.length > 0) await this.#sink.deliver(samples);
  }

  /**
   * Looks at the server until what holds now is known of each node: the subscription said it since, it has not changed,
   * or it changed and the subscription does not say so, for that was in what was lost.
   */
  async #resync(nodes: readonly MonitoredNode[]): Promise<void> {
    const { publishingIntervalMs, samplingIntervalMs } = this.#config;
    const intervalsMs = 2 * publishingIntervalMs + Math.max(0, samplingIntervalMs);
    const waitMs = Math.min(LONGEST_WAIT_MS, ON_ITS_WAY_MS + intervalsMs);
    const isOpen = ({ signals }: MonitoredNode) => signals.some((i) => this.#feed.unheard.has(i));
    let open = nodes.filter(isOpen);
    let before: ReadonlyMap<MonitoredNode, DataValue> = new Map();
    for (let round = 0; open.length > 0 && round < MAX_ROUNDS; round++) {
      await this.#sink.ready(this.#signal);
      const changed = await this.#restate(open);
      const found: MonitoredNode[] = [];
      const samples: RawSample[] = [];
      for (const [node, value] of changed) {
        const earlier = before.get(node);
        const timeNs = timeOf(value);
        if (timeNs !== undefined && (earlier === undefined || timeOf(earlier) !== timeNs)) continue;
        found.push(node);
        for (const index of node.signals) {
          const signal = this.#config.signals[index];
          if (signal === undefined) continue;
          samples.push({ ...toRawSample(index, value, signal), mayBeLate: true });
          if (timeNs === undefined) continue;
          this.#handed.lastNs[index] = timeNs;
          // It may come after all.
          this.#feed.filled.set(index, new Set([timeNs]));
        }
      }
      if (samples.length > 0) await this.#sink.deliver(samples);
      // Those of clocks behind the server's would be BAD for whoever goes by times.
      await this.#restate(found);
      before = changed;
      const done = new Set(found);
      open = [...changed.keys()].filter((node) => !done.has(node) && isOpen(node));
      if (open.length > 0) await systemClock.sleep(waitMs, this.#signal);
    }
  }

  /**
   * Reads nodes. Those that have not changed hold from now on by the server's time; by ours where that is behind, as
   * it was ours by which they were BAD.
   *
   * @returns the values of those that have changed, or have no time
   */
  async #restate(nodes: readonly MonitoredNode[]): Promise<Map<MonitoredNode, DataValue>> {
    const { session, limits } = this.#at;
    const changed = new Map<MonitoredNode, DataValue>();
    const { lastNs } = this.#handed;
    const read = async (portion: readonly MonitoredNode[]) => {
      const ownNs = BigInt(Date.now()) * 1_000_000n;
      const serverNs = await serverNowNs(session);
      const nowNs = serverNs > ownNs ? serverNs : ownNs;
      const values = await session.read(
        portion.map(({ nodeId }) => ({ nodeId, attributeId: AttributeIds.Value })),
      );
      const samples: RawSample[] = [];
      for (const [i, node] of portion.entries()) {
        const value = values[i];
        for (const index of value === undefined ? [] : node.signals) {
          const signal = this.#config.signals[index];
          if (value === undefined || signal === undefined) continue;
          const timeNs = timeOf(value);
          if (timeNs === undefined || timeNs !== lastNs[index]) {
            changed.set(node, value);
            continue;
          }
          if (nowNs > timeNs) samples.push({ ...toRawSample(index, value, signal), timeNs: nowNs });
        }
      }
      if (samples.length > 0) await this.#sink.deliver(samples);
    };
    await inPortions(nodes, limits.read, read, (node, status) => this.#notFilled([node], status));
    return changed;
  }

  async #catchUp(nodes: readonly MonitoredNode[]): Promise<Set<MonitoredNode>> {
    const { session, limits } = this.#at;
    let left = nodes;
    let mark = this.#mark;
    let fromHistory = 0;
    let toNs = await serverNowNs(session);
    const take = async ({ node }: Gap, values: readonly DataValue[]) => {
      fromHistory += values.length;
      await this.#handOverHistory(node, values);
    };
    for (let round = 0; left.length > 0 && round < MAX_ROUNDS; round++) {
      const gaps = left.map((node) => this.#gapOf(node, mark, toNs));
      const to = new Date(Number(toNs / 1_000_000n) + SERVER_TIME_STEP_MS);
      try {
        const { page } = this.#handed;
        const run = { session, to, take, page, signal: this.#signal };
        const failed = await readHistory(gaps, limits, run);
        const nodesOf = (reason: string) =>
          [...failed].flatMap(([{ node }, why]) => (why === reason ? [node] : []));
        for (const reason of new Set(failed.values())) this.#notFilled(nodesOf(reason), reason);
        left = gaps.flatMap((gap) => (failed.has(gap) ? [] : [gap.node]));
      } catch (error) {
        // Throws too where the connection is lost.
        await serverNowNs(session);
        this.#notFilled(left, statusOf(error, 'history-failed'));
        left = [];
        break;
      }
      const nowNs = await serverNowNs(session);
      if (nowNs - toNs < SHORT_ROUND_NS) break;
      mark = this.#handed.mark();
      toNs = nowNs;
    }
    if (fromHistory > 0) {
      this.#logger.info("A gap was filled from the server's history", {
        source: this.#config.name,
        values: fromHistory,
      });
    }
    return new Set(left);
  }

  /** Those that the server keeps a history of. */
  async #withHistory(
    nodes: readonly MonitoredNode[],
    reason = 'not-historized',
  ): Promise<MonitoredNode[]> {
    if (nodes.length === 0 || this.#config.history.fill === 'always') return [...nodes];
    const historized = await historizedNodes(this.#at.session, nodes, this.#at.limits);
    const without = nodes.filter((node) => !historized.has(node));
    if (without.length > 0) this.#sink.notFilled(signalsOf(without), reason);
    return [...historized];
  }

  #gapOf(node: MonitoredNode, mark: Mark, nowNs: bigint): Gap {
    const { overlapS, maxAgeS } = this.#config.history;
    const lastNs = mark.lastNs[node.signals[0] ?? 0];
    // Exactly where it ended, or about there: signals of another clock may be behind the newest of all.
    const wantedNs = lastNs ?? (mark.untilNs ?? 0n) - secondsToNs(overlapS);
    const oldestNs = nowNs - secondsToNs(maxAgeS);
    if (wantedNs < oldestNs) this.#sink.notFilled(node.signals.length, 'older-than-maxAgeS');
    return { node, nodeId: node.nodeId, afterNs: wantedNs < oldestNs ? oldestNs : wantedNs };
  }

  async #handOverHistory(node: MonitoredNode, values: readonly DataValue[]): Promise<void> {
    const samples: RawSample[] = [];
    for (const index of node.signals) {
      const signal = this.#config.signals[index];
      if (signal === undefined) continue;
      let times = this.#feed.filled.get(index);
      for (const value of values) {
        samples.push({ ...toRawSample(index, value, signal), mayBeLate: true, fromHistory: true });
        const timeNs = timeOf(value) ?? 0n;
        // Of what was before it was monitored, the subscription says the last value again.
        if (times === undefined || timeNs <= this.#monitoredNs) times = new Set();
        times.add(timeNs);
        this.#handed.lastNs[index] = timeNs;
      }
      if (times !== undefined) this.#feed.filled.set(index, times);
    }
    await this.#sink.ready(this.#signal);
    await this.#sink.deliver(samples);
  }

  #notFilled(nodes: readonly MonitoredNode[], reason: string): void {
    this.#sink.notFilled(signalsOf(nodes), reason);
    const { name } = this.#config;
    this.#logger.warn("A gap could not be filled from the server's history", {
      source: name,
      reason,
      nodes: nodes.slice(0, 10).map((n) => nodeName(this.#config, n.signals[0] ?? 0)),
      count: nodes.length,
    });
  }
}

function signalsOf(nodes: readonly MonitoredNode[]): number {
  return nodes.reduce((n, { signals }) => n + signals.length, 0);
}

async function serverNowNs(session: ClientSession): Promise<bigint> {
  const value = await session.read({ nodeId: SERVER_TIME, attributeId: AttributeIds.Value });
  const time: unknown = value.value.value;
  return BigInt(time instanceof Date ? time.getTime() : Date.now()) * 1_000_000n;
}
