import { generate, type IPublishPacket, type Packet, parser } from 'mqtt-packet';
import { expect, it } from 'vitest';
import { PayloadLimit } from '../../../edge-component/sources/payload-limit.js';

/** What a parser makes of a stream of bytes that came in pieces of a size. */
function through(limit: PayloadLimit, bytes: Buffer, piece: number): Promise<Packet[]> {
  const packets: Packet[] = [];
  const reader = parser();
  reader.on('packet', (packet) => packets.push(packet));
  return new Promise((resolve, reject) => {
    limit.on('data', (data: Buffer) => reader.parse(data));
    limit.on('error', reject);
    limit.on('end', () => resolve(packets));
    for (let at = 0; at < bytes.length; at += piece) limit.write(bytes.subarray(at, at + piece));
    limit.end();
  });
}

const publish = (topic: string, payload: string | Buffer, qos: 0 | 1 = 1, messageId = 7) =>
  generate({
    ...({ cmd: 'publish', topic, payload, qos, dup: false, retain: false } as const),
    ...(qos > 0 ? { messageId } : {}),
  });

it.each([1, 7, 1000, 65_536, 1e9])(
  'passes on all but long payloads, whose topics and ids it keeps, in pieces of %d bytes',
  async (piece) => {
    const limit = new PayloadLimit(1024);
    const bytes = Buffer.concat([
      generate({ cmd: 'connack', returnCode: 0, sessionPresent: false }),
      publish('a', 'short', 1, 1),
      publish('b/long', Buffer.alloc(300_000, 1), 1, 2),
      publish('c', Buffer.alloc(1020, 2), 0),
      publish('d/long', Buffer.alloc(1023, 3), 0),
      generate({ cmd: 'pingresp' }),
      publish('e', '', 1, 3),
    ]);
    const packets = await through(limit, bytes, piece);
    expect(packets.map((p) => p.cmd)).toEqual([
      ...['connack', 'publish', 'publish', 'publish', 'publish', 'pingresp', 'publish'],
    ]);
    const messages = packets.filter((p): p is IPublishPacket => p.cmd === 'publish');
    expect(messages.map((m) => [m.topic, m.messageId, m.payload.length])).toEqual([
      ['a', 1, 5],
      ['b/long', 2, 20],
      ['c', undefined, 1020],
      ['d/long', undefined, 20],
      ['e', 3, 0],
    ]);
    expect(messages.map((m) => limit.replacedBytes(m.payload as Buffer))).toEqual([
      ...[undefined, 300_010, undefined, 1031, undefined],
    ]);
  },
);

it('ends a connection whose broker sends something endless that is no message', async () => {
  const bytes = Buffer.concat([Buffer.from([0x90, 0xff, 0xff, 0x7f]), Buffer.alloc(100)]);
  await expect(through(new PayloadLimit(1024), bytes, 64)).rejects.toThrow(/no message/);
});
