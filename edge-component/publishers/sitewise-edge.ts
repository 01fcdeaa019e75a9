import { type IClientOptions, type MqttClient, connect as mqttConnect } from 'mqtt';
import type { SiteWiseEdgePublisherConfig } from '../../shared/config/index.js';
import { messageOf, TwinError } from '../../shared/core/index.js';
import { mqttConnectOptions } from '../mqtt-options.js';
import type { OutboxEntry } from '../outbox/outbox.js';
import { toEdgePayload } from './payload.js';
import type { Publisher, SendOutcome } from './publisher.js';

/** SiteWise Edge's broker closes a connection with a longer message than this. */
const MAX_PAYLOAD_BYTES = 128 * 1024;
/** Rows read at a time: enough that many aliases at a low rate still fill their messages. */
const BATCH_SIZE = 20_000;
/** A clean stop waits so long for what was published, so that it need not be sent twice, ms. */
const STOP_GRACE_MS = 2000;

interface Message {
  topic: string;
  payload: string;
  entries: OutboxEntry[];
}

/**
 * Publishes to SiteWise Edge's MQTT broker, at least once: an entry counts as delivered when its
 * message was acknowledged (QoS 1).
 */
export class SiteWiseEdgePublisher implements Publisher {
  readonly batchSize = BATCH_SIZE;
  // One batch at a time keeps the order of each alias; the window keeps the line busy.
  readonly concurrency = 1;
  readonly maxWaitMs: number;
  readonly #config: SiteWiseEdgePublisherConfig;
  readonly #clientId: string;
  #client: MqttClient | undefined;
  #lost: string | undefined;
  #messages = 0;

  constructor(config: SiteWiseEdgePublisherConfig, clientId: string) {
    this.#config = config;
    this.#clientId = config.clientId ?? clientId;
    this.maxWaitMs = config.maxWaitMs;
  }

  get connected(): boolean {
    return this.#client?.connected === true;
  }

  get messages(): number {
    return this.#messages;
  }

