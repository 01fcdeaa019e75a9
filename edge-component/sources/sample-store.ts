import type { SourceConfig } from '../../shared/config/index.js';
import { type Clock, type Logger, messageOf, TwinError } from '../../shared/core/index.js';
import type { Checkpoint } from '../outbox/outbox.js';
import type { EdgeSample } from '../outbox/record.js';
import type { SourceLedger } from '../pipeline/source-ledger.js';

/** Where a runner hands its samples. */
export interface SampleSink {
  append(samples: readonly EdgeSample[], checkpoint?: Checkpoint): Promise<void>;
  checkpoint(source: string): string | undefined;
  readonly slow: boolean;
}

/** Stores what comes of one source, and keeps its ledger meanwhile. */
export class SampleStore {
  readonly #sink: SampleSink;
  readonly #config: SourceConfig;
  readonly #ledger: SourceLedger;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #stop: AbortSignal;

  /** @param stop aborts when nothing is tried again any more */
  constructor(
    sink: SampleSink,
    config: SourceConfig,
    ledger: SourceLedger,
    { clock, logger }: { clock: Clock; logger: Logger },
    stop: AbortSignal,
  ) {
    this.#sink = sink;
    this.#config = config;
    this.#ledger = ledger;
    this.#clock = clock;
    this.#logger = logger;
    this.#stop = stop;
  }

  /** Tries until the samples are stored, a full disk is waited for; follows their readings meanwhile. */
  async write(out: readonly EdgeSample[], checkpoint?: Checkpoint): Promise<void> {
    const readings = out.reduce((n, { made }) => (made === true ? n : n + 1), 0);
    this.#ledger.hold(readings);
    this.#ledger.inFlight += out.length;
    try {
      await this.#append(out, checkpoint);
      this.#tell(this.#ledger.store(out));
    } catch (error) {
      if (readings > 0) this.#ledger.refuse('not-stored', readings);
      throw error;
    } finally {
      this.#ledger.hold(-readings);
      this.#ledger.inFlight -= out.length;
    }
  }

  /** Tries once. @returns whether it is stored */
  async writeOnce(sample: EdgeSample): Promise<boolean> {
    this.#ledger.inFlight++;
    try {
      await this.#sink.append([sample]);
      this.#ledger.store([sample]);
      return true;
    } catch {
      // The outbox itself reports what is wrong with it.
      return false;
    } finally {
      this.#ledger.inFlight--;
    }
  }

  /** Says that values of the component's own were not stored. */
  warn(what: string): (error: unknown) => void {
    return (error) =>
      this.#logger.warn(`${what} could not be stored`, {
        source: this.#config.name,
        error: messageOf(error),
      });
  }

  /** Each reason once, with an example: the counts say how it goes on. */
  #tell(firsts: readonly EdgeSample[]): void {
    for (const { alias, quality, reason } of firsts) {
      if (reason === 'source-down') continue;
      const { name: source } = this.#config;
      this.#logger.warn('Values are not GOOD', { source, alias, quality, reason });
    }
  }

  async #append(out: readonly EdgeSample[], checkpoint: Checkpoint | undefined): Promise<void> {
    for (let attempt = 0; ; attempt++) {
      try {
        await this.#sink.append(out, checkpoint);
        return;
      } catch (error) {
        if (!(error instanceof TwinError && error.retryable) || this.#stop.aborted) {
          throw error;
        }
        if (attempt === 0) {
          this.#logger.error('Samples could not be stored; trying again', {
            source: this.#config.name,
            count: out.length,
            error: messageOf(error),
          });
        }
        await this.#clock.sleep(Math.min(5000, 100 * 2 ** attempt), this.#stop);
      }
    }
  }
}
