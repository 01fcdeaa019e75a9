import { mkdir, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { ModbusTCPServer } from 'jsmodbus';
import { connectAsync } from 'mqtt';
import {
  DataType,
  MessageSecurityMode,
  nodesets,
  OPCUACertificateManager,
  OPCUAServer,
  SecurityPolicy,
} from 'node-opcua';
import { afterEach, describe, expect, it } from 'vitest';
import { type EdgeComponent, startEdge } from '../../edge-component/index.js';
import { edgeSchema, parseConfig } from '../../shared/config/index.js';
import { type Logger, silentLogger } from '../../shared/core/index.js';
import { startTestBroker, type TestBroker, temporaryFolder, until } from '../support/edge.js';

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function setUp(): Promise<{ folder: string; broker: TestBroker }> {
  const folder = await temporaryFolder();
  cleanups.push(folder.remove);
  const broker = await startTestBroker();
  cleanups.push(() => broker.close());
  return { folder: folder.path, broker };
}

async function run(
  folder: string,
  broker: TestBroker,
  sources: object[],
  logger: Logger = silentLogger,
): Promise<EdgeComponent> {
  const config = parseConfig(
    edgeSchema,
    {
      dataDir: 'data',
      sources,
      publisher: { type: 'sitewise-edge', url: broker.url, maxWaitMs: 10 },
      status: { port: 0 },
    },
    'test',
  );
  const component = await startEdge(config, {
    baseDir: folder,
    configSource: 'test',
    logger,
  });
  cleanups.push(() => component.close());
  return component;
}

const of = (broker: TestBroker, alias: string) => broker.values.filter((v) => v.alias === alias);

interface TestServer {
  namespaceUri: string;
  url: string;
  set: (value: number) => void;
  close: () => Promise<void>;
}

/** An OPC UA server with one variable `w`, under the node id that it is told. */
async function startOpcua(
  folder: string,
  nodeId: string,
  port: number,
  secured = false,
): Promise<TestServer> {
  const server = new OPCUAServer({
    port,
    hostname: '127.0.0.1',
    resourcePath: '/test',
    nodeset_filename: [nodesets.standard],
    securityPolicies: [secured ? SecurityPolicy.Basic256Sha256 : SecurityPolicy.None],
    securityModes: [secured ? MessageSecurityMode.SignAndEncrypt : MessageSecurityMode.None],
    allowAnonymous: !secured,
    userManager: { isValidUser: (name: string, pass: string) => name === 'gw' && pass === 'pw' },
    serverCertificateManager: new OPCUACertificateManager({
      rootFolder: join(folder, 'server-pki'),
      automaticallyAcceptUnknownCertificate: true,
      disableFileWatchers: true,
    }),
  });
  await server.initialize();
  const space = server.engine.addressSpace;
  if (space === null) throw new Error('no address space');
  const namespace = space.getOwnNamespace();
  const line = namespace.addObject({ organizedBy: space.rootFolder.objects, browseName: 'Line' });
  const w = namespace.addVariable({
    componentOf: line,
    browseName: 'w',
    nodeId,
    dataType: 'Double',
  });
  await server.start();
  return {
    url: server.getEndpointUrl(),
    namespaceUri: namespace.namespaceUri,
    set: (value) => w.setValueFromSource({ dataType: DataType.Double, value }),
    close: () => server.shutdown(0),
  };
}

const opcuaSource = (endpointUrl: string, change: object = {}) => ({
  name: 'plc',
  type: 'opcua',
  endpointUrl,
  publishingIntervalMs: 50,
  samplingIntervalMs: 20,
  backoff: { minMs: 50, maxMs: 200 },
  signals: [{ browsePath: '/1:Line/1:w', alias: '/w' }],
  ...change,
});

describe('OPC UA', { timeout: 60_000 }, () => {
  it('finds a node again by its browse path after the server restarted with other node ids; BAD once meanwhile', async () => {
    const { folder, broker } = await setUp();
    const first = await startOpcua(folder, 's=old', 0);
    first.set(1);
    const edge = await run(folder, broker, [opcuaSource(first.url)]);
    await until('the first value', () => of(broker, '/w').some((v) => v.value === 1));
    const port = Number(new URL(first.url.replace('opc.tcp', 'http')).port);
    await first.close();
    await until('the source is down', () => edge.status().sources[0]?.state === 'down');
    const second = await startOpcua(folder, 's=new', port);
    cleanups.push(second.close);
    second.set(2);
    await until('the second value', () => of(broker, '/w').some((v) => v.value === 2), 40_000);
    const values = of(broker, '/w');
    expect(values.filter((v) => v.quality === 'BAD')).toHaveLength(1);
    expect(edge.status().sources[0]).toMatchObject({ state: 'up' });
    // In order, with the source's own times.
    const times = values.map((v) => v.timeNs);
    expect(times).toEqual([...times].sort((a, b) => (a < b ? -1 : 1)));
  }, 60_000);

  it('reads on at once after a process was killed that had the keys locked', async () => {
    const { folder, broker } = await setUp();
    const server = await startOpcua(folder, 's=w', 0);
    cleanups.push(server.close);
    server.set(1);
    const lock = join(folder, 'data/pki/opcua/mutex.lock');
    await mkdir(lock, { recursive: true });
    const warned: unknown[] = [];
    const logger = { ...silentLogger, warn: (_: string, meta?: object) => warned.push(meta) };
    await run(folder, broker, [opcuaSource(server.url)], logger);
    // The lock would be waited for as long as two minutes.
    await until('the first value', () => of(broker, '/w').some((v) => v.value === 1), 30_000);
    expect(warned).toContainEqual({ lock });
  });

  it('speaks encrypted with a user name; refuses a server it does not trust', async () => {
    const { folder, broker } = await setUp();
    const server = await startOpcua(folder, 's=w', 0, true);
    cleanups.push(server.close);
    server.set(5);
    const secured = {
      securityMode: 'SignAndEncrypt',
      securityPolicy: 'Basic256Sha256',
      // The server's certificate names this machine, not its address.
      hostCheck: 'warn',
      user: { userName: 'gw', password: 'pw' },
    };
    const edge = await run(folder, broker, [
      opcuaSource(server.url, { ...secured, trust: 'any' }),
      opcuaSource(server.url, {
        ...secured,
        trust: 'any',
        name: 'wrong-password',
        user: { userName: 'gw', password: 'no' },
        signals: [{ browsePath: '/1:Line/1:w', alias: '/never' }],
      }),
    ]);
    await until('a value', () => of(broker, '/w').some((v) => v.value === 5));
    await until(
      'the wrong password is told',
      () => edge.status().sources[1]?.lastError !== undefined,
    );
    expect(of(broker, '/never').filter((v) => v.quality === 'GOOD')).toHaveLength(0);
    await edge.close();
    const careful = await temporaryFolder();
    cleanups.push(careful.remove);
    const pinned = await run(careful.path, broker, [
      opcuaSource(server.url, { ...secured, trust: 'pinned' }),
    ]);
    await until('the refusal', () => pinned.status().sources[0]?.state === 'down');
    expect(pinned.status().sources[0]?.lastError).toMatch(/trust|certificate/i);
  }, 60_000);

  it('reads what is there when some nodes are not, and says which', async () => {
    const { folder, broker } = await setUp();
    const server = await startOpcua(folder, 's=w', 0);
    cleanups.push(server.close);
    server.set(3);
    await run(folder, broker, [
      opcuaSource(server.url, {
        signals: [
          { nodeId: 'ns=1;s=w', alias: '/w' },
          { nodeId: 'ns=1;s=missing', alias: '/missing' },
        ],
      }),
    ]);
    await until('the value', () => of(broker, '/w').some((v) => v.value === 3));
    await until('BAD', () => of(broker, '/missing').length > 0);
    expect(of(broker, '/missing')).toMatchObject([{ quality: 'BAD', value: null }]);
  });
});

describe('OPC UA values and names', { timeout: 60_000 }, () => {
  it('reads nodes by the URI of their namespace, whatever its index', async () => {
    const { folder, broker } = await setUp();
    const server = await startOpcua(folder, 's=w', 0);
    cleanups.push(server.close);
    server.set(3);
    await run(folder, broker, [
      opcuaSource(server.url, {
        signals: [
          { nodeId: `nsu=${server.namespaceUri};s=w`, alias: '/w' },
          { nodeId: 'nsu=http://example.com/nobody;s=w', alias: '/elsewhere' },
        ],
      }),
    ]);
    await until('the value', () => of(broker, '/w').some((v) => v.value === 3));
    await until('BAD', () => of(broker, '/elsewhere').length > 0);
    expect(of(broker, '/elsewhere')).toMatchObject([{ quality: 'BAD', value: null }]);
  });

  it('says once which node lost values in a queue of the server that was too short', async () => {
    const { folder, broker } = await setUp();
    const server = await startOpcua(folder, 's=w', 0);
    cleanups.push(server.close);
    server.set(0);
    const warnings: string[] = [];
    const logger = {
      ...silentLogger,
      warn: (message: string, fields?: object) =>
        void warnings.push(`${message} ${JSON.stringify(fields)}`),
    };
    const source = opcuaSource(server.url, {
      publishingIntervalMs: 500,
      samplingIntervalMs: 0,
      queueSize: 2,
    });
    await run(folder, broker, [source], logger);
    await until('the first', () => of(broker, '/w').length > 0);
    let value = 0;
    const lost = () => warnings.filter((w) => w.includes('lost values'));
    await until('the warning', () => {
      server.set(++value);
      return lost().length > 0;
    });
    const count = of(broker, '/w').length;
    await until('more of them', () => {
      server.set(++value);
      return of(broker, '/w').length > count + 3;
    });
    expect(lost()).toHaveLength(1);
    expect(lost()[0]).toMatch(/queueSize.*Line\/1:w/);
  });

  it('refuses a node id that is none before anything is read', () => {
    const signals = [
      { nodeId: 'ns=2;s=Good', alias: '/a' },
      { nodeId: 'ns=2;q=Wrong', alias: '/b' },
    ];
    const config = { sources: [opcuaSource('opc.tcp://127.0.0.1:1', { signals })] };
    expect(() => parseConfig(edgeSchema, config, 'edge.json')).toThrow(
      /signals\[1\]\.nodeId.*expected `ns=/,
    );
  });
});

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

  it('reads blocks in all byte orders while a dead slave next to it holds nobody up', async () => {
    const { folder, broker } = await setUp();
    const slave = await startModbus();
    cleanups.push(slave.close);
    slave.holding.writeInt16BE(-7, 0);
    slave.holding.writeFloatBE(1.5, 4);
    slave.holding.writeFloatBE(2.5, 8);
    slave.holding.subarray(8, 12).reverse();
    const dead = createServer(() => {}); // takes connections, answers nothing
    const deadSockets = new Set<Socket>();
    dead.on('connection', (s) => deadSockets.add(s));
    await new Promise<void>((resolve) => dead.listen(0, '127.0.0.1', resolve));
    cleanups.push(() => closeServer(dead, deadSockets));
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
      source('dead', (dead.address() as AddressInfo).port, '/dead'),
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
    const sockets = new Set<Socket>();
    const device = createServer((socket) => {
      sockets.add(socket);
      socket.on('data', (frame) => {
        const count = frame.readUInt16BE(10);
        asked.push(count);
        const exception = exceptions.shift();
        const body =
          exception === undefined
            ? Buffer.concat([Buffer.from([3, 2 * count]), Buffer.alloc(2 * count, 1)])
            : Buffer.from([0x83, exception]);
        const head = Buffer.from(frame.subarray(0, 7));
        head.writeUInt16BE(body.length + 1, 4);
        socket.write(Buffer.concat([head, body]));
      });
    });
    await new Promise<void>((resolve) => device.listen(0, '127.0.0.1', resolve));
    cleanups.push(() => closeServer(device, sockets));
    await run(folder, broker, [
      {
        name: 'm',
        type: 'modbus',
        host: '127.0.0.1',
        port: (device.address() as AddressInfo).port,
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
    const sockets = new Set<Socket>();
    const device = createServer((socket) => {
      connections++;
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('data', (frame) => {
        const count = frame.readUInt16BE(10);
        const fault = faults.shift();
        const bytes = 2 * count - (fault === 'short' ? 2 : 0);
        const value = fault === undefined ? 1 : 9;
        const body = Buffer.concat([Buffer.from([3, bytes]), Buffer.alloc(bytes, value)]);
        const head = Buffer.from(frame.subarray(0, 7));
        head.writeUInt16BE(body.length + 1, 4);
        if (fault === 'unit') head[6] = 77;
        socket.write(Buffer.concat([head, body]));
      });
    });
    await new Promise<void>((resolve) => device.listen(0, '127.0.0.1', resolve));
    cleanups.push(() => closeServer(device, sockets));
    await run(folder, broker, [
      {
        name: 'm',
        type: 'modbus',
        host: '127.0.0.1',
        port: (device.address() as AddressInfo).port,
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
