import { setTimeout as delay } from 'node:timers/promises';
import type { SparkplugSourceConfig } from '../../shared/config/index.js';
import { type Clock, type Logger, messageOf } from '../../shared/core/index.js';
import { brokerClient, brokerError } from './broker-client.js';
import { ownClientId, trialClientId } from './mqtt.js';
import { takeInBatches } from './mqtt-intake.js';
import type { Source, SourceSink } from './source.js';
import { type Outcome, SparkplugNodes } from './sparkplug-nodes.js';
import { rebirthRequest } from './sparkplug-payload.js';

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
  const broker = await brokerClient(config, {
    clientId: isTrial ? trialClientId() : (config.clientId ?? ownClientId(config.name)),
    // Nothing of a session before is of use: births come anew (specification, 5.6).
    clean: true,
    ...(hostId === undefined
      ? {}
      : { will: { topic: stateTopic, payload: Buffer.from(state(false)), qos: 1, retain: true } }),
  });
  const { client } = broker;
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
    const isTooLong = broker.replacedBytes(bytes) !== undefined;
    const outcome = nodes.take(topic, isTooLong ? undefined : bytes, performance.now());
    finish(outcome);
    return outcome.samples;
  });
  let ticker: NodeJS.Timeout | undefined;
  try {
    const done = new Promise<void>((resolve, reject) => {
      const lost = (why: string) => reject(brokerError(config, why));
      const tick = () => {
        const outcome = nodes.tick(performance.now());
        finish(outcome);
        if (outcome.samples.length > 0) sink.deliver(outcome.samples).catch(reject);
      };
      client.once('connect', () => {
        sink.progress('the broker took the connection');
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
    broker.connect();
    await Promise.race([done, broker.lost]);
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