  async connect(signal: AbortSignal): Promise<void> {
    this.#drop();
    const options: IClientOptions = {
      ...(await mqttConnectOptions(this.#config)),
      clientId: this.#clientId,
      clean: true,
      // Connecting anew and sending again is the outbox's business, not the client's.
      reconnectPeriod: 0,
      resubscribe: false,
      connectTimeout: this.#config.ackTimeoutMs,
      keepalive: 30,
    };
    const client = mqttConnect(this.#config.url, options);
    this.#lost = undefined;
    client.on('error', (error) => {
      this.#lost = messageOf(error);
    });
    await new Promise<void>((resolve, reject) => {
      const fail = (why: string) => {
        signal.removeEventListener('abort', onAbort);
        client.end(true);
        reject(
          new TwinError('NETWORK', `No connection to the broker ${this.#config.url}: ${why}`, {
            retryable: true,
          }),
        );
      };
      const onAbort = () => fail('stopped');
      const onClose = () => fail(this.#lost ?? 'the connection was closed');
      signal.addEventListener('abort', onAbort, { once: true });
      client.once('close', onClose);
      client.once('connect', () => {
        signal.removeEventListener('abort', onAbort);
        client.removeListener('close', onClose);
        resolve();
      });
    });
    this.#client = client;
  }

  async send(
    entries: readonly OutboxEntry[],
    delivered: (entries: readonly OutboxEntry[]) => void,
    signal: AbortSignal,
  ): Promise<SendOutcome> {
    const client = this.#client;
    const outcome: SendOutcome = { rejected: [], retry: [], held: [] };
    if (client === undefined || !client.connected) {
      return { ...outcome, retry: [...entries], error: 'not connected' };
    }
    const messages = this.#toMessages(entries, outcome);
    await this.#publishAll(client, messages, delivered, outcome, signal);
    return outcome;
  }

  async close(): Promise<void> {
    const client = this.#client;
    this.#client = undefined;
    if (client?.connected === true) await client.endAsync(false).catch(() => {});
    else client?.end(true);
  }

  /** Groups entries by alias, in the order of each alias's first entry. */
  #toMessages(entries: readonly OutboxEntry[], outcome: SendOutcome): Message[] {
    const { topicPrefix, maxValuesPerMessage } = this.#config;
    const open = new Map<string, OutboxEntry[]>();
    const groups: OutboxEntry[][] = [];
    for (const entry of entries) {
      const { alias } = entry.sample;
      let group = open.get(alias);
      if (group === undefined || group.length >= maxValuesPerMessage) {
        group = [];
        open.set(alias, group);
        groups.push(group);
      }
      group.push(entry);
    }
    const messages: Message[] = [];
    for (const group of groups) {
      const alias = group[0]?.sample.alias ?? '';
      const payload = toEdgePayload(
        alias,
        group.map((e) => e.sample),
      );
      if (payload.length > MAX_PAYLOAD_BYTES) {
        for (const entry of group) {
          outcome.rejected.push({
            entry,
            code: 'TooLarge',
            message: `a message of ${payload.length} bytes; the broker takes ${MAX_PAYLOAD_BYTES}`,
          });
        }
      } else messages.push({ topic: topicPrefix + alias, payload, entries: group });
    }
    return messages;
  }

  /**
   * Publishes messages with a window; resolves when each was acknowledged or given up. Aborted, it
   * publishes no more, and waits a moment for what is under way.
   */
  #publishAll(
    client: MqttClient,
    messages: readonly Message[],
    delivered: (entries: readonly OutboxEntry[]) => void,
    outcome: SendOutcome,
    signal: AbortSignal,
  ): Promise<void> {
    const { maxInFlight, ackTimeoutMs } = this.#config;
    return new Promise((resolve) => {
      const waiting = new Set<Message>();
      let next = 0;
      let over = false;
      let lastAckMs = performance.now();
      let grace: NodeJS.Timeout | undefined;
      const finish = (error?: string) => {
        if (over) return;
        over = true;
        clearInterval(watch);
        clearTimeout(grace);
        client.removeListener('close', onClose);
        signal.removeEventListener('abort', onAbort);
        for (const message of waiting) outcome.retry.push(...message.entries);
        for (const message of messages.slice(next)) outcome.retry.push(...message.entries);
        if (error !== undefined) outcome.error = error;
        resolve();
      };
      const onClose = () => finish(this.#lost ?? 'the connection was lost');
      const onAbort = () => {
        grace = setTimeout(() => finish('stopped'), STOP_GRACE_MS);
        fill();
      };
      const watch = setInterval(
        () => {
          if (waiting.size === 0 || performance.now() - lastAckMs < ackTimeoutMs) return;
          this.#drop();
          finish(`the broker did not acknowledge within ${ackTimeoutMs} ms`);
        },
        Math.min(1000, ackTimeoutMs),
      );
      const fill = () => {
        while (!over && !signal.aborted && waiting.size < maxInFlight && next < messages.length) {
          const message = messages[next++];
          if (message === undefined) break;
          waiting.add(message);
          this.#messages++;
          client.publish(message.topic, message.payload, { qos: 1 }, (error) => {
            if (over) {
              // Acknowledged after we stopped waiting; it will be sent again, which does no harm.
              return;
            }
            if (error !== undefined && error !== null) {
              finish(messageOf(error));
              return;
            }
            lastAckMs = performance.now();
            waiting.delete(message);
            delivered(message.entries);
            fill();
          });
        }
        if (over || waiting.size > 0) return;
        if (next >= messages.length) finish();
        else if (signal.aborted) finish('stopped');
      };
      client.once('close', onClose);
      signal.addEventListener('abort', onAbort, { once: true });
      fill();
    });
  }

  #drop(): void {
    this.#client?.end(true);
    this.#client = undefined;
  }
}
