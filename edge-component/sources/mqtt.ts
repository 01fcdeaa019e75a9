import { type MqttClient, connect as mqttConnect } from 'mqtt';
import type { MqttSourceConfig } from '../../shared/config/index.js';
import { messageOf, TwinError } from '../../shared/core/index.js';
import { mqttConnectOptions } from '../mqtt-options.js';
import { readMessage, topicMatches } from './mqtt-payload.js';
import type { Source, SourceSink } from './source.js';

const CONNECT_TIMEOUT_MS = 10_000;

/**
 * Subscribes to topics of a broker. A message is acknowledged (QoS 1) only when what it said is on
 * disk, so with a fixed `clientId` nothing is lost between the broker and us.
 */
export function createMqttSource(config: MqttSourceConfig): Source {
  return { run: (sink, signal) => runOnce(config, sink, signal) };
}

async function runOnce(
  config: MqttSourceConfig,
  sink: SourceSink,
  signal: AbortSignal,
): Promise<void> {
  const client = mqttConnect(config.url, {
    ...(await mqttConnectOptions(config)),
    ...(config.clientId === undefined ? {} : { clientId: config.clientId }),
    // A fixed client id makes a session that the broker keeps.
    clean: config.clientId === undefined,
    reconnectPeriod: 0,
    resubscribe: false,
    connectTimeout: CONNECT_TIMEOUT_MS,
    keepalive: 15,
  });
  acknowledgeWhenDurable(config, client, sink, signal);
  let fault: string | undefined;
  try {
    await new Promise<void>((resolve, reject) => {
      const lost = (why: string) =>
        reject(
          new TwinError('NETWORK', `No connection to the broker ${config.url}: ${why}`, {
            retryable: true,
          }),
        );
      client.on('error', (error) => {
        fault = messageOf(error);
      });
      client.once('close', () => lost(fault ?? 'it was closed'));
      client.once('connect', () => {
        const topics = [...new Set(config.signals.map((s) => s.topic))];
        client.subscribe(topics, { qos: 1 }, (error, granted) => {
          const refused = granted?.filter((g) => g.qos > 2) ?? [];
          if (error !== null) lost(messageOf(error));
          else if (refused.length > 0) lost(`refused the topics ${refused.map((g) => g.topic)}`);
          else sink.up();
        });
      });
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
  } finally {
    client.end(true);
  }
}

/** mqtt.js sends the PUBACK when the handler calls back, and takes the next message only then. */
function acknowledgeWhenDurable(
  config: MqttSourceConfig,
  client: MqttClient,
  sink: SourceSink,
  signal: AbortSignal,
): void {
  client.handleMessage = (packet, done) => {
    const payload = Buffer.isBuffer(packet.payload) ? packet.payload : Buffer.from(packet.payload);
    const samples = config.signals.flatMap((s, i) =>
      topicMatches(s.topic, packet.topic) ? [readMessage(s, i, payload)] : [],
    );
    const stored = (async () => {
      if (!sink.isReady) await sink.ready(signal);
      await sink.deliver(samples);
    })();
    stored.then(
      () => done(),
      // Not acknowledged: the broker sends it again when we come back.
      () => client.end(true),
    );
  };
}
