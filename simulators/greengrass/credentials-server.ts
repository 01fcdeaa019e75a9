import { randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Closeable } from '../../shared/core/index.js';

/** Keys that the stand-in's token exchange service gives out. */
export interface ExchangedCredentials {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken?: string;
}

/** A token exchange service, as the AWS SDK's container credentials expect it. */
export async function startCredentialsServer(
  credentials: ExchangedCredentials,
): Promise<Closeable & { url: string; token: string }> {
  const token = randomBytes(24).toString('hex');
  const server = createServer((request, response) => {
    if (request.headers.authorization !== token) {
      response.writeHead(403);
      response.end();
      return;
    }
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(
      JSON.stringify({
        AccessKeyId: credentials.accessKeyId,
        SecretAccessKey: credentials.secretAccessKey,
        Token: credentials.sessionToken ?? '',
        Expiration: new Date(Date.now() + 3_600_000).toISOString(),
      }),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/2016-11-01/credentialprovider/`,
    token,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
