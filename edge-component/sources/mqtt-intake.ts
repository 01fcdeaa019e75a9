import type { IPublishPacket, MqttClient, Packet } from 'mqtt';
import type { RawSample } from '../pipeline/signal-pipeline.js';
import type { SourceSink } from './source.js';

/** Messages that may wait for the disk; more are left with the broker. */
const MOST_WAITING = 10_000;
/** Bytes of their payloads. */
const MOST_BYTES = 32 * 1024 * 1024;

interface Waiting {
  bytes: number;
  samples: readonly RawSample[];
  /** Undefined for QoS 0, which nobody acknowledges. */
  messageId: number | undefined;
}

/**
 * Takes messages in as fast as they come, stores all that have arrived in one go, and acknowledges each
 * only when that is durable.
 *
 * mqtt.js hands over the next message once the last was dealt with, and would send its PUBACK then. So
 * a message counts as dealt with at once, and its PUBACK is held back until it is on disk; pings and
 * their answers pass meanwhile. When too many wait, nothing more is taken, which the broker feels.
 *
 * @param read what a message says
 */
export function takeInBatches(
  client: MqttClient,
  sink: SourceSink,
  signal: AbortSignal,
  read: (packet: IPublishPacket) => readonly RawSample[],
): void {
  // The library's own way to send a packet; it asks for it by name at each PUBACK.
  const own = client as unknown as {
    _sendPacket(packet: Packet, done?: (error?: Error) => void): void;
  };
  const send = own._sendPacket.bind(client);
  let waiting: Waiting[] = [];
  /** Of all that is not durable yet. */
  let bytes = 0;
  let storing = false;
  /** PUBACKs by the message that they belong to, until it is durable. */
  const held = new Map<number, Packet>();
  const unstored = new Set<number>();
  let resume: (() => void) | undefined;

  own._sendPacket = (packet, done) => {
    const id = 'messageId' in packet ? packet.messageId : undefined;
    if (packet.cmd !== 'puback' || id === undefined || !unstored.has(id)) {
      send(packet, done);
      return;
    }
    held.set(id, packet);
    done?.();
  };

  async function store(): Promise<void> {
    storing = true;
    try {
      while (waiting.length > 0 && !signal.aborted) {
        const batch = waiting;
        waiting = [];
        if (!sink.isReady) await sink.ready(signal);
        await sink.deliver(batch.flatMap((w) => w.samples));
        for (const { messageId, bytes: length } of batch) {
          bytes -= length;
          if (messageId === undefined) continue;
          unstored.delete(messageId);
          const puback = held.get(messageId);
          held.delete(messageId);
          if (puback !== undefined) send(puback);
        }
        resume?.();
        resume = undefined;
      }
    } finally {
      storing = false;
    }
  }

  client.handleMessage = (packet, done) => {
    const { messageId } = packet;
    if (packet.qos > 0 && messageId !== undefined) unstored.add(messageId);
    const { length } = packet.payload;
    bytes += length;
    waiting.push({
      bytes: length,
      samples: read(packet),
      messageId: packet.qos > 0 ? messageId : undefined,
    });
    if (!storing) {
      // Not acknowledged: the broker sends it again when we come back.
      store().catch(() => client.end(true));
    }
    if (waiting.length < MOST_WAITING && bytes < MOST_BYTES) done();
    else resume = () => done();
  };
}
