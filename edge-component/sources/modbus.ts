import { Socket } from 'node:net';
import { ModbusTCPClient, UserRequestError } from 'jsmodbus';
import type { ModbusSourceConfig } from '../../shared/config/index.js';
import {
  type Clock,
  type Logger,
  messageOf,
  secondsToNs,
  TwinError,
} from '../../shared/core/index.js';
import type { RawSample } from '../pipeline/signal-pipeline.js';
import { type Block, planBlocks, readValue } from './modbus-registers.js';
import type { Source, SourceSink } from './source.js';

/** Polls a Modbus TCP device. */
export function createModbusSource(options: {
  config: ModbusSourceConfig;
  clock: Clock;
  logger: Logger;
}): Source {
  const { config, clock, logger } = options;
  // What the device refuses to read as one block is read signal by signal from then on.
  let blocks = planBlocks(config.signals, config.maxGap);
  return {
    run: async (sink, signal) => {
      const socket = new Socket();
      try {
        // It must see the socket connect, or it takes it for offline.
        const client = new ModbusTCPClient(socket, config.unitId, config.timeoutMs);
        await connect(socket, config, signal);
        const periodNs = secondsToNs(config.pollIntervalMs / 1000);
        let dueNs = clock.nowNs();
        while (!signal.aborted) {
          blocks = await poll(config, client, blocks, sink, clock, logger);
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
        socket.destroy();
      }
    },
  };
}

function connect(socket: Socket, config: ModbusSourceConfig, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (error: Error) => {
      socket.destroy();
      reject(asNetworkError(error, config));
    };
    const timer = setTimeout(
      () => fail(new Error(`no answer within ${config.timeoutMs} ms`)),
      config.timeoutMs,
    );
    const onAbort = () => fail(new Error('stopped'));
    signal.addEventListener('abort', onAbort, { once: true });
    socket.once('error', (error) => {
      clearTimeout(timer);
      fail(error);
    });
    socket.connect({ host: config.host, port: config.port, noDelay: true }, () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      // Later faults reject the request that is under way.
      socket.on('error', () => {});
      resolve();
    });
  });
}

/** Reads every block once. @returns the blocks to read next time */
async function poll(
  config: ModbusSourceConfig,
  client: ModbusTCPClient,
  blocks: readonly Block[],
  sink: SourceSink,
  clock: Clock,
  logger: Logger,
): Promise<Block[]> {
  const samples: RawSample[] = [];
  const next: Block[] = [];
  for (const block of blocks) {
    let data: Buffer | undefined;
    try {
      data = await readBlock(client, block);
    } catch (error) {
      // The device answered that it will not; a timeout or garbage ends the connection instead,
      // for after that no answer can be told from a late one.
      if (!(error instanceof UserRequestError) || error.err !== 'ModbusException') throw error;
      const code = exceptionCodeOf(error);
      // Busy, failed, no answer behind a gateway: that passes, and the block is asked for again.
      if (NOT_AS_BLOCK.has(code) && block.signals.length > 1) {
        logger.warn('Modbus device refuses a block; reading its signals one by one', {
          source: config.name,
          table: block.table,
          start: block.start,
          count: block.count,
          error: messageOf(error),
        });
        for (const index of block.signals) {
          const signal = config.signals[index];
          if (signal === undefined) continue;
          const [single] = planBlocks([signal], 0);
          if (single !== undefined) next.push({ ...single, signals: [index] });
        }
        continue;
      }
    }
    next.push(block);
    const timeNs = clock.nowNs();
    for (const index of block.signals) {
      const signal = config.signals[index];
      if (signal === undefined) continue;
      const value = data === undefined ? undefined : readValue(signal, block, data);
      samples.push(
        value === undefined
          ? { signal: index, timeNs, quality: 'BAD', value: null }
          : { signal: index, timeNs, quality: 'GOOD', value },
      );
    }
  }
  await sink.deliver(samples);
  return next;
}

/** Illegal data address, illegal data value: the block as such cannot be read. */
const NOT_AS_BLOCK: ReadonlySet<number> = new Set([2, 3]);

/** The exception code that a device answered with; 0 where it gave none. */
function exceptionCodeOf({ response }: { response?: unknown }): number {
  const code = (response as { body?: { code?: unknown } } | undefined)?.body?.code;
  return typeof code === 'number' ? code : 0;
}

async function readBlock(client: ModbusTCPClient, block: Block): Promise<Buffer> {
  const { start, count } = block;
  switch (block.table) {
    case 'holding':
      return (await client.readHoldingRegisters(start, count)).response.body.valuesAsBuffer;
    case 'input':
      return (await client.readInputRegisters(start, count)).response.body.valuesAsBuffer;
    case 'coil':
      return (await client.readCoils(start, count)).response.body.valuesAsBuffer;
    case 'discrete':
      return (await client.readDiscreteInputs(start, count)).response.body.valuesAsBuffer;
  }
}

function asNetworkError(error: unknown, config: ModbusSourceConfig): TwinError {
  if (error instanceof TwinError) return error;
  const message = (error as { message?: string }).message ?? messageOf(error);
  return new TwinError(
    'NETWORK',
    `The Modbus device ${config.host}:${config.port} (unit ${config.unitId}) cannot be read: ${message}`,
    { cause: error, retryable: true },
  );
}
