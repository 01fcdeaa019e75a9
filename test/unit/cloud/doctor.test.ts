import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { DeleteAssetCommand } from '@aws-sdk/client-iotsitewise';
import { expect, test, vi } from 'vitest';
import { createDoctorCommand, type Diagnosis } from '../../../cli/doctor.js';
import { type CalibrationEngine, latestKey } from '../../../cloud/index.js';
import { silentLogger, TwinError } from '../../../shared/core/index.js';
import { putJson } from '../../../shared/store/index.js';
import {
  definition,
  doctorsSystem,
  engine,
  faults,
  fleet,
  type System,
  source,
} from './doctors-system.js';

const system = doctorsSystem();
const { build, clientOf, look } = system;

test('a system that is well passes every check, and is not changed by them', async () => {
  await build();
  const before = system.siteWise.counters.values;
  const checks = await look();
  expect(faults(checks)).toEqual([]);
  expect(new Set(checks.map((c) => c.area))).toEqual(
    new Set([
      'model',
      'siteWise',
      'asset',
      'data',
      'results',
      'state',
      'runs',
      'permission',
      'way',
    ]),
  );
  expect(system.siteWise.counters.values).toBe(before);
  expect(checks.filter((c) => c.area === 'permission').map((c) => c.subject)).toEqual([
    'iotsitewise:DescribeTimeSeries',
    'iotsitewise:BatchGetAssetPropertyValueHistory',
    'iotsitewise:BatchPutAssetPropertyValue',
    'list the store (s3:ListBucket)',
    'read from the store (s3:GetObject)',
    'write to the store (s3:PutObject)',
  ]);
});

const kinds: [string, System, string[]][] = [
  ['stale data', { dataAgeS: 3_000 }, ['failed data /p/speed', 'failed data /p/flow']],
  ['stale results', { resultAgeS: 3_000 }, ['failed results pump-1']],
  ['no asset', { asset: false }, ['failed asset pump-1']],
  ['no state yet', { state: false }, ['warning state pump-1']],
  ['a state that is none', { state: '{' }, ['failed state pump-1']],
  ['a damaged checkpoint', { state: { checkpoint: Uint8Array.of(1) } }, ['failed state pump-1']],
  ['the state of another model', { state: { twinHash: 'x' } }, ['failed state pump-1']],
  ['a foreign state', { state: { assetId: 'pump-2' } }, ['failed state pump-1']],
  [
    'results that wait',
    { state: { pending: { aliases: ['/p/k'], rows: [{ timeNs: 1n, values: [1] }] } } },
    ['warning state pump-1'],
  ],
  ['no run ever', { runAgeS: false }, ['failed runs pumps']],
  ['no run for long', { runAgeS: 3_000 }, ['failed runs pumps']],
  ['a run that failed', { runError: 'The FMU crashed.' }, ['failed runs pump-1']],
];
test.each(kinds)('%s is found, with a remedy, and nothing else', async (_, broken, expected) => {
  await build(broken);
  const checks = await look();
  expect(faults(checks)).toEqual(expected);
  for (const check of checks) expect(check.remedy === undefined).toBe(check.status === 'ok');
});

test('a sensor that the newest run found frozen, a copy or standing still is found, the others are not', async () => {
  await build();
  const frozen = {
    code: 'sensor-frozen',
    subject: 'flow',
    message: 'flow moves, yet holds one value.',
  };
  const copied = { code: 'sensor-copied', subject: 'heat', message: 'heat and cold are the same.' };
  const wear = { code: 'limit', subject: 'k', message: 'k is above its limit.' };
  await putJson(system.store, latestKey('pumps', 'pump-1'), {
    alarms: [frozen, copied, wear],
    recording: { deadChannels: ['flow', 'level'] },
  });
  const checks = await look();
  expect(faults(checks)).toEqual([
    'warning data pump-1 flow',
    'warning data pump-1 heat',
    'warning data pump-1 level',
  ]);
  expect(checks.find((c) => c.subject === 'pump-1 flow')!.found).toBe(frozen.message);
  await system.store.put(latestKey('pumps', 'pump-1'), Buffer.from('{'));
  expect(faults(await look())).toEqual(['failed runs pump-1']);
});

test.each([
  ['BatchPutAssetPropertyValue', ['failed permission iotsitewise:BatchPutAssetPropertyValue']],
  [
    'BatchGetAssetPropertyValueHistory',
    ['failed permission iotsitewise:BatchGetAssetPropertyValueHistory'],
  ],
  ['DescribeTimeSeries', ['failed permission iotsitewise:DescribeTimeSeries']],
  ['BatchGetAssetPropertyValue', ['failed data pump-1']],
  ['DescribeAsset', ['failed asset pump-1']],
])('a revoked permission to %s is found', async (operation, expected) => {
  await build();
  system.siteWise.faults.set([{ operation, error: 'AccessDeniedException' }]);
  expect(faults(await look())).toEqual(expected);
});

