import { describe, expect, test } from 'vitest';
import { type AssetReport, exitCodeOf, jobExitCodeOf, stateKey } from '../../../cloud/index.js';
import { assetVerdicts } from '../../../cloud/worker/verdict.js';
import type { StepResult, Twin } from '../../../shared/twin/index.js';
import { countingEngine, memoryStore, Streams, twinOf } from '../../support/worker-fakes.js';
import {
  minutes,
  newWorld,
  run,
  runWhole,
  stateOf,
  T0,
  timesOf,
  type World,
} from '../../support/worker-world.js';

const S = 1_000_000_000n;
/** As verdicts tell an instant. */
const isoOf = (s: number) => `${new Date(s * 1000).toISOString().slice(0, 19)}Z`;

describe('what a worker that lacks something says', () => {
  test('an asset that is behind for longer than the time between runs is alarmed, in SiteWise too, until it has caught up', async () => {
    const world = newWorld({ options: { maxRunS: 1, commitEvery: 1 } });
    minutes(world, T0 - 400, T0);
    // Each sample takes a tenth of a second, of a run's one: ten of forty come in.
    const slow = (nowS: number) => runWhole(world, nowS, { sampleS: 0.1 });
    const told: [string, number | undefined, string[]][] = [];
    for (const t of [T0, T0 + 60, T0 + 120, T0 + 180]) {
      const [a] = (await slow(t)).assets;
      told.push([a!.outcome, a!.behindS, a!.alarms.map((x) => x.code)]);
    }
    expect(told.map(([outcome, , codes]) => [outcome, codes])).toEqual([
      ['behind', []],
      ['behind', ['falling-behind']],
      ['behind', ['falling-behind']],
      ['calibrated', []],
    ]);
    expect((await stateOf(world)).behindSinceNs).toBeUndefined();
    const alarms = [...world.streams.results].filter(([key]) => key.startsWith('/p/twin/alarms@'));
    const on = alarms.filter(([, text]) => String(text).includes('falling-behind'));
    expect(on.length).toBeGreaterThan(0);
    expect(on.length).toBeLessThan(alarms.length);
  });

  test('readings from before it looks back are none, and the verdict says how far that is', async () => {
    const world = newWorld({ options: { lookbackS: 3600 } });
    minutes(world, T0 - 7200, T0 - 5400);
    const ended = isoOf(T0 - 5410);
    const { outcome, verdict } = await run(world, T0);
    expect(outcome).toBe('idle');
    expect(verdict).toEqual({
      grade: 'care',
      reasons: [
        'never calibrated yet: there are not enough readings for a first sample within the last 60.0 min',
        `readings up to ${ended} are left out: the first run looks back 60.0 min. To take them raise calibration.lookbackS of the fleet`,
      ],
    });
  });

  test('nor are they where newer ones make samples, which is said once', async () => {
    const world = newWorld({ options: { lookbackS: 3600 } });
    minutes(world, T0 - 7200, T0);
    const first = await run(world, T0);
    expect(first.outcome).toBe('calibrated');
    expect(first.verdict).toEqual({
      grade: 'care',
      reasons: [
        `readings up to ${isoOf(T0 - 3600)} are left out: the first run looks back 60.0 min. To take them raise calibration.lookbackS of the fleet and move the state of the asset away`,
      ],
    });
    minutes(world, T0, T0 + 600);
    expect((await run(world, T0 + 600)).verdict).toEqual({ grade: 'good', reasons: [] });
  });

  test('without a value of an input the asset is starved, and says of what', async () => {
    const world: World = { streams: new Streams(), store: memoryStore() };
    minutes(world, T0 - 600, T0);
    world.streams.ensure('/p/speed');
    expect(await run(world, T0)).toMatchObject({
      outcome: 'starved',
      missing: ['speed'],
      skipped: { 'input-missing': 60 },
      ledgerFaults: [],
    });
  });

  test('where the definition allows it, the start value of the FMU stands in for an input that never had one, until one comes', async () => {
    const { definition, ...rest } = twinOf();
    const [speed] = definition.inputs;
    const twin: Twin = {
      ...rest,
      definition: { ...definition, inputs: [{ ...speed!, whenMissing: 'start-value' }] },
    };
    const world: World = { streams: new Streams(), store: memoryStore(), twin };
    minutes(world, T0 - 600, T0);
    world.streams.ensure('/p/speed');
    const report = await runWhole(world, T0);
    const [first] = report.assets;
    expect(first).toMatchObject({ outcome: 'calibrated', steps: 60, startValues: ['speed'] });
    expect(first!.verdict).toEqual({
      grade: 'care',
      reasons: ["speed never had a value: the FMU's start values stand in"],
    });
    expect([exitCodeOf(report), exitCodeOf(report, true), jobExitCodeOf(report, true)]).toEqual([
      0, 1, 2,
    ]);
    world.streams.add('/p/speed', T0 + 5, 2);
    minutes(world, T0 + 10, T0 + 50);
    expect(await run(world, T0 + 60)).toMatchObject({
      startValues: [],
      verdict: { grade: 'good' },
      ledgerFaults: [],
    });
  });

  test('a job is started again only where that may help; what the data are short of does not pass for good', async () => {
    const starved: World = { streams: new Streams(), store: memoryStore() };
    minutes(starved, T0 - 600, T0);
    starved.streams.ensure('/p/speed');
    const poisoned = newWorld();
    minutes(poisoned, T0 - 600, T0);
    poisoned.streams.change('/p/flow', T0 - 300, 6.66);
    const late = newWorld({ options: { lateWindowS: 1800 } });
    minutes(late, T0 - 3600, T0);
    await run(late, T0);
    minutes(late, T0 + 7200, T0 + 7300);
    await run(late, T0 + 7300);
    minutes(late, T0 + 600, T0 + 1200);
    const fine = newWorld();
    minutes(fine, T0 - 600, T0);
    const reports = {
      fine: await runWhole(fine, T0),
      starved: await runWhole(starved, T0),
      failed: await runWhole(poisoned, T0),
      again: await runWhole(poisoned, T0 + 1),
      quarantined: await runWhole(poisoned, T0 + 2),
      'late-unused': await runWhole(late, T0 + 7600),
    };
    const told = Object.entries(reports).map(([name, r]) => [
      name,
      r.summary.verdict.grade,
      exitCodeOf(r),
      exitCodeOf(r, true),
      jobExitCodeOf(r),
    ]);
    expect(told).toEqual([
      ['fine', 'good', 0, 0, 0],
      ['starved', 'unusable', 1, 1, 2],
      // A crash of the model need not come again.
      ['failed', 'unusable', 1, 1, 1],
      ['again', 'unusable', 1, 1, 1],
      ['quarantined', 'care', 0, 1, 0],
      ['late-unused', 'care', 0, 1, 0],
    ]);
    expect(reports.starved.summary.verdict.reasons).toEqual([
      'a1: starved: none of 60 samples was used: 60 input-missing; no value of speed',
    ]);
    expect(reports.quarantined.summary).toMatchObject({
      recording: { rows: 30, used: 29, skipped: { quarantined: 1 } },
    });
  });

  test('a sample at which the model fails three runs is set aside with all that it takes to try it again', async () => {
    const world = newWorld();
    minutes(world, T0 - 3600, T0);
    world.streams.change('/p/flow', T0 - 1800, 6.66);
    const outcomes = [];
    for (let k = 0; k < 4; k++) outcomes.push(await run(world, T0 + 300 * k));
    expect(outcomes.map((a) => a.outcome)).toEqual(['failed', 'failed', 'quarantined', 'idle']);
    expect(outcomes[2]).toMatchObject({ quarantined: 1, ledgerFaults: [] });
    expect(outcomes[2]!.alarms.map((a) => a.code)).toEqual(['sample-quarantined']);
    const key = `quarantine/f/a1/${BigInt(T0 - 1800) * S}.json`;
    const kept = JSON.parse(new TextDecoder().decode((await world.store.get(key))!.body)) as object;
    expect(kept).toMatchObject({
      inputs: { speed: 1 },
      measured: { flow: 6.66, heat: 1 },
      error: { code: 'FMU_CRASHED' },
      checkpoint: expect.any(String),
    });
    expect((await timesOf(world)).length).toBe(359);
    // A replay over it leaves it out as well.
    world.streams.add('/p/flow', T0 - 3605, 1);
    await run(world, T0 + 2000);
    expect((await stateOf(world)).ledger.samples.quarantined).toBe(1);
  });

  test('a state from before this layout goes on, its accounting from there', async () => {
    const world = newWorld();
    minutes(world, T0 - 3600, T0);
    const old = {
      format: 'twinloop-worker-state',
      version: 1,
      assetId: 'a1',
      twinHash: 'abc',
      watermarkNs: String(BigInt(T0 - 1000) * S),
      samples: 0,
      inputs: { '/p/speed': { timeNs: String(BigInt(T0 - 3600) * S), value: 1 } },
      checkpoint: '',
      pending: { aliases: [], rows: [] },
      runId: 'r',
    };
    await world.store.put(stateKey('f', 'a1'), new TextEncoder().encode(JSON.stringify(old)));
    expect(await run(world, T0)).toMatchObject({ outcome: 'calibrated', steps: 99, late: 0 });
  });
});

