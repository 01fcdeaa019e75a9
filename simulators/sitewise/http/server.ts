import { type Clock, type Logger, TwinError } from '../../../shared/core/index.js';
import { ApiFault } from '../api/faults.js';
import { type Handlers, READING, toWire } from '../api/handler.js';
import { whyNotOffered } from '../api/not-offered.js';
import { OPERATIONS } from '../api/schema.js';
import { validateRequest } from '../api/validate.js';
import type { NotificationCounters } from '../notification-publisher.js';
import type { ConnectionLimits } from './connection-limits.js';
import type { EdgeLogin } from './edge-login.js';
import { type FaultRules, injectedFault, parseRules } from './fault-rules.js';
import {
  type Answer,
  ConnectionDropped,
  type JsonServer,
  parseBody,
  startJsonServer,
  type WireRequest,
} from './json-server.js';
import type { Throttle } from './quotas.js';
import { createRouter } from './router.js';
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
  /** Property notifications, where a broker is named for them. */
  notifications: NotificationCounters;
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

/** Where fault rules are read (GET), replaced (PUT) and removed (DELETE). */
export const CONTROL_PATH = '/_twinloop/faults';
const route = createRouter(OPERATIONS.values());

/** Listens and answers. @throws TwinError `PORT_IN_USE` */
export function startApiServer(options: ApiServerOptions): Promise<JsonServer> {
  const { verifier, handlers, counters, logger, limits, host, port, tls } = options;

  /** Reads or changes the fault rules. */
  function control({ method, headers, body }: WireRequest): Answer {
    if (headers.authorization !== `Bearer ${options.controlToken}`) {
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

  async function answer(request: WireRequest): Promise<Answer> {
    const { method, path, query, headers, body } = request;
    if (path === CONTROL_PATH) return control(request);
    if (path === '/authenticate' && method === 'POST' && options.edgeLogin !== undefined) {
      return { status: 200, text: toWire(options.edgeLogin.authenticate(parseBody(body))) };
    }
    const found = route(method, path);
    if (found === undefined) {
      throw new ApiFault('UnknownOperationException', `No operation answers ${method} ${path}.`);
    }
    const { operation, labels } = found;
    counters.operations[operation.name] = (counters.operations[operation.name] ?? 0) + 1;
    const signer = verifier.verify(request);
    if (signer.readOnly === true && !READING.test(operation.name)) {
      throw new ApiFault(
        'AccessDeniedException',
        `These keys may read only, not ${operation.name}.`,
      );
    }
    options.throttle.admit(operation);
    const rule = headers['x-twinloop-fault'];
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
        `${operation.name} is not offered by this stand-in for IoT SiteWise: ${whyNotOffered(operation)}.`,
      );
    }
    const input = validateRequest(operation, {
      labels,
      query: new URLSearchParams(query),
      headers,
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

  return startJsonServer({
    host,
    port,
    tls,
    limits,
    answer,
    toFault,
    onRequest: () => {
      counters.requests++;
    },
    onFault: ({ code }) => {
      counters.faults[code] = (counters.faults[code] ?? 0) + 1;
    },
  });
}
