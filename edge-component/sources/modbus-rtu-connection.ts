import { Socket } from 'node:net';
import type { ModbusRTU } from 'modbus-serial/ModbusRTU.js';
import type { ModbusSourceConfig } from '../../shared/config/index.js';
import { messageOf, TwinError } from '../../shared/core/index.js';
import {
  bytesOf,
  connectSocket,
  type ModbusConnection,
  ModbusException,
  ModbusSilence,
} from './modbus-connection.js';
import type { Block } from './modbus-registers.js';

/** What modbus-serial's errors carry. */
interface RtuError {
  name?: string;
  /** Exception code that the device answered with. */
  modbusCode?: number;
  errno?: string;
}

/**
 * Connects to devices that speak RTU frames: on a serial line, or behind a gateway that passes frames on as
 * they are.
 *
 * @throws where nobody answers in time, the port can't be opened, or the signal aborts
 */
export async function connectModbusRtu(
  config: ModbusSourceConfig,
  signal: AbortSignal,
): Promise<ModbusConnection> {
  // The library loads the serial driver, native code, where it is installed: only for those that need it.
  const { default: library } = await import('modbus-serial');
  // Its types give the class where its module is a namespace: the default of a CommonJS module.
  const Client = library as unknown as new () => ModbusRTU;
  const client = new Client();
  // Faults of the line reject the request that is under way, or the next one.
  client.on('error', () => {});
  const { host = '', port, serial } = config;
  if (serial === undefined) {
    const socket = new Socket();
    await connectSocket(socket, host, port, config.timeoutMs, signal);
    // By its name for it: frames with their checksum, as on the line (its "TcpRTUBuffered" is Modbus TCP).
    await client.linkTelnet(socket, {});
  } else {
    await openSerial(client, serial);
  }
  // Only now: before, it would end a connection that is idle for so long.
  client.setTimeout(config.timeoutMs);
  return {
    read: async (block) => {
      try {
        client.setID(block.unitId);
        const { buffer } = await request(client, block);
        const expected = bytesOf(block);
        if (buffer.length !== expected) {
          throw new Error(`the answer has ${buffer.length} bytes, expected ${expected}`);
        }
        return buffer;
      } catch (error) {
        const { modbusCode, name, errno } = error as RtuError;
        if (modbusCode !== undefined) throw new ModbusException(modbusCode);
        if (name === 'TransactionTimedOutError' || errno === 'ETIMEDOUT') {
          throw new ModbusSilence(`no answer within ${config.timeoutMs} ms`);
        }
        throw error;
      }
    },
    close: () => client.close(() => {}),
  };
}

async function openSerial(
  client: ModbusRTU,
  serial: NonNullable<ModbusSourceConfig['serial']>,
): Promise<void> {
  const { path, ...options } = serial;
  try {
    await client.connectRTUBuffered(path, options);
  } catch (error) {
    const why = messageOf(error);
    throw new TwinError(
      'NETWORK',
      /Cannot find (module|package)/.test(why)
        ? `The serial port ${path} needs the package serialport, which is not installed: install it beside twinloop (npm install serialport).`
        : `The serial port ${path} cannot be opened: ${why}. Look at its name, and that the component's user may use it (group dialout).`,
      { cause: error, retryable: true },
    );
  }
}

async function request(client: ModbusRTU, block: Block): Promise<{ buffer: Buffer }> {
  const { table, start, count } = block;
  switch (table) {
    case 'holding':
      return await client.readHoldingRegisters(start, count);
    case 'input':
      return await client.readInputRegisters(start, count);
    case 'coil':
      return await client.readCoils(start, count);
    case 'discrete':
      return await client.readDiscreteInputs(start, count);
  }
}
