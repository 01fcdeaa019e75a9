import { setTimeout as delay } from 'node:timers/promises';
import { connect as mqttConnect } from 'mqtt';
import type { SparkplugSourceConfig } from '../../shared/config/index.js';
import { type Clock, type Logger, messageOf, TwinError } from '../../shared/core/index.js';
import { mqttConnectOptions } from '../mqtt-options.js';
import { ownClientId, trialClientId } from './mqtt.js';
import { takeInBatches } from './mqtt-intake.js';
import type { Source, SourceSink } from './source.js';
import { type Outcome, SparkplugNodes } from './sparkplug-nodes.js';
import { rebirthRequest } from './sparkplug-payload.js';

const CONNECT_TIMEOUT_MS = 10_000;
const TICK_MS = 250;

interface Options {
  config: SparkplugSourceConfig;
  clock: Clock;
  logger: Logger;
  /** Only looks: it announces no host. */
  isTrial: boolean;
}

/**
 * Reads Sparkplug B edge nodes and their devices through a broker. They publish without acknowledgement, so
 * what they send while we are away is lost; a gap in their sequence shows it, and a rebirth mends it.
 */
export function createSparkplugSource(options: Options): Source {
  return { run: (sink, signal) => runOnce(options, sink, signal) };
}

async function runOnce(
  { config, clock, logger, isTrial }: Options,
  sink: SourceSink,
  signal: AbortSignal,
): Promise<void> {
  const nodes = new SparkplugNodes(config, performance.now());
  const nowMs = () => Number(clock.nowNs() / 1_000_000n);
  const hostId = isTrial ? undefined : config.hostId;
  const stateTopic = `spBv1.0/STATE/${hostId}`;
  const bornMs = nowMs();
  const state = (online: boolean) => JSON.stringify({ online, timestamp: bornMs });
  const client = mqttConnect(config.url, {
    ...(await mqttConnectOptions(config)),
    clientId: isTrial ? trialClientId() : (config.clientId ?? ownClientId(config.name)),
    // Nothing of a session before is of use: births come anew (specification, 5.6).
    clean: true,
    reconnectPeriod: 0,
    resubscribe: false,
    connectTimeout: CONNECT_TIMEOUT_MS,
    keepalive: 15,
    ...(hostId === undefined
      ? {}
      : { will: { topic: stateTopic, payload: Buffer.from(state(false)), qos: 1, retain: true } }),
  });
  let told = '';
  const finish = ({ ask }: Outcome) => {
    for (const node of ask) {
      logger.info('Edge node is asked for its births', { source: config.name, node });
      const topic = `spBv1.0/${config.group}/NCMD/${node}`;
      client.publish(topic, Buffer.from(rebirthRequest(nowMs())), { qos: 0 });
    }
    const { faults } = nodes;
    if (faults.join() === told) return;
    told = faults.join();
    sink.faults(faults);
    if (faults.length > 0)
      logger.warn('Edge nodes are not as configured', { source: config.name, faults });
  };
  takeInBatches(client, sink, signal, ({ topic, payload }) => {
    const bytes = typeof payload === 'string' ? Buffer.from(payload) : payload;
    const outcome = nodes.take(topic, bytes, performance.now());
    finish(outcome);
    return outcome.samples;
  });
  let fault: string | undefined;
  let ticker: NodeJS.Timeout | undefined;
  try {
    await new Promise<void>((resolve, reject) => {
      const lost = (why: string) =>
        reject(
          new TwinError('NETWORK', `No connection to the broker ${config.url}: ${why}`, {
            retryable: true,
          }),
        );
      const tick = () => {
        const outcome = nodes.tick(performance.now());
        finish(outcome);
        if (outcome.samples.length > 0) sink.deliver(outcome.samples).catch(reject);
      };
      client.on('error', (error) => {
        fault = messageOf(error);
      });
      client.once('close', () => lost(fault ?? 'it was closed'));
      client.once('connect', () => {
        const topics = [...new Set(config.signals.map((s) => s.node))].flatMap((node) =>
          ['NBIRTH', 'NDATA', 'NDEATH', 'DBIRTH', 'DDATA', 'DDEATH'].map(
            (type) => `spBv1.0/${config.group}/${type}/${node}${type.startsWith('D') ? '/+' : ''}`,
          ),
        );
        client.subscribe(topics, { qos: 1 }, (error, granted) => {
          const refused = granted?.filter((g) => g.qos > 2) ?? [];
          if (error !== null) return lost(messageOf(error));
          if (refused.length > 0) return lost(`refused the topics ${refused.map((g) => g.topic)}`);
          if (hostId !== undefined) {
            client.publish(stateTopic, state(true), { qos: 1, retain: true });
          }
          sink.up();
          tick();
          ticker = setInterval(tick, TICK_MS);
        });
      });
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
    if (hostId !== undefined) {
      // A leave that is announced: the broker publishes no will after it, and one that fails is told by the will.
      const leave = client.publishAsync(stateTopic, state(false), { qos: 1, retain: true });
      await Promise.race([leave.catch(() => {}), delay(1000, undefined, { ref: false })]);
    }
  } finally {
    clearInterval(ticker);
    sink.faults([]);
    client.end(true);
  }
}
