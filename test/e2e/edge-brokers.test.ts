import { writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { Aedes } from 'aedes';
import { generate } from 'selfsigned';
import { afterEach, describe, expect, it } from 'vitest';
import { describeStatus } from '../../edge-component/status/describe.js';
import { createSiteWiseClient, createSiteWiseReader } from '../../shared/sitewise/index.js';
import {
  generateCertificate,
  type SiteWiseEdge,
  type SiteWiseEdgeOptions,
  startSiteWise,
  startSiteWiseEdge,
} from '../../simulators/index.js';
import {
  type EdgeProcess,
  startEdgeProcess,
  startTestBroker,
  temporaryFolder,
  until,
} from '../support/edge.js';

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

const ROWS = 400;

async function folderWithRecording(): Promise<string> {
  const folder = await temporaryFolder();
  cleanups.push(folder.remove);
  const rows = Array.from({ length: ROWS }, (_, i) => `${i / 200},${i}`);
  await writeFile(join(folder.path, 'r.csv'), ['t,x', ...rows].join('\n'));
  return folder.path;
}

/** The component on a recording of {@link ROWS} values, row r with the value r. */
async function startEdge(folder: string, publisher: object): Promise<EdgeProcess> {
  const edge = await startEdgeProcess(folder, {
    dataDir: 'data',
    sources: [
      {
        name: 'replay',
        type: 'csv',
        file: 'r.csv',
        clockToleranceS: 3600,
        signals: [{ column: 'x', alias: '/x' }],
      },
    ],
    publisher: { type: 'sitewise-edge', maxWaitMs: 10, ...publisher },
    status: { port: 0 },
  });
  cleanups.push(() => edge.kill());
  return edge;
}

interface Gateway {
  gateway: SiteWiseEdge;
  /** What SiteWise holds of `/x` in the end, in the order of time. */
  history: () => Promise<unknown[]>;
}

/** A gateway stand-in with SiteWise behind it. */
async function startGateway(options: Partial<SiteWiseEdgeOptions> = {}): Promise<Gateway> {
  const siteWise = await startSiteWise();
  cleanups.push(() => siteWise.close());
  const { endpoint, region, credentials } = siteWise;
  const access = { endpoint, region, credentials };
  const gateway = await startSiteWiseEdge({ siteWise: access, maxWaitMs: 50, ...options });
  cleanups.push(() => gateway.close());
  const client = createSiteWiseClient(access);
  cleanups.push(async () => client.destroy());
  const reader = createSiteWiseReader({ client });
  const history = async () => {
    const untilNs = BigInt(Date.now() + 60_000) * 1_000_000n;
    const found = await reader.history({
      aliases: ['/x'],
      missing: 'empty',
      afterNs: untilNs - 3_600_000_000_000n,
      untilNs,
    });
    return (found.get('/x') ?? []).map((v) => v.value);
  };
  return { gateway, history };
}

const all = Array.from({ length: ROWS }, (_, i) => i);

describe('a broker that misbehaves', { timeout: 60_000 }, () => {
  it.each([
    { what: 'answers late', faults: { delayMs: 200 }, ackTimeoutMs: 5000, again: false },
    { what: 'forgets to answer', faults: { dropAcks: 0.2 }, ackTimeoutMs: 300, again: true },
  ])('$what: every value is in SiteWise once, in its order', async (broker) => {
    const folder = await folderWithRecording();
    const { gateway, history } = await startGateway();
    Object.assign(gateway.faults, broker.faults);
    const edge = await startEdge(folder, {
      url: gateway.mqttUrl,
      ackTimeoutMs: broker.ackTimeoutMs,
    });
    await until('nothing waits', async () => (await edge.status()).published >= ROWS);
    await until('all values arrive', async () => (await history()).length >= ROWS);
    expect(await history()).toEqual(all);
    expect((await edge.status()).publisher.retried > 0).toBe(broker.again);
  });

  it.each([
    { when: 'at once', answer: undefined },
    // By MQTT 5: accepted.
    { when: 'when it has let us in', answer: Buffer.from('2003000000', 'hex') },
  ])(
    'accepts and closes $when: nothing is sent for good, nothing is lost, and the status says so',
    async ({ answer }) => {
      const folder = await folderWithRecording();
      const broker = await startTestBroker();
      cleanups.push(broker.close);
      await broker.cut();
      let connections = 0;
      const closing = createServer((socket) => {
        connections++;
        socket.on('error', () => {});
        // After our first packet, so that the connection has stood.
        socket.once('data', () => {
          if (answer === undefined) socket.destroy();
          else socket.write(answer, () => socket.once('data', () => socket.destroy()));
        });
      });
      await new Promise<void>((resolve) => closing.listen(broker.port, '127.0.0.1', resolve));
      const edge = await startEdge(folder, { url: broker.url, ackTimeoutMs: 1000 });
      await until('it has tried again and again', () => connections >= 4);
      await until('all wait', async () => (await edge.status()).queueDepth === ROWS);
      const lets = answer !== undefined;
      // In a moment in which it is let in it does not know better.
      await until('it is told', async () => {
        const { healthy, publisher } = await edge.status();
        return !healthy && !publisher.connected && publisher.lastError !== undefined;
      });
      const { published, publisher } = await edge.status();
      expect(published).toBe(0);
      expect(publisher.lastError).toMatch(lets ? /connection/ : /No connection to the broker/);
      expect(publisher.connects > 0).toBe(lets);
      expect(publisher.retried > 0).toBe(lets);
      await new Promise((resolve) => closing.close(resolve));
      await broker.restore();
      await until('all values arrive', () => broker.values.length >= ROWS);
      expect([...new Set(broker.values.map((v) => Number(v.value)))].sort((a, b) => a - b)).toEqual(
        all,
      );
      // This one speaks MQTT 3.1.1 only, whose acknowledgements say nothing.
      const after = await edge.status();
      expect(after.publisher.caveat).toMatch(/3\.1\.1 only: it cannot say that it refuses a value/);
      expect(describeStatus(after, Date.now()).join('\n')).toContain(after.publisher.caveat);
    },
  );

  it('refuses, then wants another login: it is told why, and nothing is lost meanwhile', async () => {
    const folder = await folderWithRecording();
    const credentials = { username: 'edge', password: 'right' };
    const { gateway, history } = await startGateway({ credentials });
    const login = { url: gateway.mqttUrl, username: 'edge', ackTimeoutMs: 1000 };
    gateway.faults.refuse = true;
    const edge = await startEdge(folder, { ...login, password: 'wrong' });
    await until('all wait', async () => (await edge.status()).queueDepth === ROWS);
    expect((await edge.status()).publisher).toMatchObject({ connected: false, published: 0 });
    expect((await edge.status()).publisher.lastError).toContain(gateway.mqttUrl);
    gateway.faults.refuse = false;
    await until('the login is refused', async () =>
      /user ?name or password|not authorized/i.test(
        (await edge.status()).publisher.lastError ?? '',
      ),
    );
    expect(await edge.stop()).toBe(0);
    await startEdge(folder, { ...login, password: 'right' });
    await until('all values arrive', async () => (await history()).length >= ROWS);
    expect(await history()).toEqual(all);
  });

  it('takes messages and never acknowledges: they are sent again on a new connection, none is lost', async () => {
    const folder = await folderWithRecording();
    const aedes = await Aedes.createBroker();
    let deaf = true;
    let connections = 0;
    const seen = new Set<number>();
    const sockets = new Set<Socket>();
    const server = createServer((socket) => {
      sockets.add(socket);
      aedes.handle(socket);
    });
    // Those that were let in: a first try by MQTT 5 is not.
    aedes.on('client', () => connections++);
    aedes.authorizePublish = (_client, packet, done) => {
      if (deaf) return; // neither yes nor no: no PUBACK either
      const { propertyValues } = JSON.parse(packet.payload.toString()) as {
        propertyValues: { value: { doubleValue: number } }[];
      };
      for (const v of propertyValues) seen.add(v.value.doubleValue);
      done(null);
    };
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    cleanups.push(async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
      await new Promise<void>((resolve) => aedes.close(() => resolve()));
    });
    const edge = await startEdge(folder, {
      url: `mqtt://127.0.0.1:${(server.address() as AddressInfo).port}`,
      ackTimeoutMs: 300,
    });
    await until('a second connection', () => connections > 1);
    expect((await edge.status()).queueDepth).toBeGreaterThan(0);
    expect((await edge.status()).published).toBe(0);
    deaf = false;
    await until('all values arrive', () => seen.size >= ROWS);
    expect([...seen].sort((a, b) => a - b)).toEqual(all);
  });
});

