import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  type CalibrationEngine,
  decodeAssetState,
  type FleetSource,
  runWorker,
  stateKey,
  toEmfLines,
} from '../../../cloud/index.js';
import { fleetSchema, twinSchema } from '../../../shared/config/index.js';
import {
  ManualClock,
  type StreamTqv,
  silentLogger,
  type Tqv,
  TwinError,
  wallTime,
} from '../../../shared/core/index.js';
import type { SiteWiseReader, SiteWiseWriter } from '../../../shared/sitewise/index.js';
import { createFolderStore, type ObjectStore } from '../../../shared/store/index.js';
import type { Calibrator, CalibratorState, StepResult, Twin } from '../../../shared/twin/index.js';

const S = 1_000_000_000n;
const definition = twinSchema.parse({
  name: 'pump',
  fmu: './pump.fmu',
  inputs: [{ variable: 'speed', alias: '/p/speed' }],
  measured: [{ variable: 'flow', alias: '/p/flow', noiseStd: 0.1, offsetStd: 0 }],
  parameters: [{ variable: 'k', alias: '/p/k', prior: { mean: 0, std: 1 } }],
});
const twin: Twin = { definition, fmuPath: '/nowhere/pump.fmu', hash: 'abc' };

/** What the counting calibrator keeps in place of a filter's state. */
interface Memory {
  times: readonly number[];
  sum: number;
}
const remembering = (times: readonly number[], sum: number) => ({
  filter: { times, sum } as unknown as CalibratorState['filter'],
});
const memoryOf = (state: CalibratorState) => state.filter as unknown as Memory;

/** An estimator that remembers every sample it was given, so that a test can count them. */
const engine: CalibrationEngine = {
  initialSamples: 10,
  startValues: () => Promise.resolve({}),
  createModel: () =>
    Promise.resolve({
      outputs: ['flow'],
      evaluate: () => Promise.resolve([]),
      close: () => Promise.resolve(),
    }),
  createCalibrator: ({ twin: t }): Calibrator => ({
    twin: t,
    initialState: () => ({
      twinHash: t.hash,
      timeS: Number.NEGATIVE_INFINITY,
      timeNs: 0n,
      sampleCount: 0,
      ...remembering([], 0),
    }),
    step: (state, sample) => {
      if (sample.measured[0] === 666) {
        return Promise.reject(new TwinError('FMU_CRASHED', 'The FMU crashed.'));
      }
      const { times, sum: before } = memoryOf(state);
      const sum = before + (sample.measured[0] ?? 0) * sample.inputs[0]!;
      const next: CalibratorState = {
        ...state,
        timeS: sample.timeS,
        timeNs: sample.timeNs ?? 0n,
        sampleCount: state.sampleCount + 1,
        ...remembering([...times, sample.timeS], sum),
      };
      const estimate = { mean: sum, std: 1, lower95: sum - 2, upper95: sum + 2 };
      const result: StepResult = {
        timeS: sample.timeS,
        nis: 1,
        channels: 1,
        logLikelihood: 0,
        parameters: { k: estimate },
        virtualSensors: {},
        measured: { flow: estimate },
        alarms: [],
        diagnostics: {
          mode: 'steady-state',
          modelRuns: 1,
          gated: [],
          leftOut: [],
          regimeChange: false,
          nonlinearity: 0,
          noiseStd: {},
        },
      };
      // The flow follows k with a slope of 2, at a noise of 0.1; k's range is ten times its prior's 1.
      const slopes = { slope: Float64Array.of(2), noiseStd: Float64Array.of(0.1), active: [0] };
      return Promise.resolve({ state: next, result, slopes });
    },
  }),
  encodeCheckpoint: (state) =>
    Buffer.from(
      JSON.stringify({
        ...state,
        timeS: Number.isFinite(state.timeS) ? state.timeS : null,
        timeNs: String(state.timeNs),
      }),
    ),
  decodeCheckpoint: (bytes) => {
    const s = JSON.parse(Buffer.from(bytes).toString()) as CalibratorState;
    return { ...s, timeNs: BigInt(s.timeNs) };
  },
};

/** SiteWise in a few lines: streams in, results out, every overwrite noted. */
class Plant implements SiteWiseReader {
  readonly streams = new Map<string, Tqv[]>();
  readonly results = new Map<string, unknown>();
  overwrittenDifferently = 0;

