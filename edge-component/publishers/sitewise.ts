import type { IoTSiteWiseClient } from '@aws-sdk/client-iotsitewise';
import type { SiteWisePublisherConfig } from '../../shared/config/index.js';
import {
  type Clock,
  type Logger,
  type Rng,
  readUserFile,
  type StreamTqv,
} from '../../shared/core/index.js';
import {
  createSiteWiseClient,
  createSiteWiseWriter,
  type RefusedSample,
  type SiteWiseWriter,
} from '../../shared/sitewise/index.js';
import type { OutboxEntry } from '../outbox/outbox.js';
import type { DataType } from '../outbox/record.js';
import { readSecret } from '../secrets.js';
import type { Publisher, SendOutcome } from './publisher.js';

/** A request carries 10 × 10 values; so many requests' worth is read at a time. */
const BATCH_SIZE = 2000;
/** Fewer could not be shared between live values and a backlog. */
const MIN_BATCH_SIZE = 10;

/**
 * What someone has to mend before values are taken: they are held, not given up. Faults of the
 * network come back with other codes and are sent again at once.
 */
const HELD_CODES = new Set(['AccessDeniedException', 'ResourceNotFoundException']);

/** Publishes to the SiteWise API. */
export class SiteWisePublisher implements Publisher {
  readonly batchSize: number;
  readonly concurrency = 1;
  readonly maxWaitMs = 200;
  readonly #config: SiteWisePublisherConfig;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #dataTypes = new Map<string, DataType>();
  #client: IoTSiteWiseClient | undefined;
  #writer: SiteWiseWriter | undefined;
  #messages = 0;
  #reached = false;
  readonly #rng: Rng;

  constructor(
    config: SiteWisePublisherConfig,
    options: { clock: Clock; logger: Logger; rng: Rng },
  ) {
    this.#config = config;
    this.#clock = options.clock;
    this.#logger = options.logger;
    this.#rng = options.rng;
    this.batchSize = Math.min(BATCH_SIZE, Math.max(MIN_BATCH_SIZE, config.maxValuesPerS));
  }

  /** There is no connection to speak of: connected means that the last request was answered. */
  get connected(): boolean {
    return this.#writer !== undefined && this.#reached;
  }

  get messages(): number {
    return this.#messages;
  }

  async connect(): Promise<void> {
    const { endpoint, region, credentials, caFile } = this.#config;
    this.#client?.destroy();
    this.#client = createSiteWiseClient({
      ...(endpoint === undefined ? {} : { endpoint }),
      ...(region === undefined ? {} : { region }),
      ...(caFile === undefined
        ? {}
        : { ca: (await readUserFile(caFile, 'CA certificate')).toString('utf8') }),
      ...(credentials === undefined
        ? {}
        : {
            credentials: {
              accessKeyId: credentials.accessKeyId,
              secretAccessKey: await readSecret(credentials.secretAccessKey),
              ...(credentials.sessionToken === undefined
                ? {}
                : { sessionToken: await readSecret(credentials.sessionToken) }),
            },
          }),
    });
    this.#client.middlewareStack.add(
      (next) => (args) => {
        this.#messages++;
        return next(args);
      },
      { step: 'initialize', name: 'countRequests' },
    );
    this.#writer = createSiteWiseWriter({
      client: this.#client,
      clock: this.#clock,
      logger: this.#logger,
      rng: this.#rng,
      maxAttempts: 3,
      dataTypeOf: (alias) => this.#dataTypes.get(alias),
    });
    this.#reached = true;
  }

  async send(
    entries: readonly OutboxEntry[],
    delivered: (entries: readonly OutboxEntry[]) => void,
    signal: AbortSignal,
  ): Promise<SendOutcome> {
    const outcome: SendOutcome = { rejected: [], retry: [], held: [] };
    const writer = this.#writer;
    if (writer === undefined) return { ...outcome, retry: [...entries], error: 'not connected' };
    const startMs = performance.now();
    const bySample = new Map<StreamTqv, OutboxEntry>();
    for (const entry of entries) {
      bySample.set(entry.sample, entry);
      this.#dataTypes.set(entry.sample.alias, entry.sample.dataType);
    }
    let result: Awaited<ReturnType<SiteWiseWriter['write']>>;
    try {
      result = await writer.write([...bySample.keys()], signal);
    } catch (error) {
      if (!signal.aborted) throw error;
      return { ...outcome, retry: [...entries], error: 'stopped' };
    }
    const take = (refused: RefusedSample) => {
      const entry = bySample.get(refused.sample);
      bySample.delete(refused.sample);
      return entry;
    };
    for (const refused of result.rejected) {
      const entry = take(refused);
      if (entry !== undefined) outcome.rejected.push({ ...refused, entry });
    }
    for (const refused of result.retry) {
      const entry = take(refused);
      if (entry === undefined) continue;
      if (HELD_CODES.has(refused.code)) outcome.held.push({ ...refused, entry });
      else {
        outcome.retry.push(entry);
        outcome.error = `${refused.code}: ${refused.message}`;
      }
    }
    delivered([...bySample.values()]);
    this.#reached = outcome.retry.length < entries.length;
    // Keeps to the rate limit: a batch takes at least the time that its values are worth.
    const spentMs = performance.now() - startMs;
    const dueMs = (entries.length / this.#config.maxValuesPerS) * 1000;
    if (dueMs > spentMs) await this.#clock.sleep(dueMs - spentMs, signal).catch(() => {});
    return outcome;
  }

  async close(): Promise<void> {
    this.#client?.destroy();
    this.#client = undefined;
    this.#writer = undefined;
  }
}
