import { writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { connectAsync } from 'mqtt';
import { describe, expect, it } from 'vitest';
import { until } from '../support/edge.js';
import { opcuaSource, sourceBench } from '../support/edge-sources.js';

const { cleanups, setUp, run, of } = sourceBench();

describe('devices that speak another language', { timeout: 60_000 }, () => {
  it('are down and BAD once, each with its error; the others go on', async () => {
    const { folder, broker } = await setUp();
    const sockets = new Set<Socket>();
    const noise = Buffer.from(Array.from({ length: 300 }, (_, i) => (i * 89 + 7) % 256));
    const babbler = createServer((socket) => {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('data', () => {
        socket.write(noise);
        setTimeout(() => socket.destroy(), 300);
      });
    });
    await new Promise<void>((resolve) => babbler.listen(0, '127.0.0.1', resolve));
    cleanups.push(async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => babbler.close(() => resolve()));
    });
    const { port } = babbler.address() as AddressInfo;
    const backoff = { minMs: 50, maxMs: 100 };
    await writeFile(join(folder, 'r.csv'), 't,x\n0,1\n0.01,nonsense\n0.02,NaN\n0.03,4\n');
    const edge = await run(folder, broker, [
      opcuaSource(`opc.tcp://127.0.0.1:${port}`, { backoff }),
      {
        name: 'modbus',
        type: 'modbus',
        host: '127.0.0.1',
        port,
        timeoutMs: 200,
        pollIntervalMs: 50,
        backoff,
        signals: [{ address: 0, alias: '/m' }],
      },
      {
        name: 'mqtt',
        type: 'mqtt',
        url: `mqtt://127.0.0.1:${port}`,
        backoff,
        signals: [{ topic: 'a', alias: '/q' }],
      },
      { name: 'csv', type: 'csv', file: 'r.csv', signals: [{ column: 'x', alias: '/c' }] },
    ]);
    const down = () => edge.status().sources.filter((s) => s.state === 'down');
    await until('all three are down, for good', () => {
      const restarts = down().map((s) => s.restarts);
      return restarts.length === 3 && Math.min(...restarts) >= 2;
    });
    for (const { lastError } of down()) expect(lastError).toBeTruthy();
    await until('the others go on', () => of(broker, '/c').some((v) => v.value === 4));
    await until('nothing waits', () => edge.status().queueDepth === 0);
    for (const alias of ['/w', '/m', '/q']) {
      expect(of(broker, alias)).toMatchObject([{ quality: 'BAD', value: null }]);
    }
    expect(of(broker, '/c').map((v) => [v.quality, v.value])).toEqual([
      ['GOOD', 1],
      ['BAD', null],
      ['GOOD', 4],
    ]);
  });
});