test('a store that may not be written, or not be read at all, is found', async () => {
  await build();
  const denied = () => Promise.reject(new TwinError('ACCESS_DENIED', 'AccessDenied'));
  expect(faults(await look({ store: { ...system.store, put: denied } }))).toEqual([
    'failed permission write to the store (s3:PutObject)',
  ]);
  expect(faults(await look({ store: { ...system.store, get: denied, list: denied } }))).toEqual([
    'failed state pump-1',
    'failed runs pumps',
    'failed permission list the store (s3:ListBucket)',
    'failed permission read from the store (s3:GetObject)',
  ]);
});

test('keys that nobody knows and an endpoint that is away stop what would follow from them', async () => {
  await build();
  const stranger = clientOf({ credentials: { accessKeyId: 'AKIDNOBODY', secretAccessKey: 'x' } });
  expect(faults(await look({ client: stranger }))).toEqual([
    `failed siteWise ${system.siteWise.endpoint}`,
  ]);
  await system.siteWise.close();
  expect(faults(await look())).toEqual([`failed siteWise ${system.siteWise.endpoint}`]);
});

test('an asset that is gone is found, though its streams’ values stay', async () => {
  await build();
  const client = clientOf();
  await client.send(new DeleteAssetCommand({ assetId: 'externalId:pump-1' }));
  await vi.waitUntil(async () => faults(await look()).includes('failed asset pump-1'), {
    timeout: 5_000,
  });
});

test('a model that does not load, or not answer, is found', async () => {
  await build();
  const missing = {
    ...source,
    twin: () => Promise.reject(new TwinError('FILE_NOT_FOUND', 'No FMU')),
  };
  expect(faults(await look({ source: missing }))).toEqual(['failed model pump']);
  const failing: CalibrationEngine = {
    ...engine,
    createModel: async (t, o) => ({
      ...(await engine.createModel(t, o)),
      evaluate: () => Promise.resolve([new Error('diverged')]),
    }),
  };
  expect(faults(await look({ engine: failing }))).toEqual(['warning model pump']);
});

async function run(args: Record<string, unknown>) {
  const stdout = new PassThrough();
  let text = '';
  stdout.on('data', (d: Buffer) => {
    text += d.toString();
  });
  const code = await createDoctorCommand({ ...engine }).run(args, {
    stdout,
    stderr: new PassThrough(),
    logger: silentLogger,
    signal: new AbortController().signal,
    env: {},
  });
  return { code, text };
}

test('the command prints a checklist, ends with 1 when something failed, and finds a local stack', async () => {
  await build({ dataAgeS: 5_000 });
  vi.stubEnv('AWS_ACCESS_KEY_ID', system.siteWise.credentials.accessKeyId);
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', system.siteWise.credentials.secretAccessKey);
  await writeFile(join(system.folder, 'pump.fmu'), 'an FMU');
  await writeFile(join(system.folder, 'twin.json'), JSON.stringify(definition));
  await writeFile(join(system.folder, 'fleet.json'), JSON.stringify(fleet));
  const at = { fleet: join(system.folder, 'fleet.json'), store: system.folder };
  const there = { ...at, endpoint: system.siteWise.endpoint, region: system.siteWise.region };
  // The files make a twin of another fingerprint than the state's.
  const { code, text } = await run({ ...there, fresh: 6_000 });
  expect(code).toBe(1);
  expect(text).toContain('✔ data       pump-1: 2 streams are fresh: 83 min');
  expect(text).toMatch(/✖ state {6}pump-1: .*\n {4}→ Run `twinloop state migrate`/);
  const problems = await run({ ...there, fresh: 6_000, problems: true });
  expect(problems.text).not.toContain('✔');
  const { checks, healthy } = JSON.parse((await run({ ...there, json: true })).text) as Diagnosis;
  expect(healthy).toBe(false);
  expect(faults(checks)).toContain('failed data /p/flow');

  await expect(run({ ...there, asset: ['pump-9'] })).rejects.toMatchObject({
    code: 'NOT_FOUND',
  });
  await expect(run({ data: system.folder })).rejects.toMatchObject({ code: 'NOT_FOUND' });
  await writeFile(
    join(system.folder, 'keys.json'),
    JSON.stringify({ siteWise: system.siteWise.credentials }),
  );
  await writeFile(join(system.folder, 'ca.pem'), '');
  await writeFile(
    join(system.folder, 'system.json'),
    JSON.stringify({
      ...there,
      caFile: join(system.folder, 'ca.pem'),
      keysFile: join(system.folder, 'keys.json'),
      edgeStatusFile: join(system.folder, 'status.json'),
    }),
  );
  expect((await run({ data: system.folder })).text).toContain('✔ siteWise');
  await expect(run({ data: system.folder, store: system.folder })).rejects.toMatchObject({
    code: 'USAGE',
  });
});