  add(alias: string, seconds: number, value: number): void {
    const list = this.streams.get(alias) ?? [];
    list.push({ timeNs: BigInt(Math.round(seconds * 1e9)), quality: 'GOOD', value });
    this.streams.set(alias, list);
  }

  history: SiteWiseReader['history'] = async ({ aliases, afterNs, untilNs, onMissing }) => {
    const missing = aliases.filter((a) => !this.streams.has(a));
    if (missing.length > 0) onMissing?.(missing);
    return new Map(
      aliases.map((a) => [
        a,
        (this.streams.get(a) ?? []).filter((t) => t.timeNs > afterNs && t.timeNs <= untilNs),
      ]),
    );
  };

  latest: SiteWiseReader['latest'] = () => Promise.resolve(new Map());

  store(samples: readonly StreamTqv[]): void {
    for (const s of samples) {
      // What concerns the run is told anew at each commit.
      if (/\/twin\/(ledger|age)$/.test(s.alias)) continue;
      const key = `${s.alias}@${s.timeNs}`;
      if (this.results.has(key) && this.results.get(key) !== s.value) this.overwrittenDifferently++;
      this.results.set(key, s.value);
    }
  }

  writer(): SiteWiseWriter {
    return {
      write: (samples) => {
        this.store(samples);
        return Promise.resolve({ accepted: samples.length, rejected: [], retry: [] });
      },
    };
  }
}

function fleetOf(assets: string[], options: Record<string, unknown> = {}): FleetSource {
  const fleet = fleetSchema.parse({
    name: 'f',
    twins: { pump: './twin.json' },
    assets: assets.map((id) => ({ id, twin: 'pump' })),
    calibration: { settleS: 0, lookbackS: 1000, ...options },
  });
  return { fleet, twin: () => Promise.resolve(twin), close: () => Promise.resolve() };
}

function plantWith(samples: number): Plant {
  const plant = new Plant();
  plant.add('/p/speed', 9000.5, 2);
  for (let i = 0; i < samples; i++) plant.add('/p/flow', 9001 + i, i + 1);
  return plant;
}

let folder = '';
let count = 0;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'twinloop-worker-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));
const newStore = () => createFolderStore(join(folder, String(count++)));

interface Run {
  plant: Plant;
  store: ObjectStore;
  source?: FleetSource;
  nowS?: number;
  writer?: SiteWiseWriter;
  discover?: (id: string) => Promise<void>;
  signal?: AbortSignal;
  index?: number;
  clock?: ManualClock;
}
const run = (r: Run) =>
  runWorker(
    { index: r.index ?? 0, timeMap: wallTime },
    {
      source: r.source ?? fleetOf(['a1']),
      store: r.store,
      reader: r.plant,
      writer: r.writer ?? r.plant.writer(),
      engine,
      discover: r.discover ?? (() => Promise.resolve()),
      clock: r.clock ?? new ManualClock(BigInt(r.nowS ?? 9100) * S),
      logger: silentLogger,
      uptimeS: () => 1,
    },
    r.signal ?? new AbortController().signal,
  );

async function timesOf(store: ObjectStore, id = 'a1'): Promise<number[]> {
  const key = stateKey('f', id);
  const found = await store.get(key);
  if (found === undefined) return [];
  const { checkpoint } = decodeAssetState(found.body, id, key);
  return [...memoryOf(engine.decodeCheckpoint(checkpoint, twin)).times];
}

