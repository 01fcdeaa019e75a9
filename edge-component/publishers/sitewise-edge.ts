import { type IClientOptions, type MqttClient, connect as mqttConnect } from 'mqtt';
import type { SiteWiseEdgePublisherConfig } from '../../shared/config/index.js';
import { type Logger, messageOf, TwinError } from '../../shared/core/index.js';
import { mqttConnectOptions } from '../mqtt-options.js';
import type { OutboxEntry } from '../outbox/outbox.js';
import { explainTlsError } from '../tls-advice.js';
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

/** Reason codes of MQTT 5 by which a broker refuses a publish, MQTT 5.0, table 3-9. */
const REFUSALS: Readonly<Record<number, string>> = {
  128: 'Unspecified',
  131: 'ImplementationSpecific',
  135: 'NotAuthorized',
  144: 'TopicNameInvalid',
  151: 'QuotaExceeded',
  153: 'PayloadFormatInvalid',
};

/** What is hidden where the broker speaks no MQTT 5: MQTT 3.1.1, section 3.3.5. */
const NO_REFUSALS =
  'The broker speaks MQTT 3.1.1 only: it cannot say that it refuses a value, and what it throws away counts as taken';

/** Why a broker refused a publish; undefined where it did not, or the error is another. */
function refusalOf(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null | undefined)?.code;
  return typeof code === 'number' ? REFUSALS[code] : undefined;
}

/**
 * Publishes to SiteWise Edge's MQTT broker, at least once: an entry counts as delivered when its
 * message was acknowledged (QoS 1) as accepted. What the broker refuses is held.
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
  #version: 4 | 5 = 5;
  /** The last try by MQTT 5 was closed without an answer. */
  #closed = false;
  readonly #logger: Logger | undefined;

  constructor(config: SiteWiseEdgePublisherConfig, clientId: string, logger?: Logger) {
    this.#logger = logger;
    this.#config = config;
    this.#clientId = config.clientId ?? clientId;
    this.maxWaitMs = config.maxWaitMs;
  }

  get connected(): boolean {
    return this.#client?.connected === true;
  }

  get caveat(): string | undefined {
    return this.#version === 4 ? NO_REFUSALS : undefined;
  }

  get messages(): number {
    return this.#messages;
  }

  /**
   * Connects by MQTT 5, whose acknowledgements say whether the broker accepts; a broker that does not
   * speak it is asked again in 3.1.1, whose acknowledgements cannot refuse.
   */
  async connect(signal: AbortSignal): Promise<void> {
    const closedBefore = this.#closed;
    this.#closed = false;
    try {
      await this.#connect(5, signal);
      this.#version = 5;
    } catch (error) {
      const said = messageOf(error);
      this.#closed = /closed/i.test(said);
      // Closed without a word: by a broker of 3.1.1, or by one that was going down just then.
      const isOld = /protocol/i.test(said) || (this.#closed && closedBefore);
      if (signal.aborted || !isOld) throw error;
      await this.#connect(4, signal);
      this.#version = 4;
      this.#logger?.warn(NO_REFUSALS, { broker: this.#config.url });
    }
  }

  async #connect(version: 4 | 5, signal: AbortSignal): Promise<void> {
    this.#drop();
    const options: IClientOptions = {
      ...(await mqttConnectOptions(this.#config)),
      clientId: this.#clientId,
      clean: true,
      protocolVersion: version,
      // Connecting anew and sending again is the outbox's business, not the client's.
      reconnectPeriod: 0,
      resubscribe: false,
      connectTimeout: this.#config.ackTimeoutMs,
      keepalive: 30,
    };
    const client = mqttConnect(this.#config.url, options);
    this.#lost = undefined;
    let fault: unknown;
    client.on('error', (error) => {
      fault ??= error;
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
      const onClose = () => {
        if (fault === undefined) fail('the connection was closed');
        else void explainTlsError(fault, this.#config.url).then(fail);
      };
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
    const { maxValuesPerMessage } = this.#config;
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
    for (const group of groups) this.#addMessages(group, messages, outcome);
    return messages;
  }

  /** A message of values of one alias; more than one where they are too long together. */
  #addMessages(group: OutboxEntry[], messages: Message[], outcome: SendOutcome): void {
    const [first] = group;
    if (first === undefined) return;
    const { alias } = first.sample;
    const payload = toEdgePayload(
      alias,
      group.map((e) => e.sample),
    );
    // A character takes three bytes at most.
    const fits = payload.length * 3 <= MAX_PAYLOAD_BYTES;
    const bytes = fits ? 0 : Buffer.byteLength(payload);
    if (bytes <= MAX_PAYLOAD_BYTES) {
      messages.push({ topic: this.#config.topicPrefix + alias, payload, entries: group });
    } else if (group.length > 1) {
      const half = group.length >> 1;
      this.#addMessages(group.slice(0, half), messages, outcome);
      this.#addMessages(group.slice(half), messages, outcome);
    } else {
      outcome.rejected.push({
        entry: first,
        code: 'TooLarge',
        message: `a message of ${bytes} bytes; the broker takes ${MAX_PAYLOAD_BYTES}`,
      });
    }
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
        gather(client);
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
            const refusal = refusalOf(error);
            if (error !== undefined && error !== null && refusal === undefined) {
              finish(messageOf(error));
              return;
            }
            lastAckMs = performance.now();
            waiting.delete(message);
            if (refusal === undefined) delivered(message.entries);
            else {
              const said = `the broker refuses ${message.topic}: ${messageOf(error)}`;
              for (const entry of message.entries) {
                outcome.held.push({ entry, code: refusal, message: said });
              }
            }
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

const gathering = new WeakSet<object>();

/** Lets what is published in one turn of the event loop go out in one write, not in one each. */
function gather({ stream }: MqttClient): void {
  if (gathering.has(stream)) return;
  gathering.add(stream);
  stream.cork();
  setImmediate(() => {
    gathering.delete(stream);
    stream.uncork();
  });
}
