import { createServer, type Server, type Socket } from 'node:net';
import { type Logger, messageOf } from '../../shared/core/index.js';
import {
  encodeMessage,
  FLAG_CONNECTION_ACCEPTED,
  FLAG_TERMINATE_STREAM,
  MESSAGE_TYPE,
  MessageReader,
  type RpcMessage,
} from './event-stream.js';

/** Nucleus lite closes a connection with a longer packet. */
export const MAX_PACKET_BYTES = 10_000;

/** An error of the service's model, e.g. `UnauthorizedError`. */
export class IpcError extends Error {
  readonly shape: string;

  constructor(
    shape: 'UnauthorizedError' | 'ResourceNotFoundError' | 'ServiceError' | 'InvalidArgumentsError',
    message: string,
  ) {
    super(message);
    this.shape = shape;
  }
}

/** One operation that a component called. */
export interface IpcCall {
  /** e.g. `GetConfiguration` */
  operation: string;
  request: Record<string, unknown>;
  /** For subscriptions: sends one event of the given shape. */
  send(shape: string, event: object): void;
  /** Runs when the stream or the connection ends. */
  onEnd(action: () => void): void;
}

export interface IpcServerOptions {
  socketPath: string;
  /** A longer packet, whichever way, closes the connection. */
  maxPacketBytes: number;
  /** Whether a token is one that was given out. */
  isToken: (token: string) => boolean;
  /** @returns the answer; throws IpcError */
  handle: (call: IpcCall) => object;
  logger: Logger;
}

/** The nucleus's end of the local socket: event-stream RPC as the AWS SDK's IPC client speaks it. */
export class IpcServer {
  readonly #options: IpcServerOptions;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  constructor(options: IpcServerOptions) {
    this.#options = options;
    this.#server = createServer((socket) => this.#serve(socket));
  }

  listen(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(this.#options.socketPath, resolve);
    });
  }

  /** Hangs up on everybody, as a nucleus that restarts does. */
  dropConnections(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  close(): Promise<void> {
    this.dropConnections();
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }

  #serve(socket: Socket): void {
    const { logger, maxPacketBytes } = this.#options;
    const reader = new MessageReader(maxPacketBytes);
    const ends = new Map<number, (() => void)[]>();
    let authenticated = false;
    this.#sockets.add(socket);
    const end = (streamId: number) => {
      for (const action of ends.get(streamId) ?? []) action();
      ends.delete(streamId);
    };
    socket.on('close', () => {
      this.#sockets.delete(socket);
      for (const streamId of [...ends.keys()]) end(streamId);
    });
    socket.on('error', (error) => logger.debug('IPC socket fault', { error: error.message }));
    const send = (message: RpcMessage) => {
      const bytes = encodeMessage(message);
      if (bytes.length > maxPacketBytes) {
        logger.warn('A message to a component is too long; closing its connection', {
          bytes: bytes.length,
        });
        socket.destroy();
      } else if (socket.writable) socket.write(bytes);
    };
    socket.on('data', (chunk) => {
      let messages: RpcMessage[];
      try {
        messages = reader.push(chunk);
      } catch (error) {
        logger.warn('A component sent what is no message; closing its connection', {
          error: messageOf(error),
        });
        socket.destroy();
        return;
      }
      for (const message of messages) {
        if (!authenticated) {
          authenticated = this.#connect(message);
          send({
            type: MESSAGE_TYPE.connectAck,
            flags: authenticated ? FLAG_CONNECTION_ACCEPTED : 0,
            streamId: 0,
            payload: Buffer.alloc(0),
          });
          if (!authenticated) socket.end();
        } else if (message.type === MESSAGE_TYPE.ping) {
          send({ ...message, type: MESSAGE_TYPE.pingResponse });
        } else if (message.operation !== undefined) this.#call(message, send, ends, end);
        else if ((message.flags & FLAG_TERMINATE_STREAM) !== 0) end(message.streamId);
      }
    });
  }

  #connect(message: RpcMessage): boolean {
    if (message.type !== MESSAGE_TYPE.connect) return false;
    try {
      const { authToken } = JSON.parse(message.payload.toString('utf8')) as { authToken?: unknown };
      return typeof authToken === 'string' && this.#options.isToken(authToken);
    } catch {
      return false;
    }
  }

  #call(
    message: RpcMessage,
    send: (message: RpcMessage) => void,
    ends: Map<number, (() => void)[]>,
    end: (streamId: number) => void,
  ): void {
    const { streamId } = message;
    const operation = (message.operation ?? '').replace('aws.greengrass#', '');
    const isStream = operation.startsWith('Subscribe');
    try {
      const text = message.payload.toString('utf8');
      const response = this.#options.handle({
        operation,
        request: text === '' ? {} : (JSON.parse(text) as Record<string, unknown>),
        send: (shape, event) =>
          send({
            type: MESSAGE_TYPE.applicationMessage,
            flags: 0,
            streamId,
            shape: `aws.greengrass#${shape}`,
            payload: Buffer.from(JSON.stringify(event)),
          }),
        onEnd: (action) => ends.set(streamId, [...(ends.get(streamId) ?? []), action]),
      });
      send({
        type: MESSAGE_TYPE.applicationMessage,
        flags: isStream ? 0 : FLAG_TERMINATE_STREAM,
        streamId,
        shape: `aws.greengrass#${operation}Response`,
        payload: Buffer.from(JSON.stringify(response)),
      });
    } catch (error) {
      end(streamId);
      const shape = error instanceof IpcError ? error.shape : 'ServiceError';
      send({
        type: MESSAGE_TYPE.applicationError,
        flags: FLAG_TERMINATE_STREAM,
        streamId,
        shape: `aws.greengrass#${shape}`,
        payload: Buffer.from(JSON.stringify({ message: messageOf(error) })),
      });
    }
  }
}
