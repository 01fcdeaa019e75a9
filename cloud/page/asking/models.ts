import type { Closeable, Logger } from '../../../shared/core/index.js';
import type { Twin, TwinModel } from '../../../shared/twin/index.js';

/** Models that are kept open at once; the one that was not asked for longest goes first. */
const MOST_OPEN = 4;

/** The models of twins, started when one is asked and kept warm: assets of one twin share it. */
export class Models implements Closeable {
  readonly #open = new Map<string, Promise<TwinModel>>();
  readonly #logger: Logger;
  readonly #lanes: number | undefined;
  #closed = false;

  constructor(logger: Logger, lanes?: number) {
    this.#logger = logger;
    this.#lanes = lanes;
  }

  /** @throws TwinError as the FMU's import does */
  async of(twin: Twin): Promise<TwinModel> {
    const known = this.#open.get(twin.hash);
    this.#open.delete(twin.hash);
    const model = known ?? this.#start(twin);
    this.#open.set(twin.hash, model);
    if (this.#open.size > MOST_OPEN) {
      const [oldest] = this.#open.keys();
      if (oldest !== undefined) await this.#stop(oldest);
    }
    try {
      return await model;
    } catch (error) {
      // The next question tries again.
      this.#open.delete(twin.hash);
      throw error;
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#open.keys()].map((hash) => this.#stop(hash)));
  }

  async #start(twin: Twin): Promise<TwinModel> {
    // Loaded when a twin is asked: many pages only show.
    const { createTwinModel } = await import('../../../shared/twin/index.js');
    const lanes = this.#lanes === undefined ? {} : { lanes: this.#lanes };
    const model = await createTwinModel(twin, { logger: this.#logger, ...lanes });
    if (this.#closed) await model.close();
    return model;
  }

  async #stop(hash: string): Promise<void> {
    const model = this.#open.get(hash);
    this.#open.delete(hash);
    // One that never started has nothing to close; who asked for it was told.
    await model?.then(
      (m) => m.close(),
      () => undefined,
    );
  }
}
