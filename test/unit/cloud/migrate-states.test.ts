import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type CalibrationEngine,
  type FleetSource,
  runWorker,
  stateKey,
} from '../../../cloud/index.js';
import { calibrationEngine } from '../../../cloud/worker/calibration-engine.js';
import { fleetSchema } from '../../../shared/config/index.js';
import { ManualClock, silentLogger, wallTime } from '../../../shared/core/index.js';
import { createFolderStore, type ObjectStore } from '../../../shared/store/index.js';
import {
  decodeAssetState,
  listVersions,
  loadState,
  migrateStates,
  type Twin,
  type TwinModel,
  versionOf,
} from '../../../shared/twin/index.js';
import { memoryStore, Streams } from '../../support/worker-fakes.js';
import { linearModel, smallTwin } from '../twin/fixtures.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'twinloop-migrate-'));
  await writeFile(join(folder, 'model.fmu'), 'the FMU');
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const parameter = (variable: string) => ({
  variable,
  alias: `/s/${variable}`,
  lower: 0,
  upper: 1,
  prior: { mean: 0.1, std: 0.05 },
  wearHorizonS: 100_000,
});
const version = (hash: string, ...names: string[]): Twin => ({
  ...smallTwin({ parameters: names.map(parameter) }),
  fmuPath: join(folder, 'model.fmu'),
  hash: hash.repeat(16),
});
const first = () => version('aaaa', 'p', 'q');
const second = () => version('bbbb', 'q', 'p', 'r');

/** The calibration itself, on a model that is a function: y = (p, q, p + q) by the parameters' names. */
const engine: CalibrationEngine = {
  ...calibrationEngine,
  createModel: (twin) => {
    const names = twin.definition.parameters.map((p) => p.variable);
    const model: TwinModel = linearModel();
    const evaluate = (points: readonly Float64Array[], inputs: Float64Array) =>
      model.evaluate(
        points.map((x) => Float64Array.of(x[names.indexOf('p')]!, x[names.indexOf('q')]!)),
        inputs,
      );
    return Promise.resolve({ ...model, evaluate });
  },
};

const fleet = fleetSchema.parse({
  name: 'f',
  twins: { small: './twin.json' },
  assets: ['a1', 'a2'].map((id) => ({ id, twin: 'small', aliasPrefix: `/${id}` })),
  calibration: { settleS: 0, lookbackS: 1000 },
});
const sourceOf = (twin: Twin): FleetSource => ({
  fleet,
  twin: () => Promise.resolve(twin),
  close: () => Promise.resolve(),
});

function plant(): Streams {
  const streams = new Streams();
  for (const id of ['a1', 'a2']) add(streams, id, 9001, 30);
  return streams;
}
function add(streams: Streams, id: string, fromS: number, count: number): void {
  for (let k = 0; k < count; k++) {
    [0.3, 0.2, 0.5].forEach((v, i) => {
      streams.add(`/${id}/y${i + 1}`, fromS + k, v + 1e-3 * Math.sin(7 * k + i));
    });
  }
}
const run = (store: ObjectStore, streams: Streams, twin: Twin, nowS: number) =>
  runWorker(
    { index: 0, timeMap: wallTime },
    {
      source: sourceOf(twin),
      store,
      reader: streams.reader(),
      writer: streams.writer(),
      engine,
      discover: () => Promise.resolve(),
      clock: new ManualClock(BigInt(nowS) * 1_000_000_000n),
      logger: silentLogger,
      uptimeS: () => 1,
    },
    new AbortController().signal,
  );

