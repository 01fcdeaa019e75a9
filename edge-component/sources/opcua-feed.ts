import type { DataValue, NotificationMessage } from 'node-opcua-client';
import type { OpcuaSourceConfig } from '../../shared/config/index.js';
import { type Logger, messageOf } from '../../shared/core/index.js';
import type { RawSample } from '../pipeline/signal-pipeline.js';
import type { HandedOver } from './opcua-handed-over.js';
import { nodeName } from './opcua-nodes.js';
import { type MonitoredNode, valuesOf } from './opcua-subscription.js';
import { hasOverflow, toRawSample } from './opcua-value.js';
import type { SourceSink } from './source.js';

/** Hands over what a subscription says, in its order; holds it back while gaps before it are filled. */
export class OpcuaFeed {
  /** By the client handles of their monitored items. */
  readonly nodes = new Map<number, MonitoredNode>();
  readonly #config: OpcuaSourceConfig;
  readonly #sink: SourceSink;
  readonly #logger: Logger;
  readonly #handed: HandedOver;
  readonly #signal: AbortSignal;
  /** Is called when there is a further fault. */
  readonly #changed: () => void;
  /** Names of nodes whose queues at the server ran over. */
  readonly #overflowed = new Set<string>();
  /** Messages that the server sent and that never came. */
  #lostMessages = 0;
  /** What came while it was held back; undefined: it is not. */
  #held: NotificationMessage[] | undefined = [];
  /** Messages before which others are missing. */
  readonly #gapped = new Set<NotificationMessage>();
  /** Times that were handed over otherwise and may come again by the subscription, by signal. */
  readonly filled = new Map<number, Set<bigint>>();
  /** Signals of which the subscription has not said a value since the gap. */
  readonly unheard = new Set<number>();

  constructor(
    config: OpcuaSourceConfig,
    sink: SourceSink,
    logger: Logger,
    handed: HandedOver,
    signal: AbortSignal,
    changed: () => void,
  ) {
    this.#changed = changed;
    this.#config = config;
    this.#sink = sink;
    this.#logger = logger;
    this.#handed = handed;
    this.#signal = signal;
  }

  /** Keeps what comes until {@link release}. */
  hold(): void {
    this.#held ??= [];
  }

  /** Goes on with what was held back, as far as the next gap, and with what comes. */
  release(): void {
    const held = this.#held ?? [];
    const upTo = held.findIndex((message) => this.#gapped.has(message));
    this.#held = upTo < 0 ? undefined : held.slice(upTo);
    for (const message of upTo < 0 ? held : held.slice(0, upTo)) this.#handOver(message);
  }

  /** Takes a message of the subscription. @param gapped others are missing before it: it waits for {@link mended} */
  take(message: NotificationMessage, gapped = false): void {
    if (gapped) {
      this.hold();
      this.#gapped.add(message);
    }
    if (this.#held !== undefined) this.#held.push(message);
    else this.#handOver(message);
  }

  /** What was missing before a message, as far as it could be had. */
  mended(message: NotificationMessage, found: readonly NotificationMessage[]): void {
    this.#gapped.delete(message);
    this.#held?.splice(this.#held.indexOf(message), 0, ...found);
  }

  /** So many messages never came and are not to be had. */
  missed(messages: number): void {
    this.#lostMessages += messages;
    this.#changed();
  }

  /** What somebody has to look at. */
  get faults(): string[] {
    const faults: string[] = [];
    if (this.#lostMessages > 0) {
      faults.push(
        `${this.#lostMessages} notifications of the server never came, and it no longer has them (sequence-gap)`,
      );
    }
    const [first] = this.#overflowed;
    if (first !== undefined) {
      faults.push(
        `the server's queues ran over and lost values of ${this.#overflowed.size} nodes, the first ${first}: raise queueSize, or lower publishingIntervalMs`,
      );
    }
    return faults;
  }

  #handOver(message: NotificationMessage): void {
    const samples: RawSample[] = [];
    for (const [handle, value] of valuesOf(message)) {
      const node = this.nodes.get(handle);
      if (node === undefined) continue;
      // While a gap was filled its queue may have run over: the history has what it lost.
      const wasFilled = this.filled.has(node.signals[0] ?? 0);
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
    const isFirst = this.unheard.delete(index);
    if (this.filled.get(index)?.delete(timeNs) === true)
      return { ...sample, refused: 'said-before' };
    // Values come in order: none of those that the history had will come any more.
    this.filled.delete(index);
    // What a subscription says first is what was there before.
    if (isFirst && timeNs === this.#handed.lastNs[index])
      return { ...sample, refused: 'said-before' };
    this.#handed.lastNs[index] = timeNs;
    return sample;
  }

  #tellOverflow({ signals }: MonitoredNode): void {
    this.#sink.notFilled(signals.length, 'queue-overflow');
    const node = nodeName(this.#config, signals[0] ?? 0);
    if (this.#overflowed.has(node)) return;
    this.#overflowed.add(node);
    this.#changed();
    const { name, queueSize } = this.#config;
    this.#logger.warn(
      'The server lost values of a node: raise queueSize, or lower publishingIntervalMs',
      { source: name, node, queueSize },
    );
  }
}
