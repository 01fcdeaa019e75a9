import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { DeleteAssetCommand } from '@aws-sdk/client-iotsitewise';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createDoctorCommand, type Diagnosis } from '../../../cli/doctor.js';
import {
  type CalibrationEngine,
  type Check,
  diagnose,
  encodeAssetState,
  type FleetSource,
  noPending,
  reportKey,
  stateKey,
} from '../../../cloud/index.js';
import { fleetSchema, twinSchema, twinStreams } from '../../../shared/config/index.js';
import {
  nsToDate,
  type StreamTqv,
  secondsToNs,
  silentLogger,
  systemClock,
  TwinError,
} from '../../../shared/core/index.js';
import {
  createSiteWiseClient,
  createSiteWiseWriter,
  ensureAsset,
} from '../../../shared/sitewise/index.js';
import { createFolderStore, type ObjectStore, putJson } from '../../../shared/store/index.js';
import type { Twin } from '../../../shared/twin/index.js';
import { emptyLedger, noArrivals } from '../../../shared/twin/index.js';
import { type SiteWise, startSiteWise } from '../../../simulators/sitewise/index.js';

const definition = twinSchema.parse({
  name: 'pump',
  fmu: './pump.fmu',
  inputs: [
    { variable: 'speed', alias: '/p/speed', value: 3 },
    { variable: 'ambient', alias: '/p/ambient', value: 20 },
  ],
  measured: [{ variable: 'flow', alias: '/p/flow' }],
  parameters: [{ variable: 'k', alias: '/p/k', prior: { mean: 0, std: 1 } }],
});
const twin: Twin = { definition, fmuPath: '/nowhere/pump.fmu', hash: 'abc' };
const fleet = fleetSchema.parse({
  name: 'pumps',
  twins: { pump: './twin.json' },
  assets: [
    { id: 'pump-1', twin: 'pump' },
    { id: 'spare', twin: 'pump', enabled: false },
  ],
});
const source: FleetSource = {
  fleet,
  twin: () => Promise.resolve(twin),
  close: () => Promise.resolve(),
};
const never = () => {
  throw new Error('not asked for');
};
/** A model that answers; checkpoints are sound when they say so. */
const engine: CalibrationEngine = {
  startValues: () => Promise.resolve({}),
  initialSamples: 1,
  createModel: () =>
    Promise.resolve({
      outputs: ['flow'],
      evaluate: (points) => Promise.resolve(points.map(() => Float64Array.of(1))),
      close: () => Promise.resolve(),
    }),
  createCalibrator: never,
  encodeCheckpoint: never,
  decodeCheckpoint: (bytes) => {
    if (Buffer.from(bytes).toString() !== 'sound') {
      throw new TwinError('FILE_INVALID', 'The saved state is damaged.');
    }
    return {} as ReturnType<CalibrationEngine['decodeCheckpoint']>;
  },
};

const closers: (() => Promise<unknown> | unknown)[] = [];
afterEach(async () => {
  vi.unstubAllEnvs();
  for (const close of closers.splice(0).reverse()) await close();
});

let siteWise: SiteWise;
let folder: string;
let store: ObjectStore;
beforeEach(async () => {
  siteWise = await startSiteWise({ activationMs: 2 });
  closers.push(() => siteWise.close());
  folder = await mkdtemp(join(tmpdir(), 'twinloop-doctor-'));
  closers.push(() => rm(folder, { recursive: true, force: true }));
  store = createFolderStore(folder);
});

function clientOf(options = {}) {
  const client = createSiteWiseClient({ ...siteWise, maxAttempts: 1, ...options });
  closers.push(() => client.destroy());
  return client;
}

const sample = (alias: string, ageS: number, value: number | string = 1): StreamTqv => ({
  alias,
  timeNs: systemClock.nowNs() - secondsToNs(ageS),
  quality: 'GOOD',
  value,
});

/** A system that is well but for what is said. */
interface System {
  asset?: boolean;
  dataAgeS?: number;
  resultAgeS?: number;
  state?: Partial<Parameters<typeof encodeAssetState>[0]> | string | false;
  runAgeS?: number | false;
  runError?: string;
}

