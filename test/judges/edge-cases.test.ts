import { execFile, spawn, spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { connectAsync, type MqttClient } from 'mqtt';
import { generate } from 'selfsigned';
import { afterEach, describe, expect, it } from 'vitest';
import { fromTimeInNanos, packageFile } from '../../shared/core/index.js';
import { startEdgeProcess, temporaryFolder, until } from '../support/edge.js';
import { findMosquitto } from '../support/edge-endurance.js';
import { freePort, pythonHas } from './python.js';

const mosquitto = findMosquitto();
const hasPasswords = spawnSync('mosquitto_passwd', ['--help']).error === undefined;

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** A mosquitto of its own, and a client that everything is asked by. */
async function setUp(lines: string[], login: { username?: string; password?: string } = {}) {
  const folder = await temporaryFolder();
  cleanups.push(folder.remove);
  const port = await freePort();
  const file = join(folder.path, 'mosquitto.conf');
  writeFileSync(file, [`listener ${port} 127.0.0.1`, 'user root', ...lines, ''].join('\n'));
  const broker = spawn(mosquitto!, ['-c', file], { stdio: 'ignore' });
  cleanups.push(async () => broker.kill('SIGKILL'));
  const url = `mqtt://127.0.0.1:${port}`;
  let client: MqttClient | undefined;
  await until('the broker is there', async () => {
    client = await connectAsync(url, { ...login, connectTimeout: 500 }).catch(() => undefined);
    return client !== undefined;
  });
  cleanups.push(async () => client?.endAsync(true));
  return { folder: folder.path, url, client: client! };
}

const runEdge = async (folder: string, config: object) => {
  const edge = await startEdgeProcess(folder, { dataDir: 'data', status: { port: 0 }, ...config });
  cleanups.push(() => edge.stop());
  return edge;
};

/** Notes what the component publishes below a prefix: per alias the values in their order. */
async function listen(client: MqttClient, prefix: string) {
  const found = new Map<string, { value: unknown; quality: string; timeNs: bigint }[]>();
  client.on('message', (topic, payload) => {
    if (!topic.startsWith(prefix)) return;
    const { propertyAlias, propertyValues } = JSON.parse(payload.toString());
    const values = found.get(propertyAlias) ?? [];
    found.set(propertyAlias, values);
    for (const v of propertyValues) {
      const [kind, value] = Object.entries(v.value)[0]!;
      values.push({
        value: kind === 'nullValue' ? null : value,
        quality: v.quality,
        timeNs: fromTimeInNanos(v.timestamp),
      });
    }
  });
  await client.subscribeAsync(`${prefix}/#`, { qos: 1 });
  return found;
}

describe.skipIf(mosquitto === undefined)('payloads that came wrong', { timeout: 60_000 }, () => {
  it('are the right value, or BAD for a reason, never another number', async () => {
    const { folder, url, client } = await setUp(['allow_anonymous true']);
    const found = await listen(client, 'mt');
    const nowMs = Math.floor(Date.now() / 1000) * 1000;
    const iso = new Date(nowMs).toISOString().slice(0, 19);
    const ns = BigInt(nowMs) * 1_000_000n + 123_456_789n;
    const cases: [
      topic: string,
      signal: object,
      payloads: (string | Buffer)[],
      expected: unknown[],
    ][] = [
      ['arr', { jsonPath: 'v' }, ['{"v":[1,2]}', '{"v":[1,2,3]}', '{"v":7}'], [null, 7]],
      ['arr-1', { jsonPath: 'v[1]' }, ['{"v":[1,2]}'], [2]],
      ['obj', { jsonPath: 'data.a.b' }, ['{"data":{"a":{"b":3}}}'], [3]],
      ['obj-2', { jsonPath: 'metrics[0].value' }, ['{"metrics":[{"value":7}]}'], [7]],
      [
        'iso',
        { jsonPath: 'v', timePath: 't' },
        [`{"t":"${iso}.123100Z","v":1}`, `{"t":"${iso}.123900Z","v":2}`],
        [1, 2],
      ],
      [
        'ns',
        { jsonPath: 'v', timePath: 't', timeUnit: 'ns' },
        [`{"t":${ns},"v":1}`, `{"t":${ns + 100n},"v":2}`, `{"t":"${ns + 1000n}","v":3}`],
        [1, 2, 3],
      ],
      [
        'bool',
        { jsonPath: 'v', dataType: 'BOOLEAN' },
        ['{"v":"on"}', '{"v":"OFF"}', '{"v":"1"}', '{"v":"yes"}', '{"v":true}', '{"v":0}'],
        [true, false, true, null, true, false],
      ],
      [
        'raw',
        {},
        ['12.5', '12.5 °C', '13', Buffer.from([0xff, 0xfe]), '14', '', '15'],
        [12.5, null, 13, null, 14, null, 15],
      ],
      ['hex', {}, ['0x10', '16'], [null, 16]],
      ['comma', {}, ['12,5', '12.5'], [null, 12.5]],
      ['big', { jsonPath: 'v' }, [`{"pad":"${'x'.repeat(5_000_000)}","v":9}`], [9]],
      ['huge', { jsonPath: 'v' }, ['{"v":9007199254740993}', '{"v":1}'], [null, 1]],
      ['no-time', { jsonPath: 'v', timePath: 't' }, ['{"v":1,"t":"yesterday"}', '{"v":2}'], [1, 2]],
    ];
    const edge = await runEdge(folder, {
      sources: [
        {
          name: 'b',
          type: 'mqtt',
          url,
          signals: cases.map(([topic, signal]) => ({
            topic: `t/${topic}`,
            alias: `/m/${topic}`,
            ...signal,
          })),
        },
      ],
      publisher: { type: 'sitewise-edge', url, topicPrefix: 'mt', maxWaitMs: 10 },
    });
    await until('it is up', async () => (await edge.status()).sources[0]?.state === 'up');
    for (const [topic, , payloads] of cases) {
      for (const payload of payloads) await client.publishAsync(`t/${topic}`, payload, { qos: 1 });
    }
    for (const [topic, , , expected] of cases) {
      const values = () => found.get(`/m/${topic}`) ?? [];
      await until(`${topic}: ${expected}`, () => values().length >= expected.length);
      expect([topic, values().map((v) => v.value)]).toEqual([topic, expected]);
      const rest = topic === 'no-time' ? 'UNCERTAIN' : 'GOOD';
      for (const v of values()) expect(v.quality).toBe(v.value === null ? 'BAD' : rest);
    }
    // Both times of one millisecond are kept, to the nanosecond.
    const times = (topic: string) => found.get(`/m/${topic}`)?.map((v) => v.timeNs);
    const second = BigInt(nowMs) * 1_000_000n;
    expect(times('iso')).toEqual([second + 123_100_000n, second + 123_900_000n]);
    expect(times('ns')).toEqual([ns, ns + 100n, ns + 1000n]);
    const [source] = (await edge.status()).sources;
    expect(source).toMatchObject({
      gap: 0,
      badReasons: { list: 1, 'not-a-boolean': 1, 'beyond-53-bits': 1, 'not-a-number': 5 },
      uncertainReasons: { 'no-time': 2 },
      refused: { 'bad-again': 1 },
    });
  });

  it('without an end are BAD, whatever the quality of service, and the rest goes on', async () => {
    const { folder, url, client } = await setUp(['allow_anonymous true']);
    const found = await listen(client, 'mt');
    const edge = await runEdge(folder, {
      sources: [
        {
          ...{ name: 'b', type: 'mqtt', url, maxPayloadBytes: 100_000 },
          signals: ['long', 'other'].map((t) => ({ topic: `t/${t}`, alias: `/m/${t}` })),
        },
      ],
      publisher: { type: 'sitewise-edge', url, topicPrefix: 'mt', maxWaitMs: 10 },
    });
    await until('it is up', async () => (await edge.status()).sources[0]?.state === 'up');
    const long = Buffer.alloc(60_000_000, '7');
    for (const qos of [0, 1] as const) {
      await client.publishAsync('t/long', '1', { qos: 1 });
      await client.publishAsync('t/long', long, { qos });
    }
    await client.publishAsync('t/other', '2', { qos: 1 });
    const values = (topic: string) => found.get(`/m/${topic}`)?.map((v) => v.value);
    await until('the rest', () => values('other')?.[0] === 2);
    expect(values('long')).toEqual([1, null, 1, null]);
    const [source] = (await edge.status()).sources;
    expect(source).toMatchObject({
      ...{ state: 'up', restarts: 0, gap: 0, badReasons: { 'payload-too-large': 2 } },
    });
    // Neither of them was held in memory: the peak of its resident size, kB.
    const status = readFileSync(`/proc/${edge.child.pid}/status`, 'utf8');
    expect(Number(/VmHWM:\s+(\d+)/.exec(status)?.[1])).toBeLessThan(180_000);
  });

  it('are all taken at a thousand a second and more', async () => {
    const { folder, url, client } = await setUp(['allow_anonymous true', 'max_queued_messages 0']);
    const found = await listen(client, 'out');
    const edge = await runEdge(folder, {
      sources: [
        {
          name: 'b',
          type: 'mqtt',
          url,
          signals: [{ topic: 'in/v', jsonPath: 'v', timePath: 't', timeUnit: 'us', alias: '/a/v' }],
        },
      ],
      publisher: { type: 'sitewise-edge', url, topicPrefix: 'out', maxWaitMs: 10 },
    });
    await until('it is up', async () => (await edge.status()).sources[0]?.state === 'up');
    const fromUs = Date.now() * 1000;
    const sent = Array.from({ length: 4000 }, (_, i) =>
      client.publishAsync('in/v', `{"v":${i / 2},"t":${fromUs + i}}`, { qos: 1 }),
    );
    await Promise.all(sent);
    await until(
      'all have arrived',
      () => new Set(found.get('/a/v')?.map((v) => v.timeNs)).size === 4000,
    );
    expect(await edge.status()).toMatchObject({
      healthy: true,
      dropped: 0,
      sources: [{ received: 4000, stored: 4000, refused: {}, gap: 0 }],
    });
  });
});

const paho = process.env.TWINLOOP_DEVICES_PYTHON;

describe.skipIf(mosquitto === undefined || !pythonHas(paho, 'paho.mqtt'))(
  'a device made of paho that sends 200 values a second',
  { timeout: 120_000 },
  () => {
    it.each([0, 1])('with QoS %i: all of 2,000 come out at the far end', async (qos) => {
      const { folder, url } = await setUp(['allow_anonymous true', 'max_queued_messages 0']);
      const signal = { topic: 'in/v', jsonPath: 'v', timePath: 't', alias: '/a/v' };
      const edge = await runEdge(folder, {
        sources: [{ name: 'b', type: 'mqtt', url, signals: [signal] }],
        publisher: { type: 'sitewise-edge', url, topicPrefix: 'out' },
      });
      await until('it is up', async () => (await edge.status()).sources[0]?.state === 'up');
      const script = packageFile('test/judges/pub_rate.py');
      const args = [new URL(url).port, 2000, qos, 200, 'in/v', 'out/#', 40].map(String);
      const { stdout } = await promisify(execFile)(paho!, [script, ...args]);
      expect(JSON.parse(stdout)).toEqual({ sent: 2000, distinct: 2000, twice: 0 });
      expect(await edge.status()).toMatchObject({
        ...{ healthy: true, dropped: 0, lost: {} },
        sources: [{ received: 2000, stored: 2000, refused: {}, gap: 0 }],
      });
    });
  },
);

describe.skipIf(mosquitto === undefined)('a broker by TLS', { timeout: 60_000 }, () => {
  it('whose certificate is expired, for another host or by a stranger is refused, with what to do', async () => {
    const folder = await temporaryFolder();
    cleanups.push(folder.remove);
    const day = 86_400_000;
    const inDays = (days: number) => new Date(Date.now() + days * day);
    const hosts = (...names: string[]) => [
      {
        name: 'subjectAltName' as const,
        altNames: names.map((n) =>
          /^[\d.]+$/.test(n) ? { type: 7 as const, ip: n } : { type: 2 as const, value: n },
        ),
      },
    ];
    const subject = [{ name: 'commonName', value: 'plant broker' }];
    const file = (name: string) => join(folder.path, name);
    const brokers: [string, object, RegExp][] = [
      ['good', { extensions: hosts('127.0.0.1') }, /^$/],
      [
        'other',
        { extensions: hosts('broker.plant', '10.1.2.3') },
        /CN=plant broker.*asked for 127\.0\.0\.1, the certificate names broker\.plant, 10\.1\.2\.3\. Put one/,
      ],
      [
        'expired',
        { extensions: hosts('127.0.0.1'), notBeforeDate: inDays(-9), notAfterDate: inDays(-1) },
        /CN=plant broker.*valid from .* to .*has expired: renew it/,
      ],
      ['stranger', { extensions: hosts('127.0.0.1') }, /by nobody we trust.*`caFile`/],
    ];
    const sources: object[] = [];
    for (const [name, options] of brokers) {
      const { cert, private: key } = await generate(subject, { keyType: 'ec', ...options });
      writeFileSync(file(`${name}.pem`), cert);
      writeFileSync(file(`${name}.key`), key);
      const port = await freePort();
      const lines = [
        ...[`listener ${port} 127.0.0.1`, 'user root', 'allow_anonymous true'],
        ...[`certfile ${file(`${name}.pem`)}`, `keyfile ${file(`${name}.key`)}`, ''],
      ];
      writeFileSync(file(`${name}.conf`), lines.join('\n'));
      const broker = spawn(mosquitto!, ['-c', file(`${name}.conf`)], { stdio: 'ignore' });
      cleanups.push(async () => broker.kill('SIGKILL'));
      sources.push({
        ...{ name, type: 'mqtt', url: `mqtts://127.0.0.1:${port}` },
        caFile: name === 'stranger' ? 'good.pem' : `${name}.pem`,
        backoff: { minMs: 50, maxMs: 200 },
        signals: [{ topic: 'a', alias: `/${name}` }],
      });
    }
    const { url } = sources[1] as { url: string };
    const edge = await runEdge(folder.path, {
      sources,
      publisher: { type: 'sitewise-edge', url, caFile: 'other.pem' },
    });
    const [, [, , otherHost]] = brokers as [unknown, (typeof brokers)[number]];
    await until('each is told, and the good one is up', async () => {
      const { sources: states, publisher } = await edge.status();
      const told = brokers.every(([, , reason], i) => reason.test(states[i]?.lastError ?? ''));
      return told && states[0]?.state === 'up' && otherHost.test(publisher.lastError ?? '');
    });
    const { sources: states, healthy } = await edge.status();
    expect(states.map((s) => s.state)).toEqual(['up', 'down', 'down', 'down']);
    expect(healthy).toBe(false);
  });
});

describe.skipIf(mosquitto === undefined || !hasPasswords)(
  'a far end whose access list denies',
  { timeout: 60_000 },
  () => {
    it('takes nothing: the values are kept, and the component is not healthy', async () => {
      const folder = await temporaryFolder();
      cleanups.push(folder.remove);
      const acl = join(folder.path, 'acl');
      const passwords = join(folder.path, 'pw');
      writeFileSync(acl, 'user edge\ntopic read #\ntopic write ok/#\ntopic write in\n', {
        mode: 0o600,
      });
      writeFileSync(passwords, '', { mode: 0o600 });
      spawnSync('mosquitto_passwd', ['-b', passwords, 'edge', 'secret']);
      const login = { username: 'edge', password: 'secret' };
      const { url, client } = await setUp(
        ['allow_anonymous false', `password_file ${passwords}`, `acl_file ${acl}`],
        login,
      );
      const edge = await runEdge(folder.path, {
        sources: [
          { name: 'b', type: 'mqtt', url, ...login, signals: [{ topic: 'in', alias: '/x' }] },
        ],
        publisher: { type: 'sitewise-edge', url, topicPrefix: 'secret', maxWaitMs: 10, ...login },
      });
      await until('it is up', async () => (await edge.status()).sources[0]?.state === 'up');
      for (let i = 0; i < 6; i++) await client.publishAsync('in', String(i), { qos: 1 });
      await until('they are refused', async () => (await edge.status()).outbox.parked === 6);
      expect(await edge.status()).toMatchObject({
        healthy: false,
        published: 0,
        queueDepth: 6,
        ledger: { outbox: { stored: 6, accepted: 0, waiting: 6, gap: 0 }, gaps: [] },
        publisher: { lastError: expect.stringContaining('secret/x') },
      });
    });
  },
);
