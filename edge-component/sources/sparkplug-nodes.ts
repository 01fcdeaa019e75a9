import type { SparkplugSourceConfig } from '../../shared/config/index.js';
import type { RawSample } from '../pipeline/signal-pipeline.js';
import { decodePayload, type SparkplugMetric, type SparkplugPayload } from './sparkplug-payload.js';
import { readMetric } from './sparkplug-value.js';

/** What is known of one edge node, or of one of its devices, since its birth. */
interface Born {
  /** Names of metrics by their aliases. */
  names: Map<string, string>;
  /** Data types by name. */
  types: Map<string, number>;
}

/** One edge node with signals in the config. */
interface EdgeNode {
  id: string;
  /** By device id; '' is the node itself. */
  born: Map<string, Born>;
  /** Sequence number of its last message; undefined until it is born. */
  seq: number | undefined;
  /** Birth and death sequence number: which of its sessions a death is of. */
  bdSeq: string | undefined;
  /** Since when births are missing, and when it was asked for them last; monotonic milliseconds. */
  missingSinceMs: number;
  askedMs: number | undefined;
  /** Whether it was told that it is late. */
  isLate: boolean;
}

/** What came of a message, or of time that passed. */
export interface Outcome {
  samples: RawSample[];
  /** Ids of edge nodes that are to be asked for their births. */
  ask: string[];
}

const MAX_SEQ = 256;
/** A node is not asked again sooner, whatever it sends. */
const ASK_AT_MOST_EVERY_MS = 5000;
const TOPIC = /^spBv1\.0\/([^/]+)\/([ND](?:BIRTH|DATA|DEATH))\/([^/]+)(?:\/([^/]+))?$/;

/**
 * Follows the sessions of edge nodes by the rules of the Sparkplug B specification (chapter 6): births give
 * names and types, each message of a node has the next sequence number, deaths end its values.
 */
export class SparkplugNodes {
  readonly #config: SparkplugSourceConfig;
  readonly #nodes = new Map<string, EdgeNode>();
  /** Indexes of the signals by node, device and metric. */
  readonly #signals = new Map<string, number[]>();
  /** Metrics that births did not have, by node and device. */
  readonly #unknown = new Map<string, string[]>();