async function build(system: System = {}): Promise<void> {
  const { dataAgeS = 5, resultAgeS = 8, state = {}, runAgeS = 10 } = system;
  const client = clientOf();
  const streams = twinStreams(definition);
  if (system.asset !== false) {
    await ensureAsset(client, {
      model: { externalId: 'pump', name: 'pump' },
      asset: { externalId: 'pump-1', name: 'pump-1' },
      streams,
      pollMs: 1,
    });
  }
  const results = streams.filter((s) => s.origin === 'twin');
  const written = await createSiteWiseWriter({ client }).write([
    sample('/p/flow', dataAgeS),
    sample('/p/speed', dataAgeS),
    ...results.map((s) => sample(s.alias, resultAgeS, s.dataType === 'STRING' ? '[]' : 1)),
  ]);
  expect(written.rejected).toEqual([]);
  const key = stateKey('pumps', 'pump-1');
  if (typeof state === 'string') await store.put(key, new TextEncoder().encode(state));
  else if (state !== false) {
    await store.put(
      key,
      encodeAssetState({
        assetId: 'pump-1',
        twinHash: 'abc',
        watermarkNs: systemClock.nowNs(),
        samples: 7,
        inputs: {},
        groupEndNs: systemClock.nowNs(),
        partial: [],
        ledger: emptyLedger(),
        marks: [],
        arrivals: noArrivals(0n),
        late: {},
        lateUnused: {},
        rewritten: {},
        quarantined: [],
        checkpoint: new TextEncoder().encode('sound'),
        pending: noPending,
        runId: 'r',
        ...state,
      }),
    );
  }
  if (runAgeS !== false) {
    const startedAt = nsToDate(systemClock.nowNs() - secondsToNs(runAgeS)).toISOString();
    const report = { fleet: 'pumps', runId: 'r', startedAt };
    const error = { code: 'FMU_CRASHED', message: system.runError, retryable: true };
    await putJson(store, reportKey(report), {
      ...report,
      seconds: 2,
      totals: { steps: 3 },
      assets: [{ asset: 'pump-1', ...(system.runError === undefined ? {} : { error }) }],
    });
  }
}

const look = (over: Partial<Parameters<typeof diagnose>[0]> = {}) =>
  diagnose(
    {
      source,
      client: clientOf(),
      store,
      engine,
      freshness: { dataS: 60, resultsS: 120 },
      clock: systemClock,
      logger: silentLogger,
      ...over,
    },
    new AbortController().signal,
  );
/** What is not well: status, area and subject. */
const faults = (checks: readonly Check[]) =>
  checks.filter((c) => c.status !== 'ok').map((c) => `${c.status} ${c.area} ${c.subject}`);

test('a system that is well passes every check, and is not changed by them', async () => {
  await build();
  const before = siteWise.counters.values;
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
  expect(siteWise.counters.values).toBe(before);
  expect(checks.filter((c) => c.area === 'permission').map((c) => c.subject)).toEqual([
    'iotsitewise:DescribeTimeSeries',
    'iotsitewise:BatchGetAssetPropertyValueHistory',
    'iotsitewise:BatchPutAssetPropertyValue',
    'list the store (s3:ListBucket)',
    'read from the store (s3:GetObject)',
    'write to the store (s3:PutObject)',
  ]);
});

