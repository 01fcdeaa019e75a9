import type { IncomingMessage, Server } from 'node:http';
import { ApiFault } from '../api/faults.js';

/** What clients that are slow, silent or many may take. */
export interface ConnectionLimits {
  /** Beyond so many connections a new one is closed at once. */
  maxConnections: number;
  /** A client has this long for its headers, and for the whole request. */
  headersTimeoutMs: number;
  requestTimeoutMs: number;
  /** A connection between two requests is closed after this time. */
  keepAliveTimeoutMs: number;
  /** One that neither sends nor takes anything, in the middle of an answer for instance, after this. */
  idleTimeoutMs: number;
  /** How often the first two are looked at. */
  checkEveryMs: number;
  /** Bodies and answers that all connections hold at a time; what comes on top is refused. */
  maxHeldBytes: number;
}

export const CONNECTION_LIMITS: Readonly<ConnectionLimits> = {
  maxConnections: 2_000,
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 30_000,
  keepAliveTimeoutMs: 30_000,
  idleTimeoutMs: 120_000,
  checkEveryMs: 2_000,
  maxHeldBytes: 256 * 1024 * 1024,
};

/** Longest body of a request, bytes. */
const MAX_BODY_BYTES = 12 * 1024 * 1024;

/** The limits as options of an HTTP server. */
export function serverOptions(limits: ConnectionLimits) {
  return {
    headersTimeout: limits.headersTimeoutMs,
    requestTimeout: limits.requestTimeoutMs,
    keepAliveTimeout: limits.keepAliveTimeoutMs,
    connectionsCheckingInterval: limits.checkEveryMs,
    maxHeaderSize: 32 * 1024,
  };
}

/** Holds a server's clients to the limits; what is no HTTP, or too slow, is told so and closed. */
export function guardConnections(server: Server, limits: ConnectionLimits): void {
  server.maxConnections = limits.maxConnections;
  server.timeout = limits.idleTimeoutMs;
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    const status =
      error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
        ? '408 Request Timeout'
        : error.code === 'HPE_HEADER_OVERFLOW'
          ? '431 Request Header Fields Too Large'
          : '400 Bad Request';
    if (socket.writable) socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\n\r\n`);
    // A client that is too slow to send may be too slow to take this as well.
    else socket.destroy();
    setTimeout(() => socket.destroy(), limits.checkEveryMs).unref();
  });
}

/** Counts the bytes that connections hold. */
export class HeldBytes {
  #bytes = 0;
  readonly #max: number;

  constructor(max: number) {
    this.#max = max;
  }

  /** @throws ApiFault `ServiceUnavailableException` when there is no room for them */
  take(bytes: number): void {
    if (this.#bytes + bytes > this.#max) {
      throw new ApiFault(
        'ServiceUnavailableException',
        'Too many requests are under way: try again later.',
      );
    }
    this.#bytes += bytes;
  }

  give(bytes: number): void {
    this.#bytes -= bytes;
  }
}

/**
 * A request's whole body.
 *
 * @param take asked before each piece is kept
 * @throws ApiFault `RequestEntityTooLargeException`, or what `take` throws: what is still to come
 *   is not read
 */
export function readBody(request: IncomingMessage, take: (bytes: number) => void): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const refuse = (error: unknown) => {
      request.removeAllListeners('data');
      reject(error);
    };
    const tooLarge = () =>
      new ApiFault(
        'RequestEntityTooLargeException',
        `The request's body must not exceed ${MAX_BODY_BYTES} bytes.`,
      );
    if (Number(request.headers['content-length'] ?? 0) > MAX_BODY_BYTES) {
      reject(tooLarge());
      return;
    }
    const chunks: Buffer[] = [];
    let size = 0;
    request.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size > MAX_BODY_BYTES) {
        refuse(tooLarge());
        return;
      }
      try {
        take(chunk.length);
      } catch (error) {
        refuse(error);
        return;
      }
      chunks.push(chunk);
    });
    request.on('end', () =>
      resolve(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks)),
    );
    request.on('error', reject);
    request.on('aborted', () => reject(new Error('The client hung up.')));
  });
}
