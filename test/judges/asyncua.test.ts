import { spawn } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { readdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { generate } from 'selfsigned';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { compiledEntry, silentLogger } from '../../shared/core/index.js';
import { until } from '../support/edge.js';
import { asyncuaBench } from './asyncua-bench.js';
import { plantNode as node } from './opcua-bench.js';
import { freePort, type Judge, startJudge } from './python.js';

const { available, python, bench } = asyncuaBench();

describe.skipIf(!available)('an OPC UA server made of asyncua', { timeout: 60_000 }, () => {
  /** One for the tests that need nothing else; it says that it has no limits, and has one. */
  let server: Judge;
  let port: number;
  beforeAll(async () => {
    port = await freePort();
    const settings = { port, types: true, count: 700, says: 0, refuseAbove: 90, cycle: true };
    server = await startJudge(python!, 'opcua_server.py', settings);
  });
  afterAll(() => server.kill());

  it('has every built-in type: right to the bit, or BAD', async () => {
    const { edge, last, broker } = await bench(port);
    const text = { dataType: 'STRING' };
    const expected: [object, unknown][] = [
      [node('Boolean', { dataType: 'BOOLEAN' }), true],
      [node('SByte'), -5],
      [node('Byte'), 250],
      [node('Int16'), -1234],
      [node('UInt16'), 65000],
      [node('Int32', { dataType: 'INTEGER' }), -2000000000],
      [node('UInt32'), 4000000000],
      [node('UInt32', { alias: '/UInt32 as INTEGER', dataType: 'INTEGER' }), null],
      [node('Int64'), -42],
      [node('Int64Large'), 2 ** 40 + 7],
      [node('UInt64'), 2 ** 53 + 2],
      [node('UInt64Largest', text), '18446744073709551615'],
      [node('Float'), 1.5],
      [node('Double'), 2.25],
      [node('NaN'), null],
      [node('Infinity'), null],
      [node('String', text), 'hello é'],
      [node('String', { alias: '/String as DOUBLE' }), null],
      [node('StringNumber'), 12.5],
      [node('DateTime', text), '2026-01-02T03:04:05.678Z'],
      [node('DateTime', { alias: '/DateTime as DOUBLE' }), null],
      [node('Guid', text), '00000000-0000-0000-0000-000000000005'],
      [node('ByteString', text), 'AQI='],
      [node('XmlElement', text), '<a>1</a>'],
      [node('NodeId', text), 'ns=0;s=x'],
      [node('ExpandedNodeId', text), 'ns=0;s=y'],
      [node('StatusCode', text), 'Bad'],
      [node('StatusCode', { alias: '/StatusCode as DOUBLE' }), 0x80000000],
      [node('QualifiedName', text), 'q'],
      [node('LocalizedText', text), 'run'],
      [node('Range'), null],
      [node('Range', { alias: '/Range as text', ...text }), null],
      [node('Doubles2'), null],
      [node('Int32s2'), null],
      [node('UInt64s2'), null],
      [node('Doubles1'), null],
      [node('Booleans2'), null],
      [node('Strings2', text), null],
      [node('Null'), null],
      [node('Doubles1', { alias: '/Doubles1[0]', indexRange: '0' }), 5.5],
      [node('Strings2', { alias: '/Strings2[1]', indexRange: '1', ...text }), 'b'],
      [node('Int64s3', { alias: '/Int64s3[2]', indexRange: '2' }), -(2 ** 40)],
      [node('Int64s3', { alias: '/Int64s3[3]', indexRange: '3' }), null],
      [node('Matrix', { alias: '/Matrix[1,2]', indexRange: '1,2' }), 6],
      [node('Matrix', { alias: '/Matrix[2]', indexRange: '2' }), null],
      [node('Double', { alias: '/Double[0]', indexRange: '0' }), null],
    ];
    const component = await edge(expected.map(([signal]) => signal));
    const aliases = expected.map(([signal]) => (signal as { alias: string }).alias);
    await until('a value of each', () => aliases.every((alias) => last(alias) !== undefined));
    const came = Object.fromEntries(aliases.map((alias) => [alias, last(alias)?.value]));
    expect(came).toEqual(Object.fromEntries(expected.map(([, value], i) => [aliases[i], value])));
    for (const v of broker.values) {
      expect(v.quality, v.alias).toBe(v.value === null ? 'BAD' : 'GOOD');
    }
    const { badReasons } = component.status().sources[0] ?? {};
    expect(badReasons).toMatchObject({
      'DateTime-is-no-DOUBLE': 1,
      'array-without-index-range': 6,
      'no-such-element': 2,
      'no-array': 1,
      'no-value': 1,
      'type-ExtensionObject': 2,
      nan: 1,
      infinite: 1,
    });
  });

  it('gives one stream per element of an array, its statuses and times to the microsecond', async () => {
    const { edge, of, last } = await bench(port);
    await edge([
      node('Int64s3', { alias: '/each/{index}', indexRange: '0:2' }),
      node('Double', { alias: '/d' }),
    ]);
    await until('the elements', () => last('/each/2') !== undefined && last('/d') !== undefined);
    expect([0, 1, 2].map((i) => last(`/each/${i}`)?.value)).toEqual([-1, 2 ** 40, -(2 ** 40)]);
    const us = Math.floor(Date.now() / 1000) * 1_000_000;
    const statuses = [0, 0x40900000, 0x808c0000, 0x00960000];
    await server.ask({
      write: statuses.map((status, i) => ({ node: 'Double', value: i, status, us: us + i })),
    });
    await until('all four', () => of('/d').length >= 5);
    expect(
      of('/d')
        .slice(-4)
        .map((v) => [v.timeNs - BigInt(us) * 1000n, v.quality, v.value]),
    ).toEqual([
      [0n, 'GOOD', 0],
      [1000n, 'UNCERTAIN', 1],
      [2000n, 'BAD', null],
      [3000n, 'GOOD', 3],
    ]);
  });

  it('may know its namespaces by other indexes after a restart', async () => {
    const { serve, edge, of, last } = await bench();
    const first = await serve({ types: true });
    const component = await edge([
      node('Double', { alias: '/id' }),
      { browsePath: '/nsu=urn:plant;Line/nsu=urn:plant;Double', alias: '/path' },
      { nodeId: 'nsu=urn:nobody;s=Double', alias: '/nobody' },
      { nodeId: 'ns=99999;s=Double', alias: '/beyond' },
      { browsePath: '/nsu=urn:plant;Line/nsu=urn:plant;Nothing', alias: '/nothing' },
    ]);
    await until('values', () => last('/id') !== undefined && last('/path') !== undefined);
    await until('BAD', () => ['/nobody', '/beyond', '/nothing'].every((a) => of(a).length > 0));
    expect(component.status().sources[0]?.badReasons).toMatchObject({
      'no-such-namespace': 1,
      BadNoMatch: 1,
    });
    await first.kill();
    await until('it is seen', () => component.status().sources[0]?.state === 'down');
    const again = await serve({ types: true, otherNamespaces: 3 });
    expect(again.hello.namespace).toBe(Number(first.hello.namespace) + 3);
    await until('values again', () => last('/id')?.value === 2.25 && last('/path')?.value === 2.25);
    expect(component.status().sources[0]?.state).toBe('up');
  });

  it('is read whole where it allows less in a request than it says', async () => {
    const { edge, last } = await bench(port);
    const names = Array.from({ length: 700 }, (_, i) => `N${i}`);
    await edge(
      names.map((name, i) =>
        i % 2 === 0
          ? node(name)
          : { browsePath: `/nsu=urn:plant;Line/nsu=urn:plant;${name}`, alias: `/${name}` },
      ),
    );
    await until('all', () => names.every((name, i) => last(`/${name}`)?.value === i));
  });

  it('sends no change that is smaller than the deadband', async () => {
    const { edge, of, last } = await bench(port);
    await server.ask({ write: [{ node: 'Double', value: 2.25 }] });
    await edge(
      [
        node('Double', { serverDeadband: { absolute: 1 } }),
        node('N0', { serverDeadband: { percent: 5 } }),
      ],
      { trigger: 'status-value' },
    );
    await until('the first', () => last('/Double') !== undefined && last('/N0') !== undefined);
    const set = (value: number) => server.ask({ write: [{ node: 'Double', value }] });
    for (const value of [2.5, 3, 6, 6.5, 9]) await set(value);
    await until('the last', () => last('/Double')?.value === 9);
    expect(of('/Double').map((v) => v.value)).toEqual([2.25, 6, 9]);
  });

  it('is browsed whole, in portions and though it is no tree; the config made of it gives values', async () => {
    const { edge, last } = await bench(port);
    const url = `opc.tcp://127.0.0.1:${port}/ua/`;
    const found = JSON.parse(await browse(url, '--json')) as {
      complete: boolean;
      repeated: number;
      signals: { nodeId: string; alias: string }[];
      left: { path: string; reason: string }[];
    };
    expect(found).toMatchObject({ complete: true, repeated: 1 });
    expect(found.left.map((l) => [l.path, l.reason])).toEqual([
      ['/Line/Range', 'type-ExtensionObject'],
      ['/Line/Null', 'no-value'],
    ]);
    const text = await browse(url, '--yaml', '--match', 'line/*64*', '--prefix', '/p');
    const { signals } = parse(text).sources[0] as { signals: { alias: string }[] };
    await edge(signals);
    const each = ['/p/Line/Int64', '/p/Line/UInt64', '/p/Line/Int64s3/1', '/p/Line/UInt64s2/0'];
    await until('values', () => each.every((alias) => last(alias) !== undefined));
    expect(each.map((alias) => last(alias)?.value)).toEqual([-42, 2 ** 53 + 2, 2 ** 40, 3]);
  });
});

describe.skipIf(!available)(
  'a server made of asyncua with an endless text',
  { timeout: 90_000 },
  () => {
    it('leaves out that node, which is named; none of the others misses a value, and it comes back', async () => {
      const { serve, edge, of, last } = await bench();
      const server = await serve({ types: true, count: 150 });
      const names = Array.from({ length: 150 }, (_, i) => node(`N${i}`));
      const signals = [
        ...names.slice(0, 70),
        node('String', { dataType: 'STRING' }),
        ...names.slice(70),
      ];
      const component = await edge(signals, { maxMessageBytes: 1024 * 1024 });
      await until('values', () => signals.every(({ alias }) => last(alias) !== undefined));
      const times = { node: 'String', type: 'String', value: 'x' };
      await server.ask({
        write: [
          { ...times, times: 3_000_000 },
          { node: 'N3', value: 1000 },
        ],
      });
      const state = () => component.status().sources[0]!;
      await until('it is known', () => state().faults[0]?.includes('s=String') === true);
      await until('the others go on', () => last('/N3')?.value === 1000 && state().state === 'up');
      await server.ask({ write: [{ node: 'N3', value: 1001 }] });
      await until('live', () => last('/N3')?.value === 1001);
      expect(last('/String')).toMatchObject({ quality: 'BAD', value: null });
      for (const { alias } of names) expect(last(alias)?.quality, alias).toBe('GOOD');
      const { restarts } = state();
      await server.ask({ write: [{ ...times, value: 'short' }], cut: true });
      await until('it is short again', () => last('/String')?.value === 'short');
      await until('all is well', () => state().faults.length === 0);
      expect(restarts).toBeLessThan(5);
      expect(
        of('/String')
          .filter((v) => v.quality === 'GOOD')
          .map((v) => v.value),
      ).toEqual([...['hello é', 'short']]);
    });
  },
);

/** What `edge browse` prints, whatever its exit code. */
async function browse(...args: string[]): Promise<string> {
  const command = [compiledEntry('cli'), 'edge', 'browse', ...args];
  const child = spawn(process.execPath, command, { stdio: ['ignore', 'pipe', 'pipe'] });
  const yaml = args.includes('--yaml');
  let text = '';
  child.stdout.on('data', (chunk: Buffer) => {
    text += chunk.toString('utf8');
  });
  if (!yaml)
    child.stderr.on('data', (chunk: Buffer) => {
      text += chunk.toString('utf8');
    });
  await new Promise((resolve) => child.once('close', resolve));
  return text;
}

describe.skipIf(!available)('a secured server made of asyncua', { timeout: 60_000 }, () => {
  const secured = {
    securityMode: 'SignAndEncrypt',
    securityPolicy: 'Basic256Sha256',
    trust: 'any',
  };

  it('takes a user certificate; what is wrong with certificates is told with their files', async () => {
    const { folder, serve, edge, last } = await bench();
    const user = await generate([{ name: 'commonName', value: 'operator' }], { keySize: 2048 });
    const file = (name: string) => join(folder, name);
    await writeFile(file('user.pem'), user.cert);
    await writeFile(file('user.key'), user.private);
    await writeFile(file('user.der'), new X509Certificate(user.cert).raw);
    const security = { folder: file('server-pki') };
    await serve({ types: true, security, user: { certificateFile: file('user.der') } });
    // Files are named from the folder of the config.
    const identity = { certificateFile: 'user.pem', privateKeyFile: 'user.key' };
    const signals = [node('Double', { alias: '/d' })];
    const good = await edge(signals, { ...secured, user: identity });
    await until('a value', () => last('/d')?.value === 2.25);
    await good.close();
    const errorOf = async (change: object, dataDir: string) => {
      const component = await edge(signals, { ...secured, user: identity, ...change }, dataDir);
      await until('an error', () => component.status().sources[0]?.lastError !== undefined);
      const { lastError } = component.status().sources[0] ?? {};
      await component.close();
      return lastError;
    };
    const untrusted = await errorOf({ trust: 'pinned' }, 'pinned');
    expect(untrusted).toMatch(
      /Plant server.*pinned\/pki\/opcua\/rejected\/.+\.(pem|der).*move it to .*trusted/,
    );
    expect(await errorOf({ user: { ...identity, certificateFile: 'no.pem' } }, 'none')).toMatch(
      /no\.pem/,
    );
    const other = await generate([{ name: 'commonName', value: 'other' }], { keySize: 2048 });
    await writeFile(file('other.pem'), other.cert);
    await writeFile(file('other.key'), other.private);
    const stranger = { certificateFile: 'other.pem', privateKeyFile: 'other.key' };
    expect(await errorOf({ user: stranger }, 'stranger')).toMatch(/user certificate \S*other\.pem/);
  });

  it('with a certificate that has expired is refused, with its dates', async () => {
    const { folder, serve, edge } = await bench();
    await serve({ types: true, security: { folder: join(folder, 'server-pki'), days: [-30, -1] } });
    const component = await edge([node('Double')], { ...secured, trust: 'pinned' });
    await until('an error', () => component.status().sources[0]?.lastError !== undefined);
    const lastError = () => component.status().sources[0]?.lastError;
    expect(lastError()).toMatch(/Plant server.*move it to.*valid from.*renew it/);
    // Trusted, it is refused all the same.
    const pki = join(folder, 'data', 'pki', 'opcua');
    const [file = ''] = await readdir(join(pki, 'rejected'));
    await rename(join(pki, 'rejected', file), join(pki, 'trusted', 'certs', file));
    await until('the date is told', () => /TimeInvalid.*valid from/.test(lastError() ?? ''));
    await component.close();
    // Whoever trusts anybody trusts no dates either that are over.
    const any = await edge([node('Double')], secured, 'any');
    await until('it is refused', () => any.status().sources[0]?.lastError !== undefined);
    expect(any.status().sources[0]?.lastError).toMatch(/TimeInvalid.*valid from/);
  });

  it('whose certificate is for another host is refused, with both names, or told, as configured', async () => {
    const warnings: unknown[] = [];
    const logger = { ...silentLogger, warn: (...said: unknown[]) => warnings.push(said) };
    const { folder, serve, edge, last } = await bench(undefined, logger);
    const security = { folder: join(folder, 'server-pki'), hosts: ['plc.plant', '10.1.2.3'] };
    await serve({ types: true, security });
    const signals = [node('Double', { alias: '/d' })];
    const component = await edge(signals, { ...secured, trust: 'pinned' });
    const lastError = () => component.status().sources[0]?.lastError ?? '';
    const said = /asked for 127\.0\.0\.1, it names plc\.plant, 10\.1\.2\.3: put one of its names/;
    await until('an error', () => lastError() !== '');
    expect(lastError()).toMatch(/move it to/);
    expect(lastError()).toMatch(said);
    // Trusted, it is refused all the same.
    const pki = join(folder, 'data', 'pki', 'opcua');
    const [file = ''] = await readdir(join(pki, 'rejected'));
    await rename(join(pki, 'rejected', file), join(pki, 'trusted', 'certs', file));
    await until('it is refused by its name', () => /HostNameInvalid/.test(lastError()));
    expect(lastError()).toMatch(said);
    await component.close();
    await edge(signals, { ...secured, trust: 'pinned', hostCheck: 'warn' });
    await until('a value', () => last('/d')?.value === 2.25);
    expect(JSON.stringify(warnings)).toContain(
      'asked for 127.0.0.1, it names plc.plant, 10.1.2.3.',
    );
  });
});