describe('readings far from what was predicted', () => {
  const none = { twin: undefined, check: undefined, fitQuantities: {}, integration: undefined };
  const verdictAt = (nis: number, channels: number, alarms: AssetReport['alarms'] = []) =>
    assetVerdicts({ ...reportOf(), alarms }, true, {
      ...{ ...none, lookBack: undefined, waitsFor: undefined },
      ...{ counted: { nis, channels }, past: [], rewritten: {} },
    }).verdict;
  const reportOf = () =>
    ({
      ...{ outcome: 'calibrated', ledgerFaults: [], quarantined: 0, startValues: [] },
      ...{ valuesRejected: 0, alarms: [], missing: [] },
      recording: {
        ...{ rows: 100, used: 100, skipped: {}, unreadable: {}, deadChannels: [] },
        ...{ spanS: 99, periodS: 1, ageS: null },
      },
    }) as unknown as AssetReport;

  test('are a finding of the run, unless an alarm says so', () => {
    expect(verdictAt(100, 100).grade).toBe('good');
    expect(verdictAt(900, 100).reasons).toEqual([
      'in this run readings were 3.0 times as far from what was predicted as the bands say (mean NIS per channel 9.00, 0.8 to 1.25 where they are right)',
    ]);
    expect(verdictAt(4, 400).grade).toBe('good');
    // Ten values, and what chance makes of a hundred, say nothing.
    expect(verdictAt(90, 10).grade).toBe('good');
    expect(verdictAt(150, 100).grade).toBe('good');
    const told = { code: 'state-noise' as const, subject: 'p', message: 'The noise is not right.' };
    expect(verdictAt(900, 100, [told]).reasons).toEqual(['The noise is not right']);
  });
});

