import type { AddressInfo } from 'node:net';
import { createServer, type Server, type Socket } from 'node:net';
import { ModbusTCPServer } from 'jsmodbus';
import { describe, expect, it } from 'vitest';
import { until } from '../support/edge.js';
import { sourceBench } from '../support/edge-sources.js';

const { cleanups, setUp, run, of } = sourceBench();

describe('Modbus TCP', { timeout: 60_000 }, () => {
  async function startModbus(): Promise<{
    port: number;
    holding: Buffer;
    close: () => Promise<void>;
  }> {
    const sockets = new Set<Socket>();
    const tcp = createServer();
    tcp.on('connection', (socket) => {
      sockets.add(socket);
      socket.on('error', () => {});
    });
    const holding = Buffer.alloc(400);
    new ModbusTCPServer(tcp, { holding, coils: Buffer.alloc(20) });
    await new Promise<void>((resolve) => tcp.listen(0, '127.0.0.1', resolve));
    return {
      port: (tcp.address() as AddressInfo).port,
      holding,
      close: () => closeServer(tcp, sockets),
    };
  }

  function closeServer(tcp: Server, sockets: Set<Socket>): Promise<void> {
    for (const socket of sockets) socket.destroy();
    return new Promise((resolve) => tcp.close(() => resolve()));
  }

  /** A device that answers as it likes; it ends with the test. */
  async function startDevice(onConnection: (socket: Socket) => void): Promise<{ port: number }> {
    const sockets = new Set<Socket>();
    const device = createServer((socket) => {
      sockets.add(socket);
      socket.on('error', () => {});
      onConnection(socket);
    });
    await new Promise<void>((resolve) => device.listen(0, '127.0.0.1', resolve));
    cleanups.push(() => closeServer(device, sockets));
    return { port: (device.address() as AddressInfo).port };
  }

  /** The head of the answer to a request, with the length of what follows. */
  function headOf(request: Buffer, body: Buffer): Buffer {
    const head = Buffer.from(request.subarray(0, 7));
    head.writeUInt16BE(body.length + 1, 4);
    return head;
  }

  it('reads blocks in all byte orders while a dead slave next to it holds nobody up', async () => {
    const { folder, broker } = await setUp();
    const slave = await startModbus();
    cleanups.push(slave.close);
    slave.holding.writeInt16BE(-7, 0);
    slave.holding.writeFloatBE(1.5, 4);
    slave.holding.writeFloatBE(2.5, 8);
    slave.holding.subarray(8, 12).reverse();
    const dead = await startDevice(() => {}); // takes connections, answers nothing
    const source = (name: string, port: number, prefix: string) => ({
      name,
      type: 'modbus',
      host: '127.0.0.1',
      port,
      pollIntervalMs: 30,
      timeoutMs: 300,
      signals: [
        { address: 0, type: 'int16', alias: `${prefix}/i` },
        { address: 2, type: 'float32', alias: `${prefix}/f` },
        { address: 4, type: 'float32', byteOrder: 'DCBA', alias: `${prefix}/le` },
      ],
    });
    const edge = await run(folder, broker, [
      source('alive', slave.port, '/alive'),
      source('dead', dead.port, '/dead'),
    ]);
    await until('the dead one is down', () => edge.status().sources[1]?.state === 'down');
    const count = of(broker, '/alive/i').length;
    await until('the other goes on', () => of(broker, '/alive/i').length > count + 10);
    expect(of(broker, '/alive/i').at(-1)).toMatchObject({ quality: 'GOOD', value: -7 });
    expect(of(broker, '/alive/f').at(-1)).toMatchObject({ value: 1.5 });
    expect(of(broker, '/alive/le').at(-1)?.value).toBe(2.5);
    await until('BAD from the dead one', () => of(broker, '/dead/i').length > 0);
    expect(of(broker, '/dead/i')).toMatchObject([{ quality: 'BAD', value: null }]);
  });

  it('asks for a whole block again after a busy device, and for single signals after a refusal', async () => {
    const { folder, broker } = await setUp();
    /** Exceptions that are answered before registers are. */
    const exceptions = [6, 11, 4, 5];
    const asked: number[] = [];
    const device = await startDevice((socket) => {
      socket.on('data', (frame) => {
        const count = frame.readUInt16BE(10);
        asked.push(count);
        const exception = exceptions.shift();
        const body =
          exception === undefined
            ? Buffer.concat([Buffer.from([3, 2 * count]), Buffer.alloc(2 * count, 1)])
            : Buffer.from([0x83, exception]);
        socket.write(Buffer.concat([headOf(frame, body), body]));
      });
    });
    await run(folder, broker, [
      {
        name: 'm',
        type: 'modbus',
        host: '127.0.0.1',
        port: device.port,
        pollIntervalMs: 20,
        timeoutMs: 1000,
        signals: Array.from({ length: 10 }, (_, k) => ({ address: k, alias: `/m/${k}` })),
      },
    ]);
    await until('values', () => of(broker, '/m/9').some((v) => v.quality === 'GOOD'));
    expect(new Set(asked)).toEqual(new Set([10]));
    expect(of(broker, '/m/9').map((v) => v.quality)).toEqual(
      expect.arrayContaining(['BAD', 'GOOD']),
    );
    exceptions.push(2);
    await until('single reads', () => asked.at(-1) === 1);
  });

  it('believes no answer of another unit, nor one that is too short: it connects anew', async () => {
    const { folder, broker } = await setUp();
    const faults = ['unit', 'short', 'unit'];
    let connections = 0;
    const device = await startDevice((socket) => {
      connections++;
      socket.on('data', (frame) => {
        const count = frame.readUInt16BE(10);
        const fault = faults.shift();
        const bytes = 2 * count - (fault === 'short' ? 2 : 0);
        const value = fault === undefined ? 1 : 9;
        const body = Buffer.concat([Buffer.from([3, bytes]), Buffer.alloc(bytes, value)]);
        const head = headOf(frame, body);
        if (fault === 'unit') head[6] = 77;
        socket.write(Buffer.concat([head, body]));
      });
    });
    await run(folder, broker, [
      {
        name: 'm',
        type: 'modbus',
        host: '127.0.0.1',
        port: device.port,
        pollIntervalMs: 20,
        timeoutMs: 1000,
        backoff: { minMs: 20, maxMs: 50 },
        signals: [0, 1, 2].map((address) => ({ address, alias: `/m/${address}` })),
      },
    ]);
    await until('values', () => of(broker, '/m/2').some((v) => v.quality === 'GOOD'));
    const good = [0, 1, 2].flatMap((i) => of(broker, `/m/${i}`)).filter((v) => v.value !== null);
    expect(new Set(good.map((v) => v.value))).toEqual(new Set([0x0101]));
    expect(connections).toBe(4);
  });

  it('comes back when the slave does', async () => {
    const { folder, broker } = await setUp();
    const slave = await startModbus();
    slave.holding.writeUInt16BE(11, 0);
    const edge = await run(folder, broker, [
      {
        name: 'm',
        type: 'modbus',
        host: '127.0.0.1',
        port: slave.port,
        pollIntervalMs: 30,
        timeoutMs: 300,
        backoff: { minMs: 30, maxMs: 100 },
        signals: [{ address: 0, alias: '/u' }],
      },
    ]);
    await until('values', () => of(broker, '/u').length > 2);
    await slave.close();
    await until('down', () => edge.status().sources[0]?.state === 'down');
    const tcp = createServer();
    const sockets = new Set<Socket>();
    tcp.on('connection', (s) => sockets.add(s));
    const holding = Buffer.alloc(10);
    holding.writeUInt16BE(12, 0);
    new ModbusTCPServer(tcp, { holding });
    await new Promise<void>((resolve) => tcp.listen(slave.port, '127.0.0.1', resolve));
    cleanups.push(() => closeServer(tcp, sockets));
    await until('the new value', () => of(broker, '/u').some((v) => v.value === 12));
  });
});
