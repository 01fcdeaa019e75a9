import { createHash, randomUUID } from 'node:crypto';
import { statSync } from 'node:fs';
import { mkdtemp, readdir, rm, utimes } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CreateBucketCommand } from '@aws-sdk/client-s3';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type AssetReport, decodeAssetState, type RunReport, stateKey } from '../../cloud/index.js';
import { resultAliases } from '../../cloud/worker/results.js';
import { type FleetConfig, withAliasPrefix } from '../../shared/config/index.js';
import { createRng, packageFile, secondsToNs } from '../../shared/core/index.js';
import { createSiteWiseClient, createSiteWiseReader } from '../../shared/sitewise/index.js';
import { createS3Client, createS3Store, getText, putJson } from '../../shared/store/index.js';
import { loadTwin } from '../../shared/twin/index.js';
import { until } from '../support/edge.js';
import {
  buildWorkerImage,
  reportsOf,
  startTestFleet,
  type TestFleet,
  type TestFleetOptions,
} from '../support/fleet.js';

// What the image runs, as a process of its own, against the stand-ins.
let image = '';
let program = '';
beforeAll(async () => {
  image = await mkdtemp(join(tmpdir(), 'twinloop-image-'));
  program = await buildWorkerImage(image);
});
afterAll(() => rm(image, { recursive: true }));

const endS = Math.floor(Date.now() / 1000);
const fleets: TestFleet[] = [];
async function fleetOf(options: Partial<TestFleetOptions>): Promise<TestFleet> {
  const fleet = await startTestFleet({ assets: 3, samples: 4, endS, program, ...options });
  fleets.push(fleet);
  return fleet;
}
afterEach(async () => {
  for (const fleet of fleets.splice(0)) await fleet.close();
});

const twin = await loadTwin(packageFile('shared/twins/web-line/twin.json'));

/** What a run came to: its exit code, and its report from the store. */
async function runOnce(fleet: TestFleet): Promise<{ code: number | null; report: RunReport }> {
  const before = new Set((await reportsOf(fleet)).map((r) => r.runId));
  const { code, stderr } = await fleet.start(0).ended;
  const report = (await reportsOf(fleet)).find((r) => !before.has(r.runId));
  if (report === undefined) throw new Error(`No report; the worker ended with ${code}: ${stderr}`);
  return { code, report };
}

async function stateOf(fleet: TestFleet, asset: string) {
  const key = stateKey('lines', asset);
  const found = await fleet.store.get(key);
  return found === undefined ? undefined : decodeAssetState(found.body, asset, key);
}

/** All that is known of an asset at the end: its state and everything written to SiteWise. */
async function outcomeOf(fleet: TestFleet, asset: string) {
  const state = await stateOf(fleet, asset);
  const client = createSiteWiseClient({ ...fleet.siteWise });
  const streams = await createSiteWiseReader({ client }).history({
    aliases: resultAliases(withAliasPrefix(twin.definition, `/${asset}`)),
    afterNs: secondsToNs(endS - 86_400),
    untilNs: secondsToNs(endS + 1),
    missing: 'empty',
  });
  client.destroy();
  return {
    samples: state?.samples,
    watermarkNs: state?.watermarkNs,
    pending: state?.pending.rows.length,
    checkpoint: createHash('sha256')
      .update(state?.checkpoint ?? '')
      .digest('hex'),
    results: [...streams].map(([alias, values]) => [
      alias,
      values.map((v) => `${v.timeNs}=${v.value}`),
    ]),
  };
}

const reportOf = (report: RunReport, asset: string) =>
  report.assets.find((a) => a.asset === asset) as AssetReport;

