import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { connect as mqttConnect } from 'mqtt';
import type { MqttSourceConfig } from '../../shared/config/index.js';
import { messageOf, TwinError } from '../../shared/core/index.js';
import { mqttConnectOptions } from '../mqtt-options.js';
import { takeInBatches } from './mqtt-intake.js';
import { readMessage, topicMatches } from './mqtt-payload.js';
import type { Source, SourceSink } from './source.js';

const CONNECT_TIMEOUT_MS = 10_000;

/**
 * Subscribes to topics of a broker. A message is acknowledged (QoS 1) only when what it said is on
 * disk, and the broker keeps our session, so nothing is lost between the two.
 *
 * @param isTrial only looks: its session is another, and is not kept
 */
export function createMqttSource(config: MqttSourceConfig, isTrial = false): Source {
  return { run: (sink, signal) => runOnce(config, isTrial, sink, signal) };
}

async function runOnce(
  config: MqttSourceConfig,
  isTrial: boolean,
  sink: SourceSink,
  signal: AbortSignal,
): Promise<void> {
  const client = mqttConnect(config.url, {
    ...(await mqttConnectOptions(config)),
    // The same id at each connection, so that the broker keeps messages while we are away.
    clientId: isTrial ? trialClientId() : (config.clientId ?? ownClientId(config.name)),
    clean: isTrial || config.cleanSession,
    reconnectPeriod: 0,
    resubscribe: false,
    connectTimeout: CONNECT_TIMEOUT_MS,
    keepalive: 15,
  });
  takeInBatches(client, sink, signal, (packet) => {
    const payload = Buffer.isBuffer(packet.payload) ? packet.payload : Buffer.from(packet.payload);
    return config.signals.flatMap((s, i) =>
      topicMatches(s.topic, packet.topic) ? [readMessage(s, i, payload)] : [],
    );
  });
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

/** An id that no component in service has: a broker ends the session of another of the same id. */
export function trialClientId(): string {
  return `twinloop-trial-${randomUUID().slice(0, 8)}`;
}

/** An id that this gateway's source has at every start, of at most 65 characters. */
export function ownClientId(name: string): string {
  return `twinloop-${hostname()}-${name}`.replaceAll(/[^\w.-]/g, '_').slice(0, 65);
}
