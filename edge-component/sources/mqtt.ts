import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type { MqttSourceConfig } from '../../shared/config/index.js';
import { messageOf } from '../../shared/core/index.js';
import type { RawSample } from '../pipeline/signal-pipeline.js';
import { brokerClient, brokerError } from './broker-client.js';
import { takeInBatches } from './mqtt-intake.js';
import { readMessage, topicMatches } from './mqtt-payload.js';
import type { Source, SourceSink } from './source.js';

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
  const broker = await brokerClient(config, {
    // The same id at each connection, so that the broker keeps messages while we are away.
    clientId: isTrial ? trialClientId() : (config.clientId ?? ownClientId(config.name)),
    clean: isTrial || config.cleanSession,
  });
  const { client } = broker;
  takeInBatches(client, sink, signal, (packet) => {
    const payload = Buffer.isBuffer(packet.payload) ? packet.payload : Buffer.from(packet.payload);
    const isTooLong = broker.replacedBytes(payload) !== undefined;
    return config.signals.flatMap((s, i) => {
      if (!topicMatches(s.topic, packet.topic)) return [];
      return [isTooLong ? tooLong(i) : readMessage(s, i, payload)];
    });
  });
  try {
    const subscribed = new Promise<void>((resolve, reject) => {
      const fail = (why: string) => reject(brokerError(config, why));
      client.once('connect', () => {
        sink.progress('the broker took the connection');
        const topics = [...new Set(config.signals.map((s) => s.topic))];
        client.subscribe(topics, { qos: 1 }, (error, granted) => {
          const refused = granted?.filter((g) => g.qos > 2) ?? [];
          if (error !== null) fail(messageOf(error));
          else if (refused.length > 0) fail(`refused the topics ${refused.map((g) => g.topic)}`);
          else sink.up();
        });
      });
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
    broker.connect();
    await Promise.race([subscribed, broker.lost]);
  } finally {
    client.end(true);
  }
}

function tooLong(signal: number): RawSample {
  return { signal, timeNs: undefined, quality: 'BAD', value: null, reason: 'payload-too-large' };
}

/** An id that no component in service has: a broker ends the session of another of the same id. */
export function trialClientId(): string {
  return `twinloop-trial-${randomUUID().slice(0, 8)}`;
}

/** An id that this gateway's source has at every start, of at most 65 characters. */
export function ownClientId(name: string): string {
  return `twinloop-${hostname()}-${name}`.replaceAll(/[^\w.-]/g, '_').slice(0, 65);
}