describe('a fleet under faults', () => {
  test('killed, raced and throttled, it ends as one that was left alone, bit for bit', async () => {
    const options = { assets: 4, samples: 6, calibration: { commitEvery: 2, parallelAssets: 3 } };
    const reference = await fleetOf(options);
    expect((await runOnce(reference)).code).toBe(0);
    const fleet = await fleetOf(options);
    fleet.siteWise.faults.set([
      { operation: 'BatchPutAssetPropertyValue', rate: 0.15, error: 'ThrottlingException' },
      { operation: 'BatchPutAssetPropertyValue', rate: 0.1, drop: 'after' },
      {
        operation: 'BatchPutAssetPropertyValue',
        entryError: 'InternalFailureException',
        entryRate: 0.05,
      },
      { operation: 'BatchGetAssetPropertyValueHistory', rate: 0.2, error: 'ThrottlingException' },
    ]);
    const rng = createRng(11);
    const puts = () => fleet.siteWise.counters.operations.BatchPutAssetPropertyValue ?? 0;
    let kills = 0;
    for (let round = 0; round < 3; round++) {
      const racing = [fleet.start(0), fleet.start(0)];
      let over = false;
      void Promise.all(racing.map((w) => w.ended)).then(() => {
        over = true;
      });
      for (const worker of racing) {
        // Somewhere between its first write and the end of its assets.
        const at = puts() + 1 + Math.floor(rng.uniform() * 30);
        await until('the moment of the kill', () => puts() >= at || over, 60_000);
        worker.child.kill('SIGKILL');
      }
      for (const { signal } of await Promise.all(racing.map((w) => w.ended))) {
        if (signal === 'SIGKILL') kills++;
      }
    }
    expect(kills).toBeGreaterThan(0);
    // Two more, which race to the end; then one without faults sends what may be pending.
    const ends = await Promise.all([fleet.start(0).ended, fleet.start(0).ended]);
    expect(ends.every(({ code }) => code === 0 || code === 1)).toBe(true);
    fleet.siteWise.faults.set([]);
    expect((await fleet.start(0).ended).code).toBe(0);
    for (const asset of fleet.assets) {
      const outcome = await outcomeOf(fleet, asset);
      expect(outcome).toMatchObject({ samples: 6, pending: 0 });
      expect(outcome).toEqual(await outcomeOf(reference, asset));
    }
  }, 120_000);

  test('two jobs on the same assets, as when a run outlasts its period: one does the work, the other steps back', async () => {
    const fleet = await fleetOf({ assets: 2, samples: 5, calibration: { commitEvery: 1 } });
    const ends = await Promise.all([fleet.start(0).ended, fleet.start(0).ended]);
    expect(ends.map((e) => e.code)).toEqual([0, 0]);
    const reports = await reportsOf(fleet);
    const steps = (asset: string) => reports.reduce((sum, r) => sum + reportOf(r, asset).steps, 0);
    for (const asset of fleet.assets) {
      expect(await outcomeOf(fleet, asset)).toMatchObject({ samples: 5, pending: 0 });
      // The loser may have made steps, but has committed none of them.
      expect(steps(asset)).toBeGreaterThanOrEqual(5);
      for (const r of reports) {
        expect(['calibrated', 'superseded', 'idle']).toContain(reportOf(r, asset).outcome);
      }
    }
  });

  test('stopped with SIGTERM it saves its state, says so, and the next run goes on', async () => {
    const fleet = await fleetOf({ assets: 1, samples: 30, calibration: { commitEvery: 3 } });
    const worker = fleet.start(0);
    await until('a first state', async () => (await stateOf(fleet, 'line-1')) !== undefined);
    worker.child.kill('SIGTERM');
    const { code } = await worker.ended;
    expect(code).toBe(143);
    const [report] = await reportsOf(fleet);
    const samples = (await stateOf(fleet, 'line-1'))?.samples ?? 0;
    expect(report?.assets[0]).toMatchObject({ outcome: 'stopped', steps: samples });
    expect(samples).toBeLessThan(30);
    expect((await runOnce(fleet)).report.assets[0]).toMatchObject({
      outcome: 'calibrated',
      steps: 30 - samples,
    });
    expect(await outcomeOf(fleet, 'line-1')).toMatchObject({ samples: 30, pending: 0 });
  }, 60_000);
});

// Any S3-compatible server will do, e.g. moto's.
const s3 = process.env.TWINLOOP_TEST_S3;
test.skipIf(s3 === undefined)(
  'two jobs with their store in S3 (set TWINLOOP_TEST_S3 to its endpoint): one does the work',
  async () => {
    const fleet = await fleetOf({ assets: 2, samples: 2 });
    const bucket = `twinloop-${randomUUID()}`;
    const { region, credentials } = fleet.siteWise;
    const client = createS3Client({ endpoint: s3 ?? '', region, credentials });
    await client.send(new CreateBucketCommand({ Bucket: bucket }));
    const store = createS3Store({ bucket, prefix: 'plant', client });
    for (const key of await fleet.store.list('fleet/')) {
      await store.put(key, (await fleet.store.get(key))?.body ?? new Uint8Array());
    }
    const env = { TWINLOOP_STORE: `s3://${bucket}/plant`, TWINLOOP_S3_ENDPOINT: s3 };
    const ends = await Promise.all([fleet.start(0, env).ended, fleet.start(0, env).ended]);
    expect(ends.map((e) => e.code)).toEqual([0, 0]);
    for (const asset of fleet.assets) {
      expect(await outcomeOf({ ...fleet, store }, asset)).toMatchObject({ samples: 2, pending: 0 });
    }
    client.destroy();
  },
);

