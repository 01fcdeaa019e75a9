import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import {
  DataType,
  MessageSecurityMode,
  nodesets,
  OPCUACertificateManager,
  OPCUAServer,
  SecurityPolicy,
} from 'node-opcua';
import { describe, expect, it } from 'vitest';
import { edgeSchema, parseConfig } from '../../shared/config/index.js';
import { silentLogger } from '../../shared/core/index.js';
import { temporaryFolder, until } from '../support/edge.js';
import { opcuaSource, sourceBench } from '../support/edge-sources.js';

const { cleanups, setUp, run, of } = sourceBench();

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
});

describe('OPC UA values and names', { timeout: 60_000 }, () => {
  it.each([
    ['what is there when some nodes are not', () => ['ns=1;s=w', 'ns=1;s=missing']],
    [
      'nodes by the URI of their namespace, whatever its index',
      (uri: string) => [`nsu=${uri};s=w`, 'nsu=http://example.com/nobody;s=w'],
    ],
  ] as const)('reads %s, and says which are not', async (_, nodesOf) => {
    const { folder, broker } = await setUp();
    const server = await startOpcua(folder, 's=w', 0);
    cleanups.push(server.close);
    server.set(3);
    const [there, missing] = nodesOf(server.namespaceUri);
    await run(folder, broker, [
      opcuaSource(server.url, {
        signals: [
          { nodeId: there, alias: '/w' },
          { nodeId: missing, alias: '/missing' },
        ],
      }),
    ]);
    await until('the value', () => of(broker, '/w').some((v) => v.value === 3));
    await until('BAD', () => of(broker, '/missing').length > 0);
    expect(of(broker, '/missing')).toMatchObject([{ quality: 'BAD', value: null }]);
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
    const edge = await run(folder, broker, [source], logger);
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
    // Each time is counted, and somebody has to look at it.
    const { healthy, sources } = edge.status();
    expect(healthy).toBe(false);
    expect(sources[0]?.notFilled['queue-overflow']).toBeGreaterThan(1);
    expect(sources[0]?.faults[0]).toMatch(/ran over.*Line\/1:w.*queueSize/);
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
