import { type Logger, messageOf, TwinError } from '../../shared/core/index.js';
import type { Notify } from './resources/notifications.js';

/** What became of notifications. */
export interface NotificationCounters {
  /** Messages that the broker has acknowledged. */
  published: number;
  /** Messages that it did not get: it was not there, or refused them. */
  lost: number;
}

/** Sends property notifications to an MQTT broker. */
export interface NotificationPublisher {
  notify: Notify;
  close(): Promise<void>;
}

/**
 * Connects to the broker that stands in for AWS IoT Core's. While it is away notifications are lost, as
 * nobody would hear them there either; they are counted, and the log says since when.
 *
 * @throws TwinError `USAGE` for an address that is none of a broker
 */
export async function createNotificationPublisher(
  url: string,
  counters: NotificationCounters,
  logger: Logger,
): Promise<NotificationPublisher> {
  if (!/^mqtts?:\/\/[^\s/]+$/.test(url)) {
    throw new TwinError(
      'USAGE',
      `"${url}" is no broker: expected an address such as mqtt://127.0.0.1:1883.`,
    );
  }
  // Loaded where notifications are wanted: the stand-in alone has no need of it.
  const { connect } = await import('mqtt');
  const client = connect(url, { reconnectPeriod: 500, queueQoSZero: false });
  let away = false;
  const noteAway = (reason: string) => {
    if (away) return;
    away = true;
    logger.warn('Property notifications do not reach their broker', { reason });
  };
  client.on('connect', () => {
    away = false;
  });
  client.on('close', () => noteAway('the connection is closed'));
  client.on('error', (error) => noteAway(messageOf(error)));
  return {
    notify(topic, payload) {
      if (!client.connected) {
        counters.lost++;
        noteAway('there is no connection');
        return;
      }
      client.publish(topic, payload, { qos: 1 }, (error) => {
        if (error === undefined || error === null) counters.published++;
        else {
          counters.lost++;
          noteAway(messageOf(error));
        }
      });
    },
    async close() {
      client.removeAllListeners('close');
      await client.endAsync(!client.connected);
    },
  };
}
