import {
  type ClientSession,
  MessageSecurityMode,
  OPCUAClient,
  type SecurityPolicy,
  setErrorLogger,
  setWarningLogger,
} from 'node-opcua-client';
import type { OpcuaSourceConfig } from '../../shared/config/index.js';
import { type Logger, messageOf, TwinError } from '../../shared/core/index.js';
import { type Pki, userIdentity } from './opcua-security.js';
import { boundedTransports } from './opcua-transport.js';

const CONNECT_TIMEOUT_MS = 10_000;

/** The stack would print on stdout; what matters of it comes as an error as well. */
export function quietStack(logger: Logger): void {
  const say = (...texts: unknown[]) =>
    logger.debug('OPC UA stack', { text: texts.map(String).join(' ').trim() });
  setWarningLogger(say);
  setErrorLogger(say);
}

/** A client for a source's server, not connected yet. */
export function createClient(config: OpcuaSourceConfig, pki: Pki): OPCUAClient {
  return OPCUAClient.create({
    applicationName: 'Twinloop Edge',
    clientName: config.name,
    securityMode: MessageSecurityMode[config.securityMode],
    securityPolicy: config.securityPolicy as SecurityPolicy,
    endpointMustExist: false,
    clientCertificateManager: pki.manager,
    // A connection is tried once, and not mended: waiting and trying again is the runner's business.
    connectionStrategy: { maxRetry: 0, initialDelay: 200, maxDelay: 2000 },
    transportTimeout: CONNECT_TIMEOUT_MS,
    transportSettings: { maxMessageSize: config.maxMessageBytes },
    transportFactory: boundedTransports(config.maxMessageBytes),
    requestedSessionTimeout: 60_000,
  });
}

/**
 * Connects and opens a session.
 *
 * @param baseDir folder that files of the config are named from
 * @param reached is told how far it has come
 * @throws TwinError `NETWORK`, which names the certificate's file where it is about one
 */
export async function openSession(
  client: OPCUAClient,
  config: OpcuaSourceConfig,
  baseDir: string,
  reached: (what: string) => void = () => {},
): Promise<ClientSession> {
  const identity = await userIdentity(config, baseDir);
  await client.connect(config.endpointUrl);
  reached('a secure channel was opened');
  const session = await client.createSession(identity);
  reached('a session was opened');
  return session;
}

/**
 * Opens a session for a short while, beside the one of the source.
 *
 * @throws where there is none, or it breaks
 */
export async function withSession<T>(
  config: OpcuaSourceConfig,
  pki: Pki,
  baseDir: string,
  signal: AbortSignal,
  use: (session: ClientSession) => Promise<T>,
): Promise<T> {
  const client = createClient(config, pki);
  let session: ClientSession | undefined;
  let onAbort = () => {};
  const broken = new Promise<never>((_, reject) => {
    client.once('close', (error?: Error | null) => {
      session = undefined;
      reject(error ?? new Error('the connection was closed'));
    });
    onAbort = () => reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
  });
  // Told by the races below; what breaks after them is no fault.
  broken.catch(() => {});
  try {
    session = await Promise.race([openSession(client, config, baseDir), broken]);
    return await Promise.race([use(session), broken]);
  } finally {
    signal.removeEventListener('abort', onAbort);
    await closeSession(client, session);
  }
}

/** Takes leave of the server, but does not wait long for its answer. */
export async function closeSession(
  client: OPCUAClient,
  session: ClientSession | undefined,
): Promise<void> {
  await withinMs(1000, async () => {
    await session?.close(true);
  });
  await withinMs(500, () => client.disconnect());
}

/** An error of the stack, with what to do about certificates. */
export async function sessionError(
  error: unknown,
  config: OpcuaSourceConfig,
  pki: Pki,
): Promise<TwinError> {
  if (error instanceof TwinError) return error;
  const text =
    messageOf(error)
      .split('\n')[0]
      ?.replace(/[\s.]+$/, '') ?? '';
  const advice = await pki.advice(text);
  return new TwinError(
    'NETWORK',
    `No session with the OPC UA server ${config.endpointUrl}: ${text}.${advice}`,
    { cause: error, retryable: true },
  );
}

/** Gives a farewell its time, but not more. */
async function withinMs(ms: number, action: () => Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([action().catch(() => {}), deadline]);
  clearTimeout(timer);
}