describe('a twin that changes under its worker', () => {
  it('is refused with what to do, migrated, and goes on where it was', async () => {
    const store = memoryStore();
    const streams = plant();
    const begun = await run(store, streams, first(), 9100);
    expect(begun.assets.map((a) => [a.outcome, a.twinVersion])).toEqual([
      ['calibrated', 'aaaaaaaaaaaa'],
      ['calibrated', 'aaaaaaaaaaaa'],
    ]);
    const refused = await run(store, streams, second(), 9200);
    expect(refused.assets[0]).toMatchObject({
      outcome: 'failed',
      twinVersion: 'bbbbbbbbbbbb',
      error: { code: 'STATE_MISMATCH', message: expect.stringMatching(/twinloop state migrate/) },
    });
    expect((await listVersions(store)).map((v) => [v.twin, v.version])).toEqual([
      ['small', 'aaaaaaaaaaaa'],
      ['small', 'bbbbbbbbbbbb'],
    ]);

    const tried = await migrateStates(store, second(), { dryRun: true });
    expect(tried.map((s) => s.outcome)).toEqual(['migrated', 'migrated']);
    expect((await run(store, streams, second(), 9200)).assets[0]?.outcome).toBe('failed');

    const done = await migrateStates(store, second());
    expect(done).toMatchObject([
      { asset: 'a1', outcome: 'migrated', from: 'aaaaaaaaaaaa', to: 'bbbbbbbbbbbb', lost: 0 },
      { asset: 'a2', outcome: 'migrated' },
    ]);
    expect(done[0]!.migration).toMatchObject({
      kept: [{ variable: 'q' }, { variable: 'p' }],
      fromPrior: [{ variable: 'r', reason: 'new' }],
    });
    expect((await migrateStates(store, second())).map((s) => s.outcome)).toEqual([
      'current',
      'current',
    ]);

    add(streams, 'a1', 9031, 1);
    // One that is late: the migrated history takes it in its place.
    streams.add('/a1/y1', 9020.5, 0.3);
    const after = await run(store, streams, second(), 9300);
    const a1 = after.assets.find((a) => a.asset === 'a1');
    expect(a1).toMatchObject({ outcome: 'late-data', late: 1, ledgerFaults: [] });
    expect(a1?.parameters?.p?.mean).toBeCloseTo(0.3, 2);
    expect(a1?.parameters?.q?.mean).toBeCloseTo(0.2, 2);
    expect(a1?.parameters?.r?.std).toBeGreaterThan(0.03);
  });

  it('goes back to the state that a version was left with', async () => {
    const store = memoryStore();
    const streams = plant();
    await run(store, streams, first(), 9100);
    const key = stateKey('f', 'a1');
    const before = await store.get(key);
    await migrateStates(store, second());
    const back = await migrateStates(store, first(), { putBack: true, asset: 'a1' });
    expect(back).toMatchObject([{ asset: 'a1', outcome: 'put-back', samples: 30 }]);
    expect((await store.get(key))?.body).toEqual(before?.body);
    expect(
      (await run(store, streams, first(), 9200)).assets.find((a) => a.asset === 'a1')?.outcome,
    ).toBe('idle');
  });

  it('asks for the old definition where the store does not keep it, and leaves other twins alone', async () => {
    const store = memoryStore();
    await run(store, plant(), first(), 9100);
    for (const key of await store.list('versions/')) await store.delete(key);
    const [refused] = await migrateStates(store, second());
    expect(refused).toMatchObject({ outcome: 'failed', problem: expect.stringMatching(/--from/) });
    const other = {
      ...second(),
      definition: { ...second().definition, name: 'other' },
      hash: 'c'.repeat(64),
    };
    const from = first();
    expect((await migrateStates(store, second(), { from })).map((s) => s.outcome)).toEqual([
      'migrated',
      'migrated',
    ]);
    expect(await migrateStates(store, other)).toEqual([]);
  });

  it('takes over what `calibrate` kept in the older layout, history and all', async () => {
    const store = memoryStore();
    await run(store, plant(), first(), 9100);
    const worker = decodeAssetState((await store.get(stateKey('f', 'a1')))!.body, 'a1', 'a1');
    const old = memoryStore();
    await old.put('states/small/latest.bin', worker.checkpoint);
    await old.put('states/small/history/000000000030.bin', worker.checkpoint);
    await expect(loadState(old, second())).rejects.toMatchObject({
      message: expect.stringMatching(/twinloop state migrate/),
    });
    // No version was kept in those days.
    expect((await migrateStates(old, second()))[0]).toMatchObject({
      outcome: 'failed',
      problem: expect.stringMatching(/--from/),
    });
    const from = first();
    expect(await migrateStates(old, second(), { from, dryRun: true })).toHaveLength(1);
    await expect(loadState(old, second())).rejects.toMatchObject({ code: 'STATE_MISMATCH' });
    expect(await migrateStates(old, second(), { from })).toMatchObject([
      { asset: 'small', outcome: 'migrated', samples: 30 },
    ]);
    const { state } = (await loadState(old, second()))!;
    expect(state.sampleCount).toBe(30);
    // q, then p, as the new definition has them.
    expect([...state.filter.x.slice(0, 2)].map((v) => v.toFixed(1))).toEqual(['0.2', '0.3']);
    expect(await migrateStates(old, second())).toMatchObject([{ outcome: 'current' }]);
    const back = await migrateStates(old, first(), { putBack: true, from: second() });
    expect(back).toMatchObject([{ outcome: 'put-back', samples: 30 }]);
    expect((await loadState(old, first()))?.state.sampleCount).toBe(30);
  });

  it('says so when a run saves meanwhile, and changes nothing', async () => {
    const store = memoryStore();
    await run(store, plant(), first(), 9100);
    const racing: ObjectStore = {
      ...store,
      put: async (key, body, condition) => {
        if (condition?.ifMatch !== undefined) await store.put(key, (await store.get(key))!.body);
        return store.put(key, body, condition);
      },
    };
    const done = await migrateStates(racing, second());
    expect(done[0]).toMatchObject({ outcome: 'failed', problem: expect.stringMatching(/again/) });
    const key = stateKey('f', 'a1');
    const { twinHash } = decodeAssetState((await store.get(key))!.body, 'a1', key);
    expect(versionOf(twinHash)).toBe('aaaaaaaaaaaa');
  });

  it('warns and goes on where a version cannot be kept', async () => {
    const twin = { ...first(), fmuPath: '/nowhere/model.fmu' };
    const store = createFolderStore(join(folder, 'plain'));
    const report = await run(store, plant(), twin, 9100);
    expect(report.assets.map((a) => a.outcome)).toEqual(['calibrated', 'calibrated']);
    expect(await listVersions(store)).toEqual([]);
  });
});