  /** @param nowMs monotonic milliseconds */
  constructor(config: SparkplugSourceConfig, nowMs: number) {
    this.#config = config;
    for (const [index, { node, device = '', metric }] of config.signals.entries()) {
      const key = keyOf(node, device, metric);
      this.#signals.set(key, [...(this.#signals.get(key) ?? []), index]);
      if (this.#nodes.has(node)) continue;
      this.#nodes.set(node, {
        ...{ id: node, born: new Map(), seq: undefined, bdSeq: undefined },
        ...{ missingSinceMs: nowMs, askedMs: undefined, isLate: false },
      });
    }
  }

  /**
   * Takes a message. What is not of the group's nodes in the config says nothing.
   *
   * @param bytes undefined: it was too long to be taken
   */
  take(topic: string, bytes: Uint8Array | undefined, nowMs: number): Outcome {
    const outcome: Outcome = { samples: [], ask: [] };
    const [, group, type, nodeId = '', device = ''] = TOPIC.exec(topic) ?? [];
    const node = this.#nodes.get(nodeId);
    if (group !== this.#config.group || type === undefined || node === undefined) return outcome;
    if (bytes === undefined) {
      this.#lose(node, 'payload-too-large', outcome, nowMs);
      return outcome;
    }
    let payload: SparkplugPayload;
    try {
      payload = decodePayload(bytes);
    } catch {
      this.#lose(node, 'no-sparkplug-payload', outcome, nowMs);
      return outcome;
    }
    switch (type) {
      case 'NBIRTH':
        node.born.clear();
        node.seq = Number(payload.seq ?? 0);
        node.bdSeq = bdSeqOf(payload);
        this.#bear(node, '', payload, outcome, nowMs);
        break;
      case 'NDEATH':
        // A late will of a session before the last birth is no news.
        if (node.bdSeq !== undefined && bdSeqOf(payload) !== undefined) {
          if (bdSeqOf(payload) !== node.bdSeq) break;
        }
        this.#bury(node, undefined, 'node-death', outcome, nowMs);
        break;
      case 'DBIRTH':
        if (this.#follows(node, payload, outcome, nowMs)) {
          this.#bear(node, device, payload, outcome, nowMs);
        }
        break;
      case 'DDEATH':
        if (this.#follows(node, payload, outcome, nowMs)) {
          this.#bury(node, device, 'device-death', outcome, nowMs);
        }
        break;
      default:
        if (this.#follows(node, payload, outcome, nowMs)) {
          this.#data(node, device, payload, outcome, nowMs);
        }
    }
    return outcome;
  }

  /** Lets time pass: who is not born is asked for it, and named when the deadline is over. */
  tick(nowMs: number): Outcome {
    const outcome: Outcome = { samples: [], ask: [] };
    const deadlineMs = this.#config.birthDeadlineS * 1000;
    for (const node of this.#nodes.values()) {
      const missing = this.#missing(node);
      if (missing.length === 0) continue;
      const everyMs = node.isLate ? deadlineMs : ASK_AT_MOST_EVERY_MS;
      if (node.askedMs === undefined || nowMs - node.askedMs >= everyMs) {
        this.#ask(node, outcome, nowMs);
      }
      if (node.isLate || nowMs - node.missingSinceMs < deadlineMs) continue;
      node.isLate = true;
      for (const device of missing) this.#bad(node, device, 'not-born', outcome);
    }
    return outcome;
  }

  /** What somebody has to look at: nodes and devices that are not born, metrics that are in no birth. */
  get faults(): string[] {
    const faults: string[] = [];
    for (const node of this.#nodes.values()) {
      if (!node.isLate) continue;
      for (const device of this.#missing(node)) {
        faults.push(
          `${nameOf(node.id, device)} is not born (no ${device === '' ? 'N' : 'D'}BIRTH)`,
        );
      }
    }
    for (const [name, metrics] of this.#unknown) {
      faults.push(`${name} has no metric ${metrics.slice(0, 5).join(', ')}`);
    }
    return faults;
  }

  /** Devices with signals that are not born; '' is the node itself, without which none of them is. */
  #missing(node: EdgeNode): string[] {
    const devices = new Set(
      this.#config.signals.flatMap((s) => (s.node === node.id ? [s.device ?? ''] : [])),
    );
    if (node.seq === undefined) return ['', ...[...devices].filter((d) => d !== '')];
    return [...devices].filter((device) => !node.born.has(device));
  }

  /** Whether a message is the next one of its node's session. */
  #follows(node: EdgeNode, payload: SparkplugPayload, outcome: Outcome, nowMs: number): boolean {
    const refuse = (reason: string) => {
      const count = Math.max(1, payload.metrics.length);
      for (let i = 0; i < count; i++) outcome.samples.push(refused(reason));
      return false;
    };
    if (node.seq === undefined) {
      this.#ask(node, outcome, nowMs);
      return refuse('before-birth');
    }
    const expected = (node.seq + 1) % MAX_SEQ;
    // Encoders of proto3 leave out a 0.
    if (Number(payload.seq ?? 0) !== expected) {
      // What was lost may have been a birth: names can be believed again after the next one.
      this.#lose(node, 'sequence-gap', outcome, nowMs);
      return refuse('sequence-gap');
    }
    node.seq = expected;
    return true;
  }

  #lose(node: EdgeNode, reason: string, outcome: Outcome, nowMs: number): void {
    this.#bury(node, undefined, reason, outcome, nowMs);
    this.#ask(node, outcome, nowMs);
  }

  #bear(
    node: EdgeNode,
    device: string,
    payload: SparkplugPayload,
    outcome: Outcome,
    nowMs: number,
  ): void {
    const born: Born = { names: new Map(), types: new Map() };
    for (const { name, alias, datatype = 0 } of payload.metrics) {
      if (name === undefined || name === '') continue;
      born.types.set(name, datatype);
      if (alias !== undefined) born.names.set(alias, name);
    }
    node.born.set(device, born);
    if (this.#missing(node).length === 0) {
      node.isLate = false;
      node.askedMs = undefined;
    } else if (device === '') {
      node.missingSinceMs = nowMs;
    }
    const without = new Set<string>();
    for (const [index, signal] of this.#config.signals.entries()) {
      if (signal.node !== node.id || (signal.device ?? '') !== device) continue;
      if (born.types.has(signal.metric)) continue;
      without.add(signal.metric);
      outcome.samples.push(bad(index, 'no-such-metric'));
    }
    const name = nameOf(node.id, device);
    if (without.size === 0) this.#unknown.delete(name);
    else this.#unknown.set(name, [...without]);
    this.#data(node, device, payload, outcome, nowMs);
  }

  /** @param device undefined: the node with all its devices */
  #bury(
    node: EdgeNode,
    device: string | undefined,
    reason: string,
    outcome: Outcome,
    nowMs: number,
  ): void {
    node.missingSinceMs = nowMs;
    node.isLate = false;
    if (device === undefined) {
      node.born.clear();
      node.seq = undefined;
    } else node.born.delete(device);
    this.#bad(node, device, reason, outcome);
  }

  #bad(node: EdgeNode, device: string | undefined, reason: string, outcome: Outcome): void {
    for (const [index, signal] of this.#config.signals.entries()) {
      if (signal.node !== node.id) continue;
      if (device !== undefined && (signal.device ?? '') !== device) continue;
      outcome.samples.push(bad(index, reason));
    }
  }

  #ask(node: EdgeNode, outcome: Outcome, nowMs: number): void {
    if (node.askedMs !== undefined && nowMs - node.askedMs < ASK_AT_MOST_EVERY_MS) return;
    node.askedMs = nowMs;
    if (this.#config.rebirth) outcome.ask.push(node.id);
  }

  #data(
    node: EdgeNode,
    device: string,
    payload: SparkplugPayload,
    outcome: Outcome,
    nowMs: number,
  ): void {
    const born = node.born.get(device);
    for (const metric of payload.metrics) {
      const { alias } = metric;
      const name = metric.name ?? (alias === undefined ? undefined : born?.names.get(alias));
      if (born === undefined || name === undefined || !born.types.has(name)) {
        // Its birth was missed: without it nobody knows what this is.
        this.#ask(node, outcome, nowMs);
        outcome.samples.push(refused('unknown-metric'));
        continue;
      }
      const type = metric.datatype ?? born.types.get(name) ?? 0;
      for (const index of this.#signals.get(keyOf(node.id, device, name)) ?? []) {
        outcome.samples.push(this.#sample(index, metric, type, payload));
      }
    }
  }

  #sample(
    index: number,
    metric: SparkplugMetric,
    type: number,
    payload: SparkplugPayload,
  ): RawSample {
    const wanted = this.#config.signals[index]?.dataType ?? 'DOUBLE';
    const stamp = metric.timestamp ?? payload.timestamp;
    const timeNs = stamp === undefined ? undefined : BigInt(stamp) * 1_000_000n;
    const sample: RawSample = { signal: index, timeNs, ...readMetric(metric, type, wanted) };
    // What an edge node kept while it had no connection.
    return metric.isHistorical === true
      ? { ...sample, mayBeLate: true, fromHistory: true }
      : sample;
  }
}

function bad(signal: number, reason: string): RawSample {
  return { signal, timeNs: undefined, quality: 'BAD', value: null, reason };
}

/** A metric that is of no signal that is known, or of none at all. */
function refused(reason: string): RawSample {
  return { signal: -1, timeNs: undefined, quality: 'BAD', value: null, refused: reason };
}

function bdSeqOf({ metrics }: SparkplugPayload): string | undefined {
  return metrics.find((m) => m.name === 'bdSeq')?.longValue;
}

function keyOf(node: string, device: string, metric: string): string {
  return `${node}\u0000${device}\u0000${metric}`;
}

function nameOf(node: string, device: string): string {
  return device === '' ? `edge node ${node}` : `device ${device} of edge node ${node}`;
}
