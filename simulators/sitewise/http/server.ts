import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { type Clock, type Logger, TwinError } from '../../../shared/core/index.js';
import { ApiFault } from '../api/faults.js';
import { type Handlers, READING, toWire } from '../api/handler.js';
import { validateRequest } from '../api/validate.js';
import {
  type ConnectionLimits,
  guardConnections,
  HeldBytes,
  readBody,
  serverOptions,
} from './connection-limits.js';
import type { EdgeLogin } from './edge-login.js';
import { type FaultRules, injectedFault, parseRules } from './fault-rules.js';
import type { Throttle } from './quotas.js';
import { route } from './router.js';
import type { AcceptedCredentials, SignatureVerifier } from './signature.js';

/** What the server counts. */
export interface SiteWiseCounters {
  requests: number;
  /** Requests by operation. */
  operations: Record<string, number>;
  /** Faults by code. */
  faults: Record<string, number>;
  /** Values stored. */
  values: number;
}

/** How the HTTP server is set up. */
export interface ApiServerOptions {
  host: string;
  port: number;
  tls?: { cert: string; key: string } | undefined;
  verifier: SignatureVerifier;
  /** Throws where the signer may not do this. */
  authorize(signer: AcceptedCredentials, operation: string, input: object): void;
  throttle: Throttle;
  faultRules: FaultRules;
  /** Logs gateway users in; left out: there is no such path. */
  edgeLogin?: EdgeLogin | undefined;
  /** Opens the control endpoint to whoever sends it as bearer token. */
  controlToken: string;
  limits: ConnectionLimits;
  clock: Clock;
  handlers: Handlers;
  counters: SiteWiseCounters;
  logger: Logger;
}

/** The API over HTTP. */
export interface ApiServer {
  port: number;
  close(): Promise<void>;
}

/** Where fault rules are read (GET), replaced (PUT) and removed (DELETE). */
export const CONTROL_PATH = '/_twinloop/faults';
/** A rule asked for a connection that ends without an answer. */
class ConnectionDropped extends Error {}

interface Answer {
  status: number;
  text: string;
}

function parseBody(body: Buffer): unknown {
  if (body.length === 0) return undefined;
  try {
    return JSON.parse(body.toString());
  } catch {
    throw new ApiFault('SerializationException', 'The body is not valid JSON.');
  }
}

/** Listens and answers. @throws TwinError `PORT_IN_USE` */
export async function startApiServer(options: ApiServerOptions): Promise<ApiServer> {
  const { verifier, handlers, counters, logger, limits } = options;
  const held = new HeldBytes(limits.maxHeldBytes);

  /** Reads or changes the fault rules. */
  function control(method: string, request: IncomingMessage, body: Buffer): Answer {
    if (request.headers.authorization !== `Bearer ${options.controlToken}`) {
      throw new ApiFault(
        'AccessDeniedException',
        'The control endpoint wants the secret access key as bearer token.',
      );
    }
    if (method === 'PUT') options.faultRules.set(parseRules(parseBody(body)));
    else if (method === 'DELETE') options.faultRules.set([]);
    else if (method !== 'GET') {
      throw new ApiFault('UnknownOperationException', `The control endpoint knows no ${method}.`);
    }
    return { status: 200, text: toWire({ rules: options.faultRules.get() }) };
  }

  async function answer(request: IncomingMessage, take: (bytes: number) => void): Promise<Answer> {
    // A client behind a proxy setting sends the whole URL.
    const target = (request.url ?? '/').replace(/^https?:\/\/[^/?]*/, '');
    const at = target.indexOf('?');
    const path = at < 0 ? target : target.slice(0, at);
    const query = at < 0 ? '' : target.slice(at + 1);
    const method = request.method ?? 'GET';
    const body = await readBody(request, take);
    if (path === CONTROL_PATH) return control(method, request, body);
    if (path === '/authenticate' && method === 'POST' && options.edgeLogin !== undefined) {
      return { status: 200, text: toWire(options.edgeLogin.authenticate(parseBody(body))) };
    }
    const found = route(method, path);
    if (found === undefined) {
      throw new ApiFault('UnknownOperationException', `No operation answers ${method} ${path}.`);
    }
    const { operation, labels } = found;
    counters.operations[operation.name] = (counters.operations[operation.name] ?? 0) + 1;
    const signer = verifier.verify({ method, path, query, headers: request.headers, body });
    if (signer.readOnly === true && !READING.test(operation.name)) {
      throw new ApiFault(
        'AccessDeniedException',
        `These keys may read only, not ${operation.name}.`,
      );
    }
    options.throttle.admit(operation);
    const rule = request.headers['x-twinloop-fault'];
    const faults = options.faultRules.decide(
      operation.name,
      typeof rule === 'string' ? rule : undefined,
    );
    if (faults.latencyMs > 0) await options.clock.sleep(faults.latencyMs);
    if (faults.drop === 'before') throw new ConnectionDropped();
    if (faults.error !== undefined) throw injectedFault(faults.error);
    const handler = handlers[operation.name];
    if (handler === undefined) {
      throw new ApiFault(
        'NotImplementedException',
        `${operation.name} is not offered by this stand-in for IoT SiteWise.`,
      );
    }
    const input = validateRequest(operation, {
      labels,
      query: new URLSearchParams(query),
      headers: request.headers,
      body: parseBody(body),
    });
    options.authorize(signer, operation.name, input as object);
    const output = await handler(input as never, faults);
    if (faults.drop === 'after') throw new ConnectionDropped();
    return { status: operation.successStatus, text: toWire(output) };
  }

  function toFault(error: unknown): ApiFault {
    if (error instanceof ApiFault) return error;
    // Reads go on; clients try writes again, and succeed as soon as there is room.
    if (error instanceof TwinError && error.code === 'STORAGE') {
      return new ApiFault('InternalFailureException', `${error.message} Nothing was changed.`);
    }
    logger.error('A request failed inside', { error: String((error as Error).stack ?? error) });
    return new ApiFault('InternalFailureException', 'An internal failure occurred.');
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

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    counters.requests++;
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
      const fault = toFault(error);
      counters.faults[fault.code] = (counters.faults[fault.code] ?? 0) + 1;
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