describe('what had passed by the end of a run', () => {
  const { definition, ...rest } = twinOf();
  const twin: Twin = {
    ...rest,
    definition: {
      ...definition,
      parameters: definition.parameters.map((p) => ({ ...p, dynamics: 'constant' as const })),
    },
  };
  /** A worker whose steps come with more, as is said of their place. */
  const worldOf = (more: (k: number) => Partial<StepResult>) =>
    newWorld({
      twin,
      engine: {
        ...countingEngine,
        createCalibrator: (options) => {
          const calibrator = countingEngine.createCalibrator(options);
          let k = 0;
          return {
            ...calibrator,
            step: async (...args) => {
              const made = await calibrator.step(...args);
              return { ...made, result: { ...made.result, ...more(k++) } };
            },
          };
        },
      },
    });
  const verdictWith = async (more: (k: number) => Partial<StepResult>) => {
    const world = worldOf(more);
    minutes(world, T0 - 1000, T0);
    const { verdict, quantities } = await run(world, T0);
    return { verdict, quantities };
  };

  test('what constants learnt while a sensor contradicted the others counts in each run to come', async () => {
    const kept = Float64Array.of(0, 0, 30, T0 - 5000, T0 - 4700);
    const world = newWorld({
      twin,
      engine: {
        ...countingEngine,
        createCalibrator: (options) => {
          const calibrator = countingEngine.createCalibrator(options);
          return {
            ...calibrator,
            step: async (...args) => {
              const made = await calibrator.step(...args);
              const filter = { ...made.state.filter, contradictions: kept };
              return { ...made, state: { ...made.state, filter } };
            },
          };
        },
      },
    });
    for (const nowS of [T0, T0 + 100]) {
      minutes(world, nowS === T0 ? T0 - 1000 : T0, nowS);
      const { verdict, quantities } = await run(world, nowS);
      expect(verdict.grade).toBe('care');
      expect(verdict.reasons).toEqual([
        `flow contradicted the other channels in 30 of ${nowS === T0 ? 100 : 110} samples, ${isoOf(T0 - 5000)} to ${isoOf(T0 - 4700)}: k is a constant and keeps what was learnt meanwhile; begin the estimate anew, or go back to before it (twinloop state restore)`,
      ]);
      expect(quantities!.k!.grade).toBe('care');
    }
  });

  test('so does an event that stands for long, though it began in a run before, and a pulled constant', async () => {
    const event = (sinceS: number) => (k: number) =>
      k < 90 ? {} : { eventSinceS: sinceS, statesNis: 1 };
    expect((await verdictWith(event(T0 - 130))).verdict.grade).toBe('good');
    const before = worldOf(event(T0 - 130));
    minutes(before, T0 - 1000, T0);
    await run(before, T0);
    minutes(before, T0, T0 + 100);
    const { verdict } = await run(before, T0 + 100);
    expect(verdict.reasons).toEqual([]);
    const standing = worldOf(() => ({ eventSinceS: T0 - 400, statesNis: 1 }));
    minutes(standing, T0 - 100, T0);
    expect((await run(standing, T0)).verdict.reasons.join()).toMatch(
      /^An event has stood since .*, for 40 samples/,
    );
    const pulled = await verdictWith((k) => {
      const std = 0.1 / Math.sqrt(1 + k);
      return { parameters: { k: { mean: 0.004 * k, std, lower95: 0, upper95: 1 } } };
    });
    expect(pulled.verdict.reasons.join()).toMatch(/^k, taken for constant, was pulled one way/);
  });
});
