import type { ModbusSourceConfig } from '../../shared/config/index.js';
import {
  type Clock,
  type Logger,
  messageOf,
  secondsToNs,
  TwinError,
} from '../../shared/core/index.js';
import type { RawSample } from '../pipeline/signal-pipeline.js';
import {
  connectModbus,
  type ModbusConnection,
  ModbusException,
  ModbusSilence,
} from './modbus-connection.js';
import { type Block, planBlocks, readValue } from './modbus-registers.js';
import type { Source } from './source.js';

/** A unit that gave no answer is not asked again for so long: each time costs all others the timeout. */
const REST_NS = secondsToNs(10);
/** Illegal data address, illegal data value: the block as such cannot be read. */
const NOT_AS_BLOCK: ReadonlySet<number> = new Set([2, 3]);

interface Options {
  config: ModbusSourceConfig;
  clock: Clock;
  logger: Logger;
}

/** Polls a Modbus device, or several behind one gateway or on one line. */
export function createModbusSource(options: Options): Source {
  const { config, clock } = options;
  // What the device refuses to read as one block is read signal by signal from then on.
  const poller = new Poller(options, planBlocks(config.signals, config.maxGap, config.unitId));
  return {
    run: async (sink, signal) => {
      try {
        await poller.open(signal);
        const periodNs = secondsToNs(config.pollIntervalMs / 1000);
        let dueNs = clock.nowNs();
        while (!signal.aborted) {
          const samples = await poller.poll(signal, () =>
            sink.progress('an attempt to read a block'),
          );
          await sink.deliver(samples);
          sink.up();
          await sink.ready(signal);
          // The schedule is kept; polls that were missed meanwhile are not made up for.
          const nowNs = clock.nowNs();
          dueNs += periodNs;
          if (dueNs <= nowNs || dueNs - nowNs > periodNs) {
            dueNs =
              dueNs <= nowNs ? nowNs + (periodNs - ((nowNs - dueNs) % periodNs)) : nowNs + periodNs;
          }
          await clock.sleep(Number(dueNs - nowNs) / 1e6, signal);
        }
      } catch (error) {
        if (!signal.aborted) throw asNetworkError(error, config);
      } finally {
        poller.close();
      }
    },
  };
}

/** Reads all blocks, again and again, over one connection. */
class Poller {
  readonly #options: Options;
  readonly #units: ReadonlySet<number>;
  #blocks: readonly Block[];
  #connection: ModbusConnection | undefined;
  /** Until when units that gave no answer are left alone. */
  readonly #resting = new Map<number, bigint>();

  constructor(options: Options, blocks: readonly Block[]) {
    this.#options = options;
    this.#blocks = blocks;
    this.#units = new Set(blocks.map((b) => b.unitId));
  }

  async open(signal: AbortSignal): Promise<void> {
    this.#resting.clear();
    await this.#connect(signal);
  }

  close(): void {
    this.#connection?.close();
    this.#connection = undefined;
  }

  async #connect(signal: AbortSignal): Promise<void> {
    this.close();
    const { config } = this.#options;
    if (config.connection === 'tcp') {
      this.#connection = await connectModbus(config, this.#units, signal);
      return;
    }
    const { connectModbusRtu } = await import('./modbus-rtu-connection.js');
    this.#connection = await connectModbusRtu(config, signal);
  }

  /**
   * Reads every block once.
   *
   * @param asked is called after each: a unit that gives no answer costs its timeout
   * @throws where the connection is lost, or no unit answers
   */
  async poll(signal: AbortSignal, asked: () => void): Promise<RawSample[]> {
    const samples: RawSample[] = [];
    const next: Block[] = [];
    for (const block of this.#blocks) {
      const outcome = await this.#read(block, signal);
      asked();
      if (outcome === 'split') {
        next.push(...this.#split(block));
        continue;
      }
      next.push(block);
      this.#take(block, outcome, samples);
    }
    this.#blocks = next;
    return samples;
  }

  /** @returns a block's bytes, why there are none, or that it must be read in parts */
  async #read(block: Block, signal: AbortSignal): Promise<Buffer | string | 'split'> {
    const { config, clock, logger } = this.#options;
    const { unitId } = block;
    const restsUntil = this.#resting.get(unitId);
    if (restsUntil !== undefined && clock.nowNs() < restsUntil) {
      // A clock that was set back would let it rest for ever.
      if (restsUntil - clock.nowNs() <= REST_NS) return 'modbus-timeout';
    }
    try {
      const data = await this.#connection?.read(block);
      if (this.#resting.delete(unitId)) {
        logger.info('Modbus unit answers again', { source: config.name, unitId });
      }
      return data ?? 'modbus-timeout';
    } catch (error) {
      if (error instanceof ModbusException) {
        // Busy, failed, no answer behind a gateway: that passes, and the block is asked for again.
        if (NOT_AS_BLOCK.has(error.code) && block.signals.length > 1) return 'split';
        return `modbus-exception-${error.code}`;
      }
      // After silence or garbage no answer can be told from a late one: the connection is built anew.
      if (!(error instanceof ModbusSilence)) throw error;
      const known = this.#resting.has(unitId);
      this.#resting.set(unitId, clock.nowNs() + REST_NS);
      if (this.#resting.size === this.#units.size) throw error;
      if (!known) {
        logger.warn('Modbus unit does not answer; the others are read on', {
          source: config.name,
          unitId,
        });
      }
      await this.#connect(signal);
      return 'modbus-timeout';
    }
  }

  #split(block: Block): Block[] {
    const { config, logger } = this.#options;
    logger.warn('Modbus device refuses a block; reading its signals one by one', {
      source: config.name,
      unitId: block.unitId,
      table: block.table,
      start: block.start,
      count: block.count,
    });
    return block.signals.flatMap((index) => {
      const signal = config.signals[index];
      if (signal === undefined) return [];
      const singles = planBlocks([signal], 0, config.unitId);
      return singles.map((single) => ({ ...single, signals: [index] }));
    });
  }

  #take(block: Block, outcome: Buffer | string, samples: RawSample[]): void {
    const { config, clock } = this.#options;
    const timeNs = clock.nowNs();
    for (const index of block.signals) {
      const signal = config.signals[index];
      if (signal === undefined) continue;
      const value = typeof outcome === 'string' ? undefined : readValue(signal, block, outcome);
      const reason = typeof outcome === 'string' ? outcome : 'modbus-short-answer';
      samples.push(
        value === undefined
          ? { signal: index, timeNs, quality: 'BAD', value: null, reason }
          : { signal: index, timeNs, quality: 'GOOD', value },
      );
    }
  }
}

function asNetworkError(error: unknown, config: ModbusSourceConfig): TwinError {
  if (error instanceof TwinError) return error;
  return new TwinError(
    'NETWORK',
    `The Modbus device ${config.serial?.path ?? `${config.host}:${config.port}`} (unit ${config.unitId}) cannot be read: ${messageOf(error)}`,
    { cause: error, retryable: true },
  );
}
