import {
  AttributeIds,
  type ClientSession,
  type ClientSubscription,
  type DataValue,
  type NotificationMessage,
} from 'node-opcua-client';
import type { OpcuaSourceConfig } from '../../shared/config/index.js';
import { type Logger, messageOf, secondsToNs } from '../../shared/core/index.js';
import type { RawSample } from '../pipeline/signal-pipeline.js';
import { type GapNode, historizedNodes, readHistory } from './opcua-history.js';
import { inPortions, type OperationLimits } from './opcua-limits.js';
import { nodeName } from './opcua-nodes.js';
import { type MonitoredNode, valuesOf } from './opcua-subscription.js';
import { hasOverflow, timeOf, toRawSample } from './opcua-value.js';
import type { SourceSink } from './source.js';

const SERVER_TIME = 'i=2258';
/** A look at the history that took no longer leaves nothing that the server's queues do not hold. */
const SHORT_ROUND_NS = secondsToNs(2);
/** So far the time that a server tells may lie behind its clock, ms: some move it once a second. */
const SERVER_TIME_STEP_MS = 2000;
/** Looks at the history after one gap: a server whose clock runs away comes to an end as well. */
const MAX_ROUNDS = 20;

/** How far a source has handed over what its server said. */
interface Mark {
  /** Time of the newest value of all, nanoseconds since 1970, but not ahead of the server's time. */
  untilNs: bigint | undefined;
  /** Time of the last value, by the signal's index. */
  lastNs: readonly (bigint | undefined)[];
}

/**
 * What was handed over of a source's values. It outlives connections; its position, which is kept with the
 * values, outlives the process.
 */
export class HandedOver {
  untilNs: bigint | undefined;
  readonly lastNs: (bigint | undefined)[] = [];

  /** Takes up the position of an earlier run. */
  resume(position: string | undefined): void {
    if (this.untilNs !== undefined || position === undefined) return;
    const digits = /^\{"untilNs":"(\d{1,19})"\}$/.exec(position)?.[1];
    if (digits !== undefined) this.untilNs = BigInt(digits);
  }

  /** Notes what is being handed over, with the server's time of it. */
  advance(samples: readonly RawSample[], publishTime: Date | null): void {
    let newestNs = this.untilNs ?? 0n;
    for (const { timeNs = 0n } of samples) if (timeNs > newestNs) newestNs = timeNs;
    // Where the server's clock was set back, the position goes back as well.
    const serverNs = BigInt(publishTime?.getTime() ?? 0) * 1_000_000n;
    if (serverNs > 0n && newestNs > serverNs) newestNs = serverNs;
    if (newestNs > 0n) this.untilNs = newestNs;
  }

  get position(): string | undefined {
    return this.untilNs === undefined ? undefined : `{"untilNs":"${this.untilNs}"}`;
  }

  mark(): Mark {
    return { untilNs: this.untilNs, lastNs: [...this.lastNs] };
  }
}

/** A node with a gap, and what it is of. */
interface Gap extends GapNode {
  node: MonitoredNode;
}

/**
 * Hands over what a subscription says, in its order. After a lost session it first hands over what the
 * server's history has of the time between, and holds back meanwhile what comes.
 */
export class OpcuaFeed {
  /** By the client handles of their monitored items. */
  readonly nodes = new Map<number, MonitoredNode>();
  readonly #config: OpcuaSourceConfig;
  readonly #sink: SourceSink;
  readonly #logger: Logger;
  readonly #handed: HandedOver;
  readonly #signal: AbortSignal;
  readonly #overflowed = new Set<string>();
  /** What came while it was held back; undefined: it is not. */
  #held: NotificationMessage[] | undefined = [];
  /** Where the last session, or the connection, had come to. */
  #mark: Mark;
  /** The server's time before nodes were monitored. */
  #monitoredNs = 0n;
  /** Times that came from the history and may come again by the subscription, by signal. */
  readonly #filled = new Map<number, Set<bigint>>();
  /** Signals of which the subscription has not said a value since the gap. */
  readonly #resumed = new Set<number>();

