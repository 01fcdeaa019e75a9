import { type IClientOptions, type MqttClient, connect as mqttConnect } from 'mqtt';
import type { MqttSourceConfig, SparkplugSourceConfig } from '../../shared/config/index.js';
import { messageOf, TwinError } from '../../shared/core/index.js';
import { mqttConnectOptions } from '../mqtt-options.js';
import { explainTlsError } from '../tls-advice.js';
import { PayloadLimit } from './payload-limit.js';

const CONNECT_TIMEOUT_MS = 10_000;

/** The library keeps what it reads from here; it is not in its types. */
type Internals = { streamBuilder: (client: MqttClient) => NodeJS.ReadableStream };

/** A client of the broker that a source reads from. */
export interface BrokerClient {
  client: MqttClient;
  /** @returns the length of the message that a payload stands for, where that was too long to be taken */
  replacedBytes(payload: Buffer): number | undefined;
  /** Rejects when the connection is lost, or never comes about. */
  lost: Promise<never>;
  /** Connects: what listens to the client must do so by now. */
  connect(): void;
}

/** A client that takes no longer payload than configured; not connected yet. */
export async function brokerClient(
  config: MqttSourceConfig | SparkplugSourceConfig,
  options: IClientOptions,
): Promise<BrokerClient> {
  const client = mqttConnect(config.url, {
    ...(await mqttConnectOptions(config)),
    ...{ reconnectPeriod: 0, resubscribe: false, keepalive: 15 },
    connectTimeout: CONNECT_TIMEOUT_MS,
    ...options,
    manualConnect: true,
  });
  const limit = new PayloadLimit(config.maxPayloadBytes);
  const own = client as unknown as Internals;
  const build = own.streamBuilder;
  own.streamBuilder = (c) => {
    const stream = build(c);
    const pipe = stream.pipe.bind(stream);
    stream.pipe = (parser) => pipe(limit).pipe(parser);
    limit.on('error', (error) => (stream as unknown as MqttClient).emit('error', error));
    return stream;
  };
  let fault: unknown;
  let answered = false;
  client.on('connect', () => {
    answered = true;
  });
  client.on('error', (error) => {
    fault ??= error;
  });
  const lost = new Promise<never>((_, reject) => {
    client.once('close', () => {
      void reasonOf(fault, answered, config.url).then((why) => reject(brokerError(config, why)));
    });
  });
  // Told to whoever waits for it; a loss that nobody waits for any more is no fault.
  lost.catch(() => {});
  return {
    client,
    lost,
    replacedBytes: (payload) => limit.replacedBytes(payload),
    connect: () => {
      client.connect();
    },
  };
}

/** An error of the connection to a broker. */
export function brokerError({ url }: { url: string }, why: string): TwinError {
  return new TwinError('NETWORK', `No connection to the broker ${url}: ${why}`, {
    retryable: true,
  });
}

async function reasonOf(fault: unknown, answered: boolean, url: string): Promise<string> {
  if (fault === undefined) {
    return answered ? 'it was closed' : 'it was closed by the broker before it answered to CONNECT';
  }
  const text = messageOf(fault);
  if (/connack timeout/i.test(text)) {
    return `no answer to CONNECT within ${CONNECT_TIMEOUT_MS / 1000} s (${text}): is it an MQTT broker, with or without TLS as in \`url\`?`;
  }
  return await explainTlsError(fault, url);
}
