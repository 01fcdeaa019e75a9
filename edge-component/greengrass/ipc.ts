import { greengrasscoreipc } from 'aws-iot-device-sdk-v2';
import {
  type Clock,
  type Closeable,
  type Logger,
  messageOf,
  secondsToNs,
  TwinError,
} from '../../shared/core/index.js';

type Client = greengrasscoreipc.Client;

/** A packet over 10,000 bytes makes the nucleus close the socket; this leaves room for its frame. */
export const MAX_MESSAGE_BYTES = 7000;

const RECONNECT_MIN_MS = 500;
const RECONNECT_MAX_MS = 30_000;
/** A connection that stood for so long was a good one. */
const STABLE_NS = secondsToNs(60);

export interface GreengrassIpcOptions {
  clock: Clock;
  logger: Logger;
  /** Local topic whose messages are commands. */
  commandTopic: () => string;
  onConfiguration: () => void;
  onCommand: (message: unknown) => void;
}

/**
 * The component's line to its nucleus. The SDK does not reconnect: when the nucleus hangs up, a new
 * client is made and everything subscribed anew.
 */
export class GreengrassIpc implements Closeable {
  readonly #options: GreengrassIpcOptions;
  readonly #stop = new AbortController();
  #client: Client | undefined;
  /** The subscription to commands on this client. */
  #commands: { close(): Promise<void> } | undefined;
  #connectedNs = 0n;
  /** Times it was connected anew since a connection last stood for a while. */
  #attempts = 0;

  constructor(options: GreengrassIpcOptions) {
    this.#options = options;
  }