  constructor(
    config: OpcuaSourceConfig,
    sink: SourceSink,
    logger: Logger,
    handed: HandedOver,
    signal: AbortSignal,
  ) {
    this.#config = config;
    this.#sink = sink;
    this.#logger = logger;
    this.#handed = handed;
    this.#signal = signal;
    this.#mark = handed.mark();
  }

  /** The connection is lost: what comes from now on is kept until {@link release}, for some may be missing before it. */
  lost(): void {
    this.hold();
    this.#mark = this.#handed.mark();
    this.#monitoredNs = this.#mark.untilNs ?? 0n;
  }

  /** Keeps what comes until {@link release}. */
  hold(): void {
    this.#held ??= [];
  }

  /** To be called before nodes are monitored: what comes by the subscription is later than this. */
  async aboutToMonitor(session: ClientSession): Promise<void> {
    this.#monitoredNs = await serverNowNs(session);
  }

  /** Goes on with what was held back, and with what comes. */
  release(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const message of held) this.#handOver(message);
  }

  /** Takes a message of the subscription. */
  take(message: NotificationMessage): void {
    if (this.#held !== undefined) this.#held.push(message);
    else this.#handOver(message);
  }

  #handOver(message: NotificationMessage): void {
    const samples: RawSample[] = [];
    for (const [handle, value] of valuesOf(message)) {
      const node = this.nodes.get(handle);
      if (node === undefined) continue;
      // While a gap was filled its queue may have run over: the history has what it lost.
      const wasFilled = this.#filled.has(node.signals[0] ?? 0);
      if (hasOverflow(value) && !wasFilled) this.#tellOverflow(node);
      for (const index of node.signals) {
        const signal = this.#config.signals[index];
        if (signal !== undefined) samples.push(this.#live(index, value, signal));
      }
    }
    if (samples.length === 0) return;
    this.#handed.advance(samples, message.publishTime);
    const position = this.#config.history.fill === 'never' ? undefined : this.#handed.position;
    this.#sink.deliver(samples, position).catch((error: unknown) => {
      if (this.#signal.aborted) return;
      this.#logger.warn('Readings were lost', {
        source: this.#config.name,
        error: messageOf(error),
      });
    });
  }

  #live(index: number, value: DataValue, signal: OpcuaSourceConfig['signals'][number]): RawSample {
    const sample = toRawSample(index, value, signal);
    const { timeNs } = sample;
    if (timeNs === undefined) return sample;
    const isFirst = this.#resumed.delete(index);
    if (this.#filled.get(index)?.delete(timeNs) === true)
      return { ...sample, refused: 'said-before' };
    // Values come in order: none of those that the history had will come any more.
    this.#filled.delete(index);
    // What a subscription says first is what was there before.
    if (isFirst && timeNs === this.#handed.lastNs[index])
      return { ...sample, refused: 'said-before' };
    this.#handed.lastNs[index] = timeNs;
    return sample;
  }

  #tellOverflow({ nodeId, signals: [index = 0] }: MonitoredNode): void {
    if (this.#overflowed.has(nodeId)) return;
    this.#overflowed.add(nodeId);
    const { name, queueSize } = this.#config;
    this.#logger.warn(
      'The server lost values of a node: raise queueSize, or lower publishingIntervalMs',
      { source: name, node: nodeName(this.#config, index), queueSize },
    );
  }

  /**
   * Hands over what the server's history has since the gap began, until it has caught up, and that values which
   * have not changed since hold again.
   *
   * @param nodes those that are monitored again
   * @throws where the connection is lost
   */
  async fillGap(
    session: ClientSession,
    subscription: ClientSubscription,
    nodes: readonly MonitoredNode[],
    limits: OperationLimits,
  ): Promise<void> {
    for (const { signals } of nodes) for (const index of signals) this.#resumed.add(index);
    const mark = this.#mark;
    const isKnown = ({ signals: [index = 0] }: MonitoredNode) =>
      mark.untilNs !== undefined || mark.lastNs[index] !== undefined;
    const left =
      this.#config.history.fill === 'never'
        ? []
        : await this.#withHistory(session, nodes.filter(isKnown), limits);
    if (left.length > 0) {
      // Meanwhile the server keeps what is new, as far as its queues go; what they lose is in its history.
      await subscription.setPublishingMode(false);
      await this.#catchUp(session, left, limits);
      await subscription.setPublishingMode(true);
    }
    await this.#confirm(session, nodes, limits);
  }

  /**
   * While it was down its values were BAD. Those that have not changed since would stay so until they do: they
   * are read, and hold from before that by the server's time; by ours where that is behind, as it was ours by
   * which they were BAD.
   */
  async #confirm(
    session: ClientSession,
    nodes: readonly MonitoredNode[],
    limits: OperationLimits,
  ): Promise<void> {
    const { lastNs } = this.#handed;
    const before = this.#mark.lastNs;
    const known = nodes.filter(({ signals }) => signals.some((i) => before[i] !== undefined));
    await inPortions(known, limits.read, async (portion) => {
      const ownNs = BigInt(Date.now()) * 1_000_000n;
      const serverNs = await serverNowNs(session);
      const nowNs = serverNs > ownNs ? serverNs : ownNs;
      const values = await session.read(
        portion.map(({ nodeId }) => ({ nodeId, attributeId: AttributeIds.Value })),
      );
      const samples: RawSample[] = [];
      for (const [i, { signals }] of portion.entries()) {
        const value = values[i];
        for (const index of value === undefined ? [] : signals) {
          const signal = this.#config.signals[index];
          if (value === undefined || signal === undefined) continue;
          const timeNs = timeOf(value);
          // Another time means that it changed: then the subscription says so.
          if (timeNs === undefined || timeNs !== lastNs[index] || nowNs <= timeNs) continue;
          samples.push({ ...toRawSample(index, value, signal), timeNs: nowNs });
        }
      }
      if (samples.length > 0) await this.#sink.deliver(samples);
    });
  }

  async #catchUp(
    session: ClientSession,
    nodes: readonly MonitoredNode[],
    limits: OperationLimits,
  ): Promise<void> {
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
        const failed = await readHistory(session, gaps, to, limits, take, this.#signal);
        const nodesOf = (reason: string) =>
          [...failed].flatMap(([{ node }, why]) => (why === reason ? [node] : []));
        for (const reason of new Set(failed.values())) this.#notFilled(nodesOf(reason), reason);
        left = gaps.flatMap((gap) => (failed.has(gap) ? [] : [gap.node]));
      } catch (error) {
        // Throws too where the connection is lost.
        await serverNowNs(session);
        this.#notFilled(left, reasonOf(error));
        break;
      }
      const nowNs = await serverNowNs(session);
      if (nowNs - toNs < SHORT_ROUND_NS) break;
      mark = this.#handed.mark();
      toNs = nowNs;
    }
    if (fromHistory === 0) return;
    this.#logger.info("A gap was filled from the server's history", {
      source: this.#config.name,
      values: fromHistory,
    });
  }

  /** Those that the server keeps a history of. */
  async #withHistory(
    session: ClientSession,
    nodes: readonly MonitoredNode[],
    limits: OperationLimits,
  ): Promise<MonitoredNode[]> {
    if (nodes.length === 0 || this.#config.history.fill === 'always') return [...nodes];
    const historized = await historizedNodes(session, nodes, limits);
    const without = nodes.filter((node) => !historized.has(node));
    if (without.length > 0) this.#sink.notFilled(signalsOf(without), 'not-historized');
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
      let times = this.#filled.get(index);
      for (const value of values) {
        samples.push({ ...toRawSample(index, value, signal), mayBeLate: true, fromHistory: true });
        const timeNs = timeOf(value) ?? 0n;
        // Of what was before it was monitored, the subscription says the last value again.
        if (times === undefined || timeNs <= this.#monitoredNs) times = new Set();
        times.add(timeNs);
        this.#handed.lastNs[index] = timeNs;
      }
      if (times !== undefined) this.#filled.set(index, times);
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

/** The status in an error of the stack: one word. */
function reasonOf(error: unknown): string {
  return /Bad[A-Za-z]+/.exec(messageOf(error))?.[0] ?? 'history-failed';
}

async function serverNowNs(session: ClientSession): Promise<bigint> {
  const value = await session.read({ nodeId: SERVER_TIME, attributeId: AttributeIds.Value });
  const time: unknown = value.value.value;
  return BigInt(time instanceof Date ? time.getTime() : Date.now()) * 1_000_000n;
}
