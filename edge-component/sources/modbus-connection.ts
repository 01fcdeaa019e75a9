import { Socket } from 'node:net';
import { ModbusTCPClient, UserRequestError } from 'jsmodbus';
import type { ModbusSourceConfig } from '../../shared/config/index.js';
import { messageOf, TwinError } from '../../shared/core/index.js';
import type { Block } from './modbus-registers.js';

/** A device answered that it will not, by one of the protocol's exceptions. */
export class ModbusException extends Error {
  constructor(readonly code: number) {
    super(`exception ${code}${NAMES[code] === undefined ? '' : ` (${NAMES[code]})`}`);
  }
}

/** No answer came in time. What comes later could be taken for the answer to another question. */
export class ModbusSilence extends Error {}

const NAMES: Readonly<Record<number, string>> = {
  1: 'illegal function',
  2: 'illegal data address',
  3: 'illegal data value',
  4: 'device failure',
  5: 'acknowledge',
  6: 'device busy',
  8: 'memory parity error',
  10: 'gateway path unavailable',
  11: 'gateway target does not respond',
};

/** A connection to a device, or to a gateway with several of them behind it. */
export interface ModbusConnection {
  /**
   * Reads a block.
   *
   * @returns the registers' bytes, or the bits packed from the least significant on
   * @throws ModbusException, ModbusSilence; any other error means that the connection is of no more use
   */
  read(block: Block): Promise<Buffer>;
  close(): void;
}

/** Connects. @throws where nobody answers in time, or the signal aborts */
export async function connectModbus(
  config: ModbusSourceConfig,
  units: Iterable<number>,
  signal: AbortSignal,
): Promise<ModbusConnection> {
  const socket = new Socket();
  // Each of the clients listens to the socket.
  socket.setMaxListeners(0);
  // They must see the socket connect, or they take it for offline. One that has asked nothing passes
  // over the answers to the others, and only one asks at a time.
  const clients = new Map(
    [...units].map((unit) => [unit, new ModbusTCPClient(socket, unit, config.timeoutMs)]),
  );
  await connectSocket(socket, config.host ?? '', config.port, config.timeoutMs, signal);
  return {
    read: async (block) => {
      const client = clients.get(block.unitId);
      if (client === undefined) throw new Error(`no client for unit ${block.unitId}`);
      try {
        const { unitId, body } = await request(client, block);
        if (unitId !== block.unitId) {
          throw new Error(`unit ${unitId} answered a request to unit ${block.unitId}`);
        }
        const data = body.valuesAsBuffer;
        const expected = bytesOf(block);
        if (data.length !== expected) {
          throw new Error(`the answer has ${data.length} bytes, expected ${expected}`);
        }
        return data;
      } catch (error) {
        if (!(error instanceof UserRequestError)) throw error;
        if (error.err === 'ModbusException') throw new ModbusException(codeOf(error));
        if (error.err === 'Timeout') {
          throw new ModbusSilence(`no answer within ${config.timeoutMs} ms`);
        }
        throw new Error(error.message ?? messageOf(error));
      }
    },
    close: () => socket.destroy(),
  };
}

/** Connects a socket within a time. @throws where it can't, or the signal aborts */
export function connectSocket(
  socket: Socket,
  host: string,
  port: number,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (error?: Error) => {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      if (error === undefined) return resolve();
      socket.destroy();
      reject(error);
    };
    const timer = setTimeout(
      () => settle(new Error(`no connection within ${timeoutMs} ms`)),
      timeoutMs,
    );
    const onAbort = () => settle(new TwinError('CANCELLED', 'The source was stopped.'));
    signal.addEventListener('abort', onAbort, { once: true });
    // Later faults reject the request that is under way.
    socket.on('error', (error) => settle(error));
    socket.connect({ host, port, noDelay: true }, () => settle());
  });
}

interface Answer {
  unitId: number;
  body: { valuesAsBuffer: Buffer };
}

async function request(client: ModbusTCPClient, block: Block): Promise<Answer> {
  const { table, start, count } = block;
  switch (table) {
    case 'holding':
      return (await client.readHoldingRegisters(start, count)).response as Answer;
    case 'input':
      return (await client.readInputRegisters(start, count)).response as Answer;
    case 'coil':
      return (await client.readCoils(start, count)).response as Answer;
    case 'discrete':
      return (await client.readDiscreteInputs(start, count)).response as Answer;
  }
}

/** Bytes that the answer to a block has. */
export function bytesOf({ table, count }: Block): number {
  return table === 'coil' || table === 'discrete' ? Math.ceil(count / 8) : 2 * count;
}

/** The exception code that a device answered with; 0 where it gave none. */
function codeOf({ response }: { response?: unknown }): number {
  const code = (response as { body?: { code?: unknown } } | undefined)?.body?.code;
  return typeof code === 'number' ? code : 0;
}