describe('devices that take a connection and say nothing', { timeout: 60_000 }, () => {
  it('are down within a bounded time, whatever the protocol, and no connection is left behind', async () => {
    const { folder, broker } = await setUp();
    const sockets = new Set<Socket>();
    let taken = 0;
    const mute = createServer((socket) => {
      taken++;
      sockets.add(socket);
      socket.on('error', () => {});
      socket.once('close', () => sockets.delete(socket));
      socket.resume();
    });
    await new Promise<void>((resolve) => mute.listen(0, '127.0.0.1', resolve));
    cleanups.push(async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => mute.close(() => resolve()));
    });
    const { port } = mute.address() as AddressInfo;
    const common = { backoff: { minMs: 50, maxMs: 100 }, connectTimeoutS: 1 };
    const at = `127.0.0.1:${port}`;
    const secured = { securityMode: 'Sign', securityPolicy: 'Basic256Sha256' };
    const mqtt = (scheme: string) => ({
      ...{ ...common, name: scheme, type: 'mqtt', url: `${scheme}://${at}` },
      signals: [{ topic: 'a', alias: `/${scheme}` }],
    });
    const nodes = { signals: [{ nodeId: 'ns=1;s=w', alias: '/w2' }] };
    const edge = await run(folder, broker, [
      opcuaSource(`opc.tcp://${at}`, { ...common, name: 'ua' }),
      opcuaSource(`opc.tcp://${at}`, { ...common, name: 'ua-secured', ...secured, ...nodes }),
      ...['mqtt', 'mqtts', 'ws'].map(mqtt),
      {
        ...{ ...common, name: 'sparkplug', type: 'sparkplug', url: `mqtt://${at}`, group: 'g' },
        signals: [{ node: 'n', metric: 'm', alias: '/s' }],
      },
      ...(['tcp', 'rtu-over-tcp'] as const).map((connection) => ({
        ...{ ...common, name: connection, type: 'modbus', connection, host: '127.0.0.1', port },
        ...{ timeoutMs: 200, signals: [{ address: 0, alias: `/${connection}` }] },
      })),
    ]);
    const states = () => edge.status().sources.map((s) => [s.name, s.state, s.restarts >= 2]);
    await until('all are down, again and again', () =>
      states().every(([, state, again]) => state === 'down' && again === true),
    );
    expect(edge.status().healthy).toBe(false);
    for (const { name, lastError } of edge.status().sources) {
      expect(lastError, name).toMatch(/no answer/i);
    }
    expect(taken).toBeGreaterThanOrEqual(16);
    await edge.close();
    await until('nothing is left behind', () => sockets.size === 0);
  });
});

describe('MQTT', { timeout: 60_000 }, () => {
  it('reads JSON by path with its time, marks garbage BAD, and loses nothing while it is away', async () => {
    const { folder, broker } = await setUp();
    const device = await startTestBrokerForDevices();
    cleanups.push(device.close);
    const source = {
      name: 'hall',
      type: 'mqtt',
      url: device.url,
      clientId: 'edge-hall',
      clockToleranceS: 3600,
      signals: [{ topic: 'hall/+/climate', jsonPath: 'data[0].t', timePath: 'at', alias: '/t' }],
    };
    const edge = await run(folder, broker, [source]);
    await until('up', () => edge.status().sources[0]?.state === 'up');
    const sender = await connectAsync(device.url);
    cleanups.push(() => sender.endAsync(true));
    const at = Date.now();
    const say = (t: unknown, i: number) =>
      sender.publishAsync('hall/3/climate', JSON.stringify({ at: at + i, data: [{ t }] }), {
        qos: 1,
      });
    await say(20.5, 0);
    await say('nonsense', 1);
    await sender.publishAsync('hall/3/climate', '{"broken', { qos: 1 });
    await until('three values', () => of(broker, '/t').length >= 2);
    expect(of(broker, '/t')[0]).toMatchObject({
      value: 20.5,
      quality: 'GOOD',
      timeNs: BigInt(at) * 1_000_000n,
    });
    expect(of(broker, '/t')[1]).toMatchObject({ quality: 'BAD', value: null });
    await edge.close();
    // While the component is away the broker keeps its messages.
    for (let i = 0; i < 20; i++) await say(i, 10 + i);
    await run(folder, broker, [source]);
    await until('all of them', () =>
      Array.from({ length: 20 }, (_, i) => i).every((i) =>
        of(broker, '/t').some((v) => v.value === i),
      ),
    );
  });

  async function startTestBrokerForDevices(): Promise<{ url: string; close: () => Promise<void> }> {
    const { Aedes } = await import('aedes');
    const aedes = await Aedes.createBroker();
    const sockets = new Set<Socket>();
    const tcp = createServer((socket) => {
      sockets.add(socket);
      aedes.handle(socket);
    });
    await new Promise<void>((resolve) => tcp.listen(0, '127.0.0.1', resolve));
    return {
      url: `mqtt://127.0.0.1:${(tcp.address() as AddressInfo).port}`,
      close: async () => {
        for (const socket of sockets) socket.destroy();
        await new Promise<void>((resolve) => tcp.close(() => resolve()));
        await new Promise<void>((resolve) => aedes.close(() => resolve()));
      },
    };
  }
});
