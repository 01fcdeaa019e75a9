import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import {
  BatchPutAssetPropertyValueCommand,
  GetAssetPropertyValueHistoryCommand,
  ListAssetModelsCommand,
} from '@aws-sdk/client-iotsitewise';
import { expect, test, vi } from 'vitest';
import type { SiteWise } from '../../../simulators/sitewise/index.js';
import { afterTest, clientOf, openSiteWise } from '../../support/sitewise.js';

/** A bare connection: what it was told, and whether it was closed. */
function open(siteWise: SiteWise): Socket & { told: () => string } {
  const { hostname, port } = new URL(siteWise.endpoint);
  const socket = connect(Number(port), hostname) as Socket & { told: () => string };
  let text = '';
  socket.on('data', (data) => {
    text += data.toString();
  });
  socket.on('error', () => {});
  socket.told = () => text;
  afterTest(() => socket.destroy());
  return socket;
}

/** Sends a byte each few milliseconds for as long as it may. */
function drip(socket: Socket, text: string): void {
  let at = 0;
  const timer = setInterval(() => {
    if (socket.writable) socket.write(text[at++ % text.length] ?? ' ');
    else clearInterval(timer);
  }, 5);
  afterTest(() => clearInterval(timer));
}

/** Long enough for an honest client on a machine that is busy with other tests. */
const QUICK = { headersTimeoutMs: 2_000, requestTimeoutMs: 4_000, checkEveryMs: 100 };
/** Waits end with the test's own deadline: how long a thing takes is not what is tested. */
const PATIENT = { timeout: 60_000 };
const HEAD = 'POST /properties HTTP/1.1\r\nhost: x\r\n';

test('clients that say nothing, drip their headers or drip their body are told and closed, others served', async () => {
  const siteWise = await openSiteWise({ connections: QUICK });
  const client = clientOf(siteWise);
  const silent = open(siteWise);
  const slowHeaders = open(siteWise);
  slowHeaders.write(HEAD);
  drip(slowHeaders, 'x-a: b\r\n');
  const slowBody = open(siteWise);
  slowBody.write(`${HEAD}content-length: 100000\r\n\r\n{"entries":[`);
  drip(slowBody, ' ');
  const all = [silent, slowHeaders, slowBody];
  let closed = 0;
  for (const socket of all) socket.once('close', () => closed++);
  let answered = 0;
  while (closed < all.length) {
    await client.send(new ListAssetModelsCommand({}));
    answered++;
  }
  expect(answered).toBeGreaterThan(0);
  expect(slowHeaders.told()).toContain('408');
  expect(slowBody.told()).toContain('408');
  expect(siteWise.counters.values).toBe(0);
});

test('a body that breaks off is no batch, nor part of one', async () => {
  const siteWise = await openSiteWise();
  const entry = (n: number) =>
    `{"entryId":"${n}","propertyAlias":"/half/${n}","propertyValues":[{"value":{"doubleValue":1},"timestamp":{"timeInSeconds":${Math.floor(Date.now() / 1000)}}}]}`;
  const socket = open(siteWise);
  await once(socket, 'connect');
  socket.write(`${HEAD}content-length: 100000\r\n\r\n{"entries":[${entry(1)},${entry(2)},`);
  await vi.waitUntil(() => siteWise.counters.requests === 1, PATIENT);
  socket.destroy();
  const client = clientOf(siteWise);
  await client.send(new ListAssetModelsCommand({}));
  expect(siteWise.counters.values).toBe(0);
  await expect(
    client.send(new GetAssetPropertyValueHistoryCommand({ propertyAlias: '/half/1' })),
  ).rejects.toMatchObject({ name: 'ResourceNotFoundException' });
});

test('headers without end are refused', async () => {
  const siteWise = await openSiteWise();
  const socket = open(siteWise);
  socket.write(`${HEAD}x-long: ${'x'.repeat(100_000)}`);
  await once(socket, 'close');
  expect(socket.told()).toContain('431');
  await clientOf(siteWise).send(new ListAssetModelsCommand({}));
});