const broken: [string, System, string[]][] = [
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
test.each(broken)('%s is found, with a remedy, and nothing else', async (_, system, expected) => {
  await build(system);
  const checks = await look();
  expect(faults(checks)).toEqual(expected);
  for (const check of checks) expect(check.remedy === undefined).toBe(check.status === 'ok');
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
  siteWise.faults.set([{ operation, error: 'AccessDeniedException' }]);
  expect(faults(await look())).toEqual(expected);
});

test('a store that may not be written, or not be read at all, is found', async () => {
  await build();
  const denied = () => Promise.reject(new TwinError('ACCESS_DENIED', 'AccessDenied'));
  expect(faults(await look({ store: { ...store, put: denied } }))).toEqual([
    'failed permission write to the store (s3:PutObject)',
  ]);
  expect(faults(await look({ store: { ...store, get: denied, list: denied } }))).toEqual([
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
    `failed siteWise ${siteWise.endpoint}`,
  ]);
  await siteWise.close();
  expect(faults(await look())).toEqual([`failed siteWise ${siteWise.endpoint}`]);
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

test('the edge component’s own account is part of it', async () => {
  await build();
  let status: Record<string, unknown> = {};
  const server = createServer((_, response) => response.end(JSON.stringify(status)));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closers.push(() => server.close());
  const edgeUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const well = {
    healthy: true,
    queueDepth: 0,
    oldestAgeS: 0,
    dropped: 0,
    deadLettered: {},
    ledger: { outbox: { stored: 0, accepted: 0, waiting: 0 }, gaps: [] },
    publisher: { connected: true },
    sources: [{ name: 'plc', state: 'up' }],
  };
  const faultsAt = async (over: Record<string, unknown>) => {
    status = { ...well, ...over };
    return faults(await look({ edgeUrl }));
  };
  expect(await faultsAt({})).toEqual([]);
  expect(await faultsAt({ healthy: false })).toEqual([`failed edge ${edgeUrl}`]);
  expect(await faultsAt({ publisher: { connected: false } })).toEqual(['failed edge publisher']);
  expect(await faultsAt({ oldestAgeS: 90, queueDepth: 4 })).toEqual(['failed edge outbox']);
  expect(await faultsAt({ deadLettered: { x: 2 } })).toEqual([
    'warning edge outbox',
    'failed way gateway',
  ]);
  expect(await faultsAt({ sources: [{ name: 'plc', state: 'down' }] })).toEqual([
    'failed edge plc',
  ]);
  expect(await faultsAt({ sources: 'none' })).toEqual([`failed edge ${edgeUrl}`]);
});

test('the way of the values is followed from the gateway to the estimate, to the first place where one is missing', async () => {
  const nowNs = systemClock.nowNs();
  const nowS = Number(nowNs / 1_000_000_000n);
  await build({
    dataAgeS: 5,
    state: {
      watermarkNs: nowNs - secondsToNs(300),
      groupEndNs: nowNs - secondsToNs(300),
      arrivals: { ...noArrivals(nowNs - secondsToNs(3000)), aliases: ['/p/flow'] },
    },
  });
  const way = async (edgeUrl?: string) =>
    (await look(edgeUrl === undefined ? {} : { edgeUrl })).filter((c) => c.area === 'way');
  const [well] = await way();
  expect(well).toMatchObject({ status: 'failed', subject: 'pump-1' });
  expect(well?.found).toMatch(/^SiteWise → estimate: 1 readings wait, the estimate is 5.0 min old/);
  // One that came behind the estimate and was not taken yet.
  await createSiteWiseWriter({ client: clientOf() }).write([sample('/p/flow', 700)]);
  const [late] = await way();
  expect(late?.status).toBe('warning');
  expect(late?.found).toContain('1 readings came behind the estimate');
  expect(late?.found).toContain('1 of /p/flow');

  const gateway = {
    healthy: true,
    queueDepth: 0,
    oldestAgeS: 0,
    dropped: 0,
    published: 2,
    deadLettered: {},
    component: { startedAt: new Date((nowS - 1000) * 1000).toISOString() },
    ledger: { outbox: { stored: 2, accepted: 2, waiting: 0 }, gaps: [] as string[] },
    publisher: { connected: true },
    sources: [{ name: 'plc', state: 'up', received: 2, forwarded: 2, overrun: 0 }],
  };
  let status: object = gateway;
  const server = createServer((_, response) => response.end(JSON.stringify(status)));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closers.push(() => server.close());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const told = async (over: object) => {
    status = { ...gateway, ...over };
    const { status: grade, found } = (await way(url)).find((c) => c.subject === 'gateway')!;
    return `${grade}: ${found}`;
  };
  expect(await told({})).toBe(
    'ok: sensor 2 → outbox 2 → sent 2 → SiteWise 2; 0 wait in the outbox',
  );
  const [source] = gateway.sources;
  expect(await told({ sources: [{ ...source, overrun: 4 }] })).toMatch(/^failed: sensor → outbox/);
  expect(await told({ ledger: { ...gateway.ledger, gaps: ['outbox: 3 of 9'] } })).toMatch(
    /^failed: .*ledger does not add up: outbox: 3 of 9/,
  );
  expect(await told({ outbox: { unreadable: 3 } })).toMatch(/^failed: outbox: 3 values could not/);
  expect(await told({ ledger: undefined })).toMatch(/^warning: the gateway keeps no ledger/);
  expect(await told({ dropped: 2 })).toMatch(/^failed: outbox → SiteWise: 0 .* 2 dropped/);
  const many = { sources: [{ ...source, forwarded: 9000 }], published: 9000 };
  expect(await told(many)).toMatch(
    /^warning: outbox → SiteWise: 8998 values that were sent are not in the fleet’s streams/,
  );
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
  vi.stubEnv('AWS_ACCESS_KEY_ID', siteWise.credentials.accessKeyId);
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', siteWise.credentials.secretAccessKey);
  await writeFile(join(folder, 'pump.fmu'), 'an FMU');
  await writeFile(join(folder, 'twin.json'), JSON.stringify(definition));
  await writeFile(join(folder, 'fleet.json'), JSON.stringify(fleet));
  const at = { fleet: join(folder, 'fleet.json'), store: folder };
  const there = { ...at, endpoint: siteWise.endpoint, region: siteWise.region };
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
  await expect(run({ data: folder })).rejects.toMatchObject({ code: 'NOT_FOUND' });
  await writeFile(join(folder, 'keys.json'), JSON.stringify({ siteWise: siteWise.credentials }));
  await writeFile(join(folder, 'ca.pem'), '');
  await writeFile(
    join(folder, 'system.json'),
    JSON.stringify({
      ...there,
      caFile: join(folder, 'ca.pem'),
      keysFile: join(folder, 'keys.json'),
      edgeStatusFile: join(folder, 'status.json'),
    }),
  );
  expect((await run({ data: folder })).text).toContain('✔ siteWise');
  await expect(run({ data: folder, store: folder })).rejects.toMatchObject({ code: 'USAGE' });
});
