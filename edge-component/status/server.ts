import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Closeable, messageOf, TwinError } from '../../shared/core/index.js';
import { createMetrics } from './metrics.js';
import type { EdgeStatus } from './status.js';

/** The status server of a running component. */
export interface StatusServer extends Closeable {
  /** e.g. `http://127.0.0.1:9464` */
  url: string;
}

/**
 * Serves `/status` (JSON), `/health` (200 or 503) and `/metrics` (Prometheus), on loopback only.
 *
 * @throws TwinError `PORT_IN_USE`
 */
export async function startStatusServer(
  port: number,
  status: () => EdgeStatus,
): Promise<StatusServer> {
  const metrics = createMetrics(status);
  const respond = (request: IncomingMessage, response: ServerResponse) => {
    const path = (request.url ?? '/').split('?')[0];
    if (request.method !== 'GET') answer(response, 405, { error: 'expected GET' });
    else if (path === '/status' || path === '/') answer(response, 200, status());
    else if (path === '/health') {
      const { healthy } = status();
      answer(response, healthy ? 200 : 503, { healthy });
    } else if (path === '/metrics') {
      metrics.text().then(
        (text) => {
          response.writeHead(200, { 'content-type': metrics.contentType });
          response.end(text);
        },
        () => answer(response, 500, { error: 'metrics are not available' }),
      );
    } else answer(response, 404, { error: 'there are /status, /health and /metrics' });
  };
  const server = createServer((request, response) => {
    try {
      respond(request, response);
    } catch (error) {
      // Whoever only looks on must not end the component.
      answer(response, 500, { error: messageOf(error) });
    }
  });
  server.requestTimeout = 5000;
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const message =
        error.code === 'EADDRINUSE'
          ? `Port ${port} on 127.0.0.1 is in use: set \`status.port\` to a free one, or 0 for any.`
          : `Could not listen on 127.0.0.1:${port}: ${error.message}`;
      reject(new TwinError('PORT_IN_USE', message, { cause: error }));
    });
    server.listen(port, '127.0.0.1', resolve);
  });
  const address = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${address.port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function answer(response: ServerResponse, code: number, body: unknown): void {
  response.writeHead(code, { 'content-type': 'application/json' });
  response.end(
    JSON.stringify(body, (_key, v: unknown) => (typeof v === 'bigint' ? v.toString() : v)),
  );
}
