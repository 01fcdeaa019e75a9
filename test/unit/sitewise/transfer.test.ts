import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { connectAsync } from 'mqtt';
import { afterEach, expect, test } from 'vitest';
import { siteWiseCommands } from '../../../cli/sitewise.js';
import { silentLogger, systemClock } from '../../../shared/core/index.js';
import {
  createSiteWiseClient,
  createSiteWiseReader,
  createSiteWiseWriter,
} from '../../../shared/sitewise/index.js';
import { generateCertificate, startSiteWise } from '../../../simulators/sitewise/index.js';
import { startSiteWiseEdge } from '../../../simulators/sitewise-edge/index.js';

const closers: (() => Promise<unknown> | unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function folder(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'twinloop-transfer-'));
  closers.push(() => rm(dir, { recursive: true }));
  return dir;
}

/** Runs a command; what it printed, and its exit code. */
async function runCommand(name: string, args: Record<string, unknown>, signal?: AbortSignal) {
  const command = siteWiseCommands.find((c) => c.name === name);
  const stdout = new PassThrough();
  const code = await command?.run(args, {
    stdout,
    stderr: new PassThrough(),
    logger: silentLogger,
    signal: signal ?? new AbortController().signal,
    env: {},
  });
  const text = stdout.read()?.toString() ?? '';
  return { code, result: text === '' ? undefined : JSON.parse(text) };
}

test('what is exported in bulk format is the same after its import', async () => {
  const dir = await folder();
  const first = await startSiteWise({ dataDir: join(dir, 'one') });
  const client = createSiteWiseClient({ ...first });
  const timeNs = systemClock.nowNs();
  await createSiteWiseWriter({ client }).write([
    { alias: '/a,"b"', timeNs, quality: 'GOOD', value: 0.1 },
    { alias: '/a,"b"', timeNs: timeNs + 1n, quality: 'BAD', value: null },
    { alias: '/s', timeNs, quality: 'UNCERTAIN', value: 'x, "y"' },
    { alias: '/on', timeNs, quality: 'GOOD', value: true },
  ]);
  client.destroy();
  await first.close();
  const file = join(dir, 'values.csv');
  const exported = await runCommand('sitewise export', {
    data: join(dir, 'one'),
    output: file,
    format: 'bulk',
    json: true,
  });
  expect(exported.result).toEqual({ streams: 3, values: 4 });
  const columns =
    'ALIAS,ASSET_ID,PROPERTY_ID,DATA_TYPE,TIMESTAMP_SECONDS,TIMESTAMP_NANO_OFFSET,QUALITY,VALUE';
  const args = { data: join(dir, 'two'), file, columns, json: true };
  expect((await runCommand('sitewise import', args)).result).toMatchObject({
    streams: 3,
    values: 4,
    faulty: 0,
  });
  await runCommand('sitewise export', {
    data: join(dir, 'two'),
    output: join(dir, 'again.csv'),
    format: 'bulk',
    json: true,
  });
  expect(await readFile(join(dir, 'again.csv'), 'utf8')).toBe(await readFile(file, 'utf8'));
  await runCommand('sitewise export', {
    data: join(dir, 'two'),
    output: join(dir, 'table.csv'),
    format: 'table',
    json: true,
  });
  const [header] = (await readFile(join(dir, 'table.csv'), 'utf8')).split('\n');
  expect(header).toBe('time,"/a,""b""",/s,/on');
});

test('faulty lines are told with their number, the others are taken, of any age', async () => {
  const dir = await folder();
  const file = join(dir, 'values.csv');
  await writeFile(
    file,
    '/a,DOUBLE,1000000000,0,GOOD,1\n/a,DOUBLE,x,0,GOOD,1\n/a,INTEGER,5,0,GOOD,1\n/a,DOUBLE,7,0,FINE,1\n',
  );
  const columns = 'ALIAS,DATA_TYPE,TIMESTAMP_SECONDS,TIMESTAMP_NANO_OFFSET,QUALITY,VALUE';
  const { code, result } = await runCommand('sitewise import', {
    data: join(dir, 'store'),
    file,
    columns,
    json: true,
  });
  expect(code).toBe(1);
  expect(result).toMatchObject({ values: 1, faulty: 3 });
  expect(result.faults[0]).toContain('values.csv:2:');
  const bad = runCommand('sitewise import', { data: join(dir, 's'), file, columns: 'ALIAS,WHAT' });
  await expect(bad).rejects.toMatchObject({ code: 'USAGE' });
  const none = runCommand('sitewise import', { data: dir, file: join(dir, 'no.csv'), columns });
  await expect(none).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
});

test('gateway and cloud work over TLS with credentials, end to end', async () => {
  const dir = await folder();
  const cloud = await startSiteWise({ tls: true, dataDir: dir });
  closers.push(() => cloud.close());
  expect(cloud.endpoint).toMatch(/^https:/);
  const tls = await generateCertificate('127.0.0.1');
  const login = { username: 'component', password: 'secret' };
  const edge = await startSiteWiseEdge({
    siteWise: { ...cloud },
    tls,
    credentials: login,
    maxWaitMs: 5,
  });
  closers.push(() => edge.close());
  const mqtt = await connectAsync(edge.mqttUrl, { ...login, ca: tls.cert });
  closers.push(() => mqtt.endAsync(true));
  const timeInSeconds = Math.floor(Date.now() / 1000);
  const payload = {
    propertyAlias: '/a',
    propertyValues: [{ value: { doubleValue: 3 }, timestamp: { timeInSeconds } }],
  };
  await mqtt.publishAsync('/a', JSON.stringify(payload), { qos: 1 });
  const client = createSiteWiseClient({ ...cloud });
  closers.push(() => client.destroy());
  const reader = createSiteWiseReader({ client });
  await expect.poll(async () => (await reader.latest(['/a'])).get('/a')?.value).toBe(3);
});

test('a data folder in use is not opened a second time', async () => {
  const dataDir = await folder();
  const siteWise = await startSiteWise({ dataDir });
  closers.push(() => siteWise.close());
  await expect(startSiteWise({ dataDir })).rejects.toMatchObject({ code: 'ALREADY_RUNNING' });
});