describe('a run', () => {
  test('assimilates what is new, writes results at the time of their samples, and reports', async () => {
    const plant = plantWith(5);
    const store = newStore();
    const report = await run({ plant, store });
    expect(report.assets[0]).toMatchObject({ outcome: 'calibrated', steps: 5, meanNis: 1 });
    expect(report.assets[0]?.watermarkNs).toBe(String(9005n * S));
    expect(report.assets[0]?.identifiability?.parameters.k).toMatchObject({
      std: expect.closeTo(0.05),
      identifiable: true,
    });
    expect(plant.results.get(`/p/k@${9003n * S}`)).toBe(2 * (1 + 2 + 3));
    expect(plant.results.get(`/p/flow_estimate@${9003n * S}`)).toBe(12);
    expect((await store.list('reports/f/')).length).toBe(1);

    plant.add('/p/flow', 9101, 10);
    const again = await run({ plant, store, nowS: 9200 });
    expect(again.assets[0]).toMatchObject({ outcome: 'calibrated', steps: 1 });
    // The input stream said nothing new: it holds its last value.
    expect(plant.results.get(`/p/k@${9101n * S}`)).toBe(2 * (1 + 2 + 3 + 4 + 5 + 10));
    expect((await run({ plant, store, nowS: 9300 })).assets[0]).toMatchObject({ outcome: 'idle' });
    expect(plant.overwrittenDifferently).toBe(0);
  });

  test('leaves samples younger than the settling time to the next run', async () => {
    const plant = plantWith(5);
    const store = newStore();
    const source = fleetOf(['a1'], { settleS: 97 });
    await run({ plant, store, source, nowS: 9100 });
    expect(await timesOf(store)).toEqual([9001, 9002, 9003]);
  });

  test('reads long gaps window by window without losing what lies on their edges', async () => {
    const plant = plantWith(60);
    const store = newStore();
    await run({ plant, store, source: fleetOf(['a1'], { readWindowS: 7, commitEvery: 3 }) });
    expect(await timesOf(store)).toEqual(Array.from({ length: 60 }, (_, i) => 9001 + i));
  });

  test('works on its share of the fleet only', async () => {
    const source = fleetOf(['a1', 'a2', 'a3'], { assetsPerJob: 2 });
    const report = await run({ plant: plantWith(1), store: newStore(), source, index: 1 });
    expect(report.assets.map((a) => a.asset)).toEqual(['a3']);
  });

  test('one bad asset never stops the others', async () => {
    const plant = plantWith(3);
    const source = fleetOf(['a1', 'a2', 'a3']);
    const store = newStore();
    const discover = (id: string) =>
      id === 'a2' ? Promise.reject(new TwinError('NOT_FOUND', 'No asset a2.')) : Promise.resolve();
    const report = await run({ plant, store, source, discover });
    expect(report.assets.map((a) => a.outcome)).toEqual(['calibrated', 'failed', 'calibrated']);
    expect(report.assets[1]?.error).toMatchObject({ code: 'NOT_FOUND', message: 'No asset a2.' });
    expect(toEmfLines(report)).toHaveLength(4);
    expect(JSON.parse(toEmfLines(report)[2] ?? '')).toMatchObject({ Asset: 'a2', Failed: 1 });
  });

  test('asks for an asset once; later its streams tell whether it is there', async () => {
    const plant = plantWith(3);
    const store = newStore();
    let asked = 0;
    const discover = () => Promise.resolve(void asked++);
    await run({ plant, store, discover });
    plant.add('/p/flow', 9101, 10);
    await run({ plant, store, discover, nowS: 9200 });
    expect((await run({ plant, store, discover, nowS: 9300 })).assets[0]?.outcome).toBe('idle');
    expect(asked).toBe(1);
    plant.streams.clear();
    const gone = await run({ plant, store, discover, nowS: 9400 });
    expect(gone.assets[0]).toMatchObject({
      outcome: 'failed',
      error: {
        code: 'NOT_FOUND',
        message: expect.stringMatching(/none of the streams of a1 \(\/p\/speed, \/p\/flow\)/),
      },
    });
    expect(await timesOf(store)).toEqual([9001, 9002, 9003, 9101]);
  });

  test('leaves assets to the next run when its time is out, and not always the same', async () => {
    const ids = ['a1', 'a2', 'a3', 'a4'];
    const source = fleetOf(ids, { maxRunS: 10, parallelAssets: 1 });
    const done = new Set<string>();
    // Where a run begins is drawn: that one of four is left out sixty times does not happen.
    for (let k = 0; k < 60; k++) {
      const clock = new ManualClock(9100n * S);
      const store = newStore();
      // Each asset takes the time of half a run.
      const discover = () => Promise.resolve(clock.advance(5000));
      const report = await run({ plant: plantWith(2), store, source, discover, clock });
      const outcomes = report.assets.map((a) => a.outcome);
      expect(outcomes.filter((o) => o === 'stopped').length).toBeGreaterThan(0);
      expect(outcomes).not.toContain('failed');
      for (const a of report.assets) if (a.steps > 0) done.add(a.asset);
    }
    expect([...done].sort()).toEqual(ids);
  });

  test('keeps what it did before a model that fails', async () => {
    const plant = plantWith(3);
    plant.add('/p/flow', 9004, 666);
    const store = newStore();
    const report = await run({ plant, store });
    expect(report.assets[0]).toMatchObject({
      outcome: 'failed',
      steps: 3,
      error: { code: 'FMU_CRASHED' },
    });
    expect(await timesOf(store)).toEqual([9001, 9002, 9003]);
  });

  test.each([
    [
      'of another asset',
      '{"format":"twinloop-worker-state","version":1,"assetId":"b"}',
      'STATE_MISMATCH',
    ],
    ['of a newer version', '{"format":"twinloop-worker-state","version":9}', 'STATE_MISMATCH'],
    ['that is none', 'hello', 'FILE_INVALID'],
    [
      'that is damaged',
      '{"format":"twinloop-worker-state","version":1,"assetId":"a1"}',
      'FILE_INVALID',
    ],
  ])('refuses a state %s and leaves it untouched', async (_name, content, code) => {
    const store = newStore();
    const body = new TextEncoder().encode(content);
    await store.put(stateKey('f', 'a1'), body);
    const report = await run({ plant: plantWith(3), store });
    expect(report.assets[0]).toMatchObject({ outcome: 'failed', error: { code } });
    expect((await store.get(stateKey('f', 'a1')))?.body).toEqual(Buffer.from(body));
  });

  test('stops on request with its state saved, and sends the results next time', async () => {
    const plant = plantWith(20);
    const store = newStore();
    const stop = new AbortController();
    let writes = 0;
    const writer: SiteWiseWriter = {
      write: (samples) => {
        if (++writes === 1) stop.abort(new TwinError('CANCELLED', 'Stopped.'));
        return plant.writer().write(samples);
      },
    };
    const source = fleetOf(['a1'], { commitEvery: 4 });
    const report = await run({ plant, store, source, writer, signal: stop.signal });
    expect(report.assets[0]?.outcome).toBe('stopped');
    await run({ plant, store, source });
    expect(await timesOf(store)).toEqual(Array.from({ length: 20 }, (_, i) => 9001 + i));
    expect(plant.overwrittenDifferently).toBe(0);
  });
});

