import { EventStreamCodec } from '@smithy/eventstream-codec';

/** Message types of the event-stream RPC protocol. */
export const MESSAGE_TYPE = {
  applicationMessage: 0,
  applicationError: 1,
  ping: 2,
  pingResponse: 3,
  connect: 4,
  connectAck: 5,
  protocolError: 6,
  internalError: 7,
} as const;

export const FLAG_CONNECTION_ACCEPTED = 1;
export const FLAG_TERMINATE_STREAM = 2;

/** One message of the protocol. */
export interface RpcMessage {
  type: number;
  flags: number;
  streamId: number;
  /** Only on the first message of a stream. */
  operation?: string;
  /** `service-model-type`: the shape of the payload. */
  shape?: string;
  payload: Buffer;
}

const codec = new EventStreamCodec(
  (bytes) => Buffer.from(bytes as Uint8Array).toString('utf8'),
  (text) => Buffer.from(text, 'utf8'),
);

/** The bytes of a message. */
export function encodeMessage(message: RpcMessage): Uint8Array {
  return codec.encode({
    headers: {
      ':message-type': { type: 'integer', value: message.type },
      ':message-flags': { type: 'integer', value: message.flags },
      ':stream-id': { type: 'integer', value: message.streamId },
      ...(message.operation === undefined
        ? {}
        : { operation: { type: 'string' as const, value: message.operation } }),
      ...(message.shape === undefined
        ? {}
        : {
            'service-model-type': { type: 'string' as const, value: message.shape },
            ':content-type': { type: 'string' as const, value: 'application/json' },
          }),
    },
    body: message.payload,
  });
}

/** Cuts a byte stream into messages. */
export class MessageReader {
  readonly #maxBytes: number;
  #rest: Buffer = Buffer.alloc(0);

  /** @param maxBytes a longer message is refused */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /**
   * Takes what arrived.
   *
   * @returns the messages that are complete now
   * @throws Error on a message that is too long or broken
   */
  push(chunk: Uint8Array): RpcMessage[] {
    this.#rest = Buffer.concat([this.#rest, chunk]);
    const messages: RpcMessage[] = [];
    while (this.#rest.length >= 4) {
      // The first field of a message is its total length.
      const length = this.#rest.readUInt32BE(0);
      if (length > this.#maxBytes || length < 16) {
        throw new Error(`a message of ${length} bytes; at most ${this.#maxBytes} are taken`);
      }
      if (this.#rest.length < length) break;
      messages.push(decode(this.#rest.subarray(0, length)));
      this.#rest = this.#rest.subarray(length);
    }
    return messages;
  }
}

function decode(bytes: Buffer): RpcMessage {
  const { headers, body } = codec.decode(bytes);
  const integer = (name: string) => {
    const value = headers[name]?.value;
    return typeof value === 'number' ? value : 0;
  };
  const text = (name: string) => {
    const value = headers[name]?.value;
    return typeof value === 'string' ? value : undefined;
  };
  const operation = text('operation');
  const shape = text('service-model-type');
  return {
    type: integer(':message-type'),
    flags: integer(':message-flags'),
    streamId: integer(':stream-id'),
    ...(operation === undefined ? {} : { operation }),
    ...(shape === undefined ? {} : { shape }),
    payload: Buffer.from(body),
  };
}
