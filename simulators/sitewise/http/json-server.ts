import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { TwinError } from '../../../shared/core/index.js';
import { ApiFault } from '../api/faults.js';
import { toWire } from '../api/handler.js';
import {
  type ConnectionLimits,
  guardConnections,
  HeldBytes,
  readBody,
  serverOptions,
} from './connection-limits.js';

/** A request as it came. */
export interface WireRequest {
  method: string;
  /** Still encoded, without the query. */
  path: string;
  /** Still encoded, without the question mark. */
  query: string;
  headers: IncomingMessage['headers'];
  body: Buffer;
}

export interface Answer {
  status: number;
  /** JSON. */
  text: string;
}

/** How a server for an API with JSON over HTTP is set up. */
export interface JsonServerOptions {
  host: string;
  port: number;
  tls?: { cert: string; key: string } | undefined;
  limits: ConnectionLimits;
  /** Answers a request. @throws ApiFault, {@link ConnectionDropped}, or anything for `toFault` */
  answer(request: WireRequest): Promise<Answer>;
  /** What a client is told of an error. */
  toFault(error: unknown): ApiFault;
  /** Called with every request, before it is read. */
  onRequest?(): void;
  /** Called with every fault that a client is told. */
  onFault?(fault: ApiFault): void;
}

/** A server that listens. */
export interface JsonServer {
  port: number;
  close(): Promise<void>;
}

/** Ends a connection without an answer. */
export class ConnectionDropped extends Error {}

/** The body as JSON; undefined where there is none. @throws ApiFault `SerializationException` */
export function parseBody(body: Buffer): unknown {
  if (body.length === 0) return undefined;
  try {
    return JSON.parse(body.toString());
  } catch {
    throw new ApiFault('SerializationException', 'The body is not valid JSON.');
  }
}

function send(response: ServerResponse, status: number, bytes: Buffer, errorType?: string) {
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': bytes.length,
    'x-amzn-requestid': randomUUID(),
    ...(errorType === undefined ? {} : { 'x-amzn-errortype': errorType }),
  });
  response.end(bytes);
}

/** Listens, holds its clients to the limits, and answers. @throws TwinError `PORT_IN_USE` */
export async function startJsonServer(options: JsonServerOptions): Promise<JsonServer> {
  const { limits } = options;
  const held = new HeldBytes(limits.maxHeldBytes);

  async function answer(request: IncomingMessage, take: (bytes: number) => void): Promise<Answer> {
    // A client behind a proxy setting sends the whole URL.
    const target = (request.url ?? '/').replace(/^https?:\/\/[^/?]*/, '');
    const at = target.indexOf('?');
    return options.answer({
      method: request.method ?? 'GET',
      path: at < 0 ? target : target.slice(0, at),
      query: at < 0 ? '' : target.slice(at + 1),
      headers: request.headers,
      body: await readBody(request, take),
    });
  }

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    options.onRequest?.();
    let bodyBytes = 0;
    const take = (bytes: number) => {
      held.take(bytes);
      bodyBytes += bytes;
    };
    try {
      const { status, text } = await answer(request, take);
      const bytes = Buffer.from(text);
      // A client that is slow to read has the server hold its answer meanwhile.
      held.take(bytes.length);
      response.once('close', () => held.give(bytes.length));
      send(response, status, bytes);
    } catch (error) {
      if (response.destroyed || response.headersSent) return;
      if (error instanceof ConnectionDropped) {
        request.socket.destroy();
        return;
      }
      const fault = options.toFault(error);
      options.onFault?.(fault);
      // What is left of a body that was not read would be taken for the next request.
      if (!request.complete) response.setHeader('connection', 'close');
      send(
        response,
        fault.status,
        Buffer.from(toWire({ message: fault.message, ...fault.members })),
        fault.code,
      );
    } finally {
      held.give(bodyBytes);
    }
  }

  const listener = (request: IncomingMessage, response: ServerResponse) =>
    void handle(request, response);
  const server: Server =
    options.tls === undefined
      ? createServer(serverOptions(limits), listener)
      : createTlsServer({ ...serverOptions(limits), ...options.tls }, listener);
  guardConnections(server, limits);
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) =>
      reject(
        error.code === 'EADDRINUSE'
          ? new TwinError(
              'PORT_IN_USE',
              `Port ${options.port} on ${options.host} is in use: choose another, or 0 for any free one.`,
              { cause: error },
            )
          : error,
      ),
    );
    server.listen(options.port, options.host, resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