test('what bodies and answers hold together is bounded: more is refused for now, and room comes back', async () => {
  const siteWise = await openSiteWise({ connections: { maxHeldBytes: 200_000 } });
  const client = clientOf(siteWise);
  const began = Math.floor(Date.now() / 1000) - 3600;
  for (let i = 0; i < 20; i++) {
    await client.send(
      new BatchPutAssetPropertyValueCommand({
        entries: Array.from({ length: 10 }, (_, e) => ({
          entryId: String(e),
          propertyAlias: '/many',
          propertyValues: Array.from({ length: 10 }, (_, v) => ({
            value: { doubleValue: Math.PI },
            timestamp: { timeInSeconds: began + i * 100 + e * 10 + v },
          })),
        })),
      }),
    );
  }
  // Bodies that wait for their end take the room.
  const bodies = [1, 2, 3].map(() => {
    const socket = open(siteWise);
    socket.write(`${HEAD}content-length: 100000\r\n\r\n${' '.repeat(60_000)}`);
    return socket;
  });
  const history = (maxResults: number) =>
    client.send(new GetAssetPropertyValueHistoryCommand({ propertyAlias: '/many', maxResults }));
  await vi.waitUntil(
    () =>
      history(1500).then(
        () => false,
        () => true,
      ),
    PATIENT,
  );
  await expect(history(1500)).rejects.toMatchObject({ name: 'ServiceUnavailableException' });
  expect((await history(10)).assetPropertyValueHistory).toHaveLength(10);
  for (const socket of bodies) socket.destroy();
  await vi.waitUntil(
    () =>
      history(1500).then(
        () => true,
        () => false,
      ),
    PATIENT,
  );
  expect((await history(1500)).assetPropertyValueHistory).toHaveLength(1500);
});

/** Opens many connections from a process of its own and tells how many of them stay. */
const CROWD = `
const { connect } = require('node:net');
const [port, count] = process.argv.slice(1).map(Number);
let open = 0, ended = 0, begun = 0;
const next = () => {
  if (begun++ >= count) return;
  const socket = connect(port, '127.0.0.1', () => { open++; next(); });
  socket.on('error', () => {});
  socket.on('close', () => { ended++; next(); });
  socket.resume();
};
for (let i = 0; i < 100; i++) next();
setInterval(() => console.log(JSON.stringify({ begun: Math.min(begun, count), open, ended })), 50);
`;
const CROWD_SIZE = 10_000;

test('ten thousand connections: those beyond the limit are closed, who was there is served, memory stays', async () => {
  const siteWise = await openSiteWise();
  // One connection, kept open, that was there before the crowd.
  const client = clientOf(siteWise, { maxSockets: 1 });
  await client.send(new ListAssetModelsCommand({}));
  const before = process.memoryUsage().rss;
  const port = new URL(siteWise.endpoint).port;
  const child: ChildProcess = spawn(
    'sh',
    [
      '-c',
      'ulimit -n "$(ulimit -Hn)"; exec "$0" -e "$1" "$2" "$3"',
      process.execPath,
      CROWD,
      port,
      `${CROWD_SIZE}`,
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  afterTest(() => child.kill('SIGKILL'));
  let answered = 0;
  let last = { begun: 0, open: 0, ended: 0 };
  for await (const line of createInterface({ input: child.stdout! })) {
    last = JSON.parse(line) as typeof last;
    await client.send(new ListAssetModelsCommand({}));
    answered++;
    if (last.begun >= CROWD_SIZE && last.open >= CROWD_SIZE && last.ended >= CROWD_SIZE - 2_000) {
      break;
    }
  }
  expect(answered).toBeGreaterThan(1);
  // Two thousand stay, this test's own among them.
  expect(CROWD_SIZE - last.ended).toBeLessThanOrEqual(2_000);
  expect(CROWD_SIZE - last.ended).toBeGreaterThan(1_500);
  expect(process.memoryUsage().rss - before).toBeLessThan(300e6);
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
  const fresh = clientOf(siteWise);
  await vi.waitUntil(
    () =>
      fresh.send(new ListAssetModelsCommand({})).then(
        () => true,
        () => false,
      ),
    PATIENT,
  );
}, 60_000);