  /** @throws TwinError `NETWORK`, `ACCESS_DENIED` when the nucleus does not take us */
  async connect(): Promise<void> {
    const client = greengrasscoreipc.createClient();
    try {
      await client.connect();
    } catch (cause) {
      await client.close().catch(() => {});
      throw new TwinError('NETWORK', `No connection to the Greengrass nucleus: ${said(cause)}`, {
        cause,
        retryable: true,
      });
    }
    this.#client = client;
    this.#connectedNs = this.#options.clock.nowNs();
    client.on('disconnection', () => {
      this.#client = undefined;
      this.#commands = undefined;
      if (this.#options.clock.nowNs() - this.#connectedNs > STABLE_NS) this.#attempts = 0;
      if (this.#stop.signal.aborted) return;
      this.#options.logger.warn('The Greengrass nucleus hung up; connecting anew');
      void this.#reconnect();
    });
    await this.#subscribe(client);
  }

  /**
   * The component's whole configuration.
   *
   * @throws TwinError `NETWORK` when the nucleus does not hand it out
   */
  async configuration(): Promise<unknown> {
    const client = this.#require();
    // The SDK leaves a call open for ever when the nucleus hangs up on it.
    let onHangUp = () => {};
    const hungUp = new Promise<never>((_, reject) => {
      onHangUp = () => reject(new Error('it hung up'));
      client.once('disconnection', onHangUp);
    });
    try {
      return (await Promise.race([client.getConfiguration({ keyPath: [] }), hungUp])).value;
    } catch (cause) {
      throw new TwinError(
        'NETWORK',
        `The nucleus did not hand the configuration out: ${said(cause)}. If it is nucleus lite and the configuration is longer than 10,000 bytes, that is why: put it into a file on the gateway and name that as \`configFile\`, or use the classic nucleus.`,
        { cause, retryable: true },
      );
    } finally {
      client.removeListener('disconnection', onHangUp);
    }
  }

  /** Tells the nucleus how we are; lite and classic both take it. */
  async updateState(state: 'RUNNING' | 'ERRORED'): Promise<void> {
    try {
      await this.#client?.updateState({
        state: greengrasscoreipc.model.ReportedLifecycleState[state],
      });
    } catch (error) {
      this.#options.logger.warn('The nucleus did not take the state', {
        state,
        error: said(error),
      });
    }
  }

  /** Publishes on a local topic; a nucleus that refuses or is away is not waited for. */
  async publish(topic: string, message: object): Promise<void> {
    const text = JSON.stringify(message, (_key, v: unknown) =>
      typeof v === 'bigint' ? v.toString() : v,
    );
    if (Buffer.byteLength(text) > MAX_MESSAGE_BYTES) {
      throw new TwinError(
        'VALUE_INVALID',
        `A local message of ${Buffer.byteLength(text)} bytes: the nucleus takes ${MAX_MESSAGE_BYTES}.`,
      );
    }
    try {
      await this.#client?.publishToTopic({
        topic,
        publishMessage: { jsonMessage: { message: JSON.parse(text) } },
      });
    } catch (error) {
      this.#options.logger.warn('A local message was not taken', { topic, error: said(error) });
    }
  }

  get connected(): boolean {
    return this.#client !== undefined;
  }

  async close(): Promise<void> {
    this.#stop.abort();
    const client = this.#client;
    this.#client = undefined;
    await client?.close().catch(() => {});
  }

  #require(): Client {
    if (this.#client === undefined) {
      throw new TwinError('NETWORK', 'The Greengrass nucleus is not connected.', {
        retryable: true,
      });
    }
    return this.#client;
  }

  async #subscribe(client: Client): Promise<void> {
    const updates = client.subscribeToConfigurationUpdate({ keyPath: [] });
    // The event says where, not what: it is read again as a whole.
    updates.on('message', () => this.#options.onConfiguration());
    await updates.activate();
    await this.#subscribeToCommands(client);
  }

  /** Listens on the topic of commands, as it is now. */
  async subscribeToCommands(): Promise<void> {
    if (this.#client !== undefined) await this.#subscribeToCommands(this.#client);
  }

  async #subscribeToCommands(client: Client): Promise<void> {
    const { logger } = this.#options;
    await this.#commands?.close().catch((error: unknown) => {
      logger.debug('The last topic of commands was not given up', { error: said(error) });
    });
    this.#commands = undefined;
    const topic = this.#options.commandTopic();
    try {
      const commands = client.subscribeToTopic({ topic });
      commands.on('message', (message) => {
        this.#options.onCommand(message.jsonMessage?.message ?? parse(message.binaryMessage));
      });
      await commands.activate();
      this.#commands = commands;
    } catch (error) {
      // Without commands the component does its work all the same.
      logger.warn('Commands are not available on the local topic', { topic, error: said(error) });
    }
  }

  async #reconnect(): Promise<void> {
    const { clock, logger } = this.#options;
    while (!this.#stop.signal.aborted) {
      const doublings = Math.min(this.#attempts++, 20);
      const waitMs = Math.min(RECONNECT_MAX_MS, RECONNECT_MIN_MS * 2 ** doublings);
      try {
        await clock.sleep(waitMs, this.#stop.signal);
        await this.connect();
        await this.updateState('RUNNING');
        // What changed while we were away.
        this.#options.onConfiguration();
        logger.info('The Greengrass nucleus is connected again');
        return;
      } catch (error) {
        logger.debug('The Greengrass nucleus cannot be reached', { error: messageOf(error) });
      }
    }
  }
}

function parse(message: { message?: unknown } | undefined): unknown {
  const { message: payload } = message ?? {};
  if (payload === undefined || payload === null) return undefined;
  try {
    return JSON.parse(
      typeof payload === 'string' ? payload : Buffer.from(payload as ArrayBuffer).toString('utf8'),
    );
  } catch {
    return undefined;
  }
}

/** The SDK hides what the nucleus said in `serviceError`. */
function said(error: unknown): string {
  const { serviceError } = error as { serviceError?: { message?: string } };
  const text = serviceError?.message ?? messageOf(error);
  return serviceError === undefined ? text : `${serviceError.constructor.name}: ${text}`;
}