describe('a broker that wants certificates', { timeout: 60_000 }, () => {
  it('gets ours (X.509) and all values; without one, or one by a stranger, nobody gets in', async () => {
    const folder = await folderWithRecording();
    const server = await generateCertificate('127.0.0.1');
    const authority = await certificateAuthority();
    const { gateway, history } = await startGateway({
      tls: { ...server, clientCa: authority.cert },
    });
    const own = await authority.sign();
    const strange = await (await certificateAuthority()).sign();
    const files = {
      'ca.pem': server.cert,
      'own.pem': own.cert,
      'own.key': own.private,
      'strange.pem': strange.cert,
      'strange.key': strange.private,
    };
    for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
    const at = (name: string) => join(folder, name);
    const url = gateway.mqttUrl;
    for (const access of [
      { caFile: at('ca.pem') },
      { caFile: at('ca.pem'), certFile: at('strange.pem'), keyFile: at('strange.key') },
      { certFile: at('own.pem'), keyFile: at('own.key') }, // does not trust the broker
    ]) {
      const edge = await startEdge(folder, { url, ...access });
      await until(
        'the refusal is told',
        async () => (await edge.status()).publisher.lastError !== undefined,
      );
      expect((await edge.status()).published).toBe(0);
      await edge.stop();
    }
    await startEdge(folder, {
      url,
      caFile: at('ca.pem'),
      certFile: at('own.pem'),
      keyFile: at('own.key'),
    });
    await until('all values arrive', async () => (await history()).length >= ROWS);
    expect(await history()).toEqual(all);
  });

  async function certificateAuthority() {
    const ca = await generate([{ name: 'commonName', value: 'Test authority' }], {
      keyType: 'ec',
      algorithm: 'sha256',
      extensions: [
        { name: 'basicConstraints', cA: true, critical: true },
        { name: 'keyUsage', keyCertSign: true, critical: true },
      ],
    });
    return {
      cert: ca.cert,
      sign: () =>
        generate([{ name: 'commonName', value: 'gateway' }], {
          keyType: 'ec',
          algorithm: 'sha256',
          ca: { key: ca.private, cert: ca.cert },
          extensions: [{ name: 'extKeyUsage', clientAuth: true }],
        }),
    };
  }
});