describe('under faults', () => {
  /** A store that dies before or after a write goes through. */
  function dying(store: ObjectStore, atPut: number, after: boolean): ObjectStore {
    let puts = 0;
    return {
      ...store,
      put: async (key, body, condition) => {
        const dies = key.startsWith('state/') && ++puts === atPut;
        if (dies && !after) throw new Error('killed');
        const result = await store.put(key, body, condition);
        if (dies) throw new Error('killed');
        return result;
      },
    };
  }

  test('killed or throttled at any point, and racing: every sample once, nothing written twice with different content', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.record({
            fault: fc.constantFrom('put-before', 'put-after', 'write-partly', 'throttle', 'race'),
            at: fc.integer({ min: 1, max: 6 }),
          }),
          { minLength: 1, maxLength: 6 },
        ),
        async (faults) => {
          const plant = plantWith(0);
          const store = newStore();
          const source = fleetOf(['a1'], { commitEvery: 3 });
          let nowS = 9010;
          let sent = 0;
          const produce = () => {
            for (let i = 0; i < 8; i++) plant.add('/p/flow', 9001 + sent++, sent);
          };
          for (const { fault, at } of faults) {
            produce();
            nowS += 8;
            let writes = 0;
            const writer: SiteWiseWriter = {
              write: async (samples) => {
                if (++writes !== at) return plant.writer().write(samples);
                const half = samples.slice(0, samples.length >> 1);
                plant.store(half);
                if (fault === 'throttle') {
                  return {
                    accepted: half.length,
                    rejected: [],
                    retry: samples
                      .slice(half.length)
                      .map((sample) => ({ sample, code: 'ThrottlingException', message: '' })),
                  };
                }
                throw new Error('killed');
              },
            };
            if (fault === 'race') {
              await Promise.all([
                run({ plant, store, source, nowS }),
                run({ plant, store, source, nowS }),
                run({ plant, store, source, nowS: nowS - 3 }),
              ]);
            } else if (fault === 'put-before' || fault === 'put-after') {
              await run({ plant, store: dying(store, at, fault === 'put-after'), source, nowS });
            } else await run({ plant, store, source, nowS, writer });
          }
          const last = await run({ plant, store, source, nowS: nowS + 100 });
          expect(last.assets[0]?.error).toBeUndefined();
          const expected = Array.from({ length: sent }, (_, i) => 9001 + i);
          expect(await timesOf(store)).toEqual(expected);
          expect(plant.overwrittenDifferently).toBe(0);
          for (const t of expected) {
            expect(plant.results.has(`/p/k@${BigInt(t) * S}`)).toBe(true);
          }
        },
      ),
      { numRuns: 40 },
    );
  });
});