describe('bad input', () => {
  test('an unknown asset, an impossible one, a foreign state: each reported, the others calibrated', async () => {
    const fleet = await fleetOf({
      assets: 4,
      samples: 2,
      inputs: { 'line-2': { lineSpeed: -5 } },
    });
    const manifest = JSON.parse(
      (await getText(fleet.store, 'fleet/fleet.json')) ?? '',
    ) as FleetConfig;
    await putJson(fleet.store, 'fleet/fleet.json', {
      ...manifest,
      assets: [...manifest.assets, { id: 'ghost', twin: 'web-line', aliasPrefix: '/ghost' }],
    });
    const foreign = new TextEncoder().encode(
      '{"format":"twinloop-worker-state","version":1,"assetId":"line-9"}',
    );
    await fleet.store.put(stateKey('lines', 'line-3'), foreign);

    const { code, report } = await runOnce(fleet);
    const of = (asset: string) => reportOf(report, asset);
    expect(of('line-1')).toMatchObject({ outcome: 'calibrated', steps: 2 });
    expect(of('line-4')).toMatchObject({ outcome: 'calibrated', steps: 2 });
    expect(of('ghost')).toMatchObject({ outcome: 'failed', error: { code: 'NOT_FOUND' } });
    expect(of('line-3').error).toMatchObject({
      code: 'STATE_MISMATCH',
      message: expect.stringContaining('is the state of the asset line-9, not of line-3'),
    });
    expect(of('line-2').error).toMatchObject({
      code: 'FMI_CALL_FAILED',
      message: expect.stringContaining('lineSpeed'),
    });
    expect(Buffer.from((await fleet.store.get(stateKey('lines', 'line-3')))?.body ?? [])).toEqual(
      Buffer.from(foreign),
    );
    // Nothing was learnt; that its first sample failed is remembered, so that it is set aside in time.
    expect(await stateOf(fleet, 'line-2')).toMatchObject({ samples: 0, fault: { runs: 1 } });
    // All of it needs somebody: trying again is no use.
    expect(code).toBe(2);
  });

  test('a permission that was revoked: the results are kept, and sent once it is back', async () => {
    const fleet = await fleetOf({ assets: 1, samples: 2 });
    fleet.siteWise.faults.set([
      { operation: 'BatchPutAssetPropertyValue', error: 'AccessDeniedException' },
    ]);
    const refused = await runOnce(fleet);
    expect(refused.code).toBe(2);
    expect(refused.report.assets[0]?.error).toMatchObject({
      code: 'ACCESS_DENIED',
      retryable: false,
      message: expect.stringContaining('kept with the state'),
    });
    expect(await outcomeOf(fleet, 'line-1')).toMatchObject({ samples: 2, pending: 2 });
    fleet.siteWise.faults.set([
      { operation: 'BatchGetAssetPropertyValueHistory', error: 'AccessDeniedException' },
    ]);
    const blind = await runOnce(fleet);
    expect([blind.code, blind.report.assets[0]?.error?.code]).toEqual([2, 'ACCESS_DENIED']);
    fleet.siteWise.faults.set([]);
    // What was left was sent before anything was read.
    expect(await outcomeOf(fleet, 'line-1')).toMatchObject({ samples: 2, pending: 0 });
  });

  test('a store without a fleet, or with a wrong one, ends the job with what to mend', async () => {
    const fleet = await fleetOf({ assets: 1, samples: 1 });
    await putJson(fleet.store, 'fleet/fleet.json', {
      name: 'lines',
      twins: { a: './a.json' },
      assets: [
        { id: 'line-1', twin: 'b' },
        { id: 'x', twin: 'a', colour: 1 },
      ],
    });
    const wrong = await fleet.start(0).ended;
    expect(wrong.code).toBe(2);
    expect(wrong.stderr).toMatch(/fleet\/fleet.json[\s\S]*assets\[1\]/);
    await fleet.store.delete('fleet/fleet.json');
    const missing = await fleet.start(0).ended;
    expect(missing.code).toBe(2);
    expect(missing.stderr).toMatch(/The store has no fleet\/fleet.json/);
  });
});

describe('the image', () => {
  const contentOf = async () =>
    (await readdir(image, { recursive: true, withFileTypes: true }))
      .filter((entry) => entry.isFile())
      .map(({ parentPath, name }) => join(parentPath, name))
      .map((path) => ({ path, size: statSync(path).size, mtimeMs: statSync(path).mtimeMs }));

  test('is a small folder that nothing is written to; health tells whether its worker gets on', async () => {
    const before = await contentOf();
    const megabytes = before.reduce((sum, { size }) => sum + size, 0) / 1e6;
    // Beside Debian's slim image (75 MB) and Node (up to 125 MB): 250 MB at most.
    expect(megabytes).toBeLessThan(50);
    const fleet = await fleetOf({ assets: 1, samples: 1 });
    const env = { TWINLOOP_HEARTBEAT: `${image}-alive`, TWINLOOP_METRICS: 'emf' };
    const health = async () => (await fleet.start(0, env, ['health']).ended).code;
    expect(await health()).toBe(1);
    const { code, stdout } = await fleet.start(0, env).ended;
    expect(code).toBe(0);
    const metrics = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as object);
    expect(metrics).toEqual([
      expect.objectContaining({ Fleet: 'lines', AssetsCalibrated: 1, _aws: expect.anything() }),
      expect.objectContaining({ Asset: 'line-1', Steps: 1 }),
    ]);
    expect(await health()).toBe(0);
    await utimes(env.TWINLOOP_HEARTBEAT, 0, 0);
    expect(await health()).toBe(1);
    await rm(env.TWINLOOP_HEARTBEAT);
    expect(await contentOf()).toEqual(before);
  });
});
