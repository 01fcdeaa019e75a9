import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  decodeAssetState,
  exitCodeOf,
  jobExitCodeOf,
  runWorker,
  stateKey,
} from '../../../cloud/index.js';
import { fleetSchema } from '../../../shared/config/index.js';
import { ManualClock, silentLogger, wallTime } from '../../../shared/core/index.js';
import type { SiteWiseWriter } from '../../../shared/sitewise/index.js';
import type { ObjectStore } from '../../../shared/store/index.js';
import { ledgerFaults, type Twin, wholeLedger } from '../../../shared/twin/index.js';
import { countingEngine, memoryStore, Streams, twinOf } from '../../support/worker-fakes.js';

const T0 = 1_790_000_000;
const S = 1_000_000_000n;

interface World {
  streams: Streams;
  store: ObjectStore;
  options?: Record<string, unknown>;
  /** Options of the fleet's asset. */
  asset?: Record<string, unknown>;
  samplePeriodS?: number;
  twin?: Twin;
}

const fleets = new Map<string, ReturnType<typeof fleetSchema.parse>>();
function fleetOf(options: Record<string, unknown> = {}, asset: Record<string, unknown> = {}) {
  const key = JSON.stringify([options, asset]);
  const fleet =
    fleets.get(key) ??
    fleetSchema.parse({
      name: 'f',
      twins: { pump: './twin.json' },
      assets: [{ id: 'a1', twin: 'pump', ...asset }],
      calibration: { settleS: 0, ...options },
    });
  fleets.set(key, fleet);
  return fleet;
}

function runWhole(
  world: World,
  nowS: number,
  how: { store?: ObjectStore; writer?: SiteWiseWriter; sampleS?: number } = {},
) {
  const fleet = fleetOf(world.options, world.asset);
  const twin = world.twin ?? twinOf(world.samplePeriodS);
  const clock = new ManualClock(BigInt(Math.round(nowS * 1000)) * 1_000_000n);
  return runWorker(
    { index: 0, timeMap: wallTime },
    {
      source: { fleet, twin: () => Promise.resolve(twin), close: () => Promise.resolve() },
      store: how.store ?? world.store,
      reader: world.streams.reader(),
      writer: how.writer ?? world.streams.writer(),
      engine: countingEngine,
      discover: () => Promise.resolve(),
      clock,
      onProgress: () => void clock.advance(1000 * (how.sampleS ?? 0)),
      logger: silentLogger,
      uptimeS: () => 1,
    },
    new AbortController().signal,
  );
}

const run = (...args: Parameters<typeof runWhole>) =>
  runWhole(...args).then((report) => report.assets[0]!);

async function stateOf(world: World) {
  const key = stateKey('f', 'a1');
  const found = await world.store.get(key);
  return decodeAssetState(found!.body, 'a1', key);
}
const estimateOf = async (world: World) =>
  Buffer.from((await stateOf(world)).checkpoint).toString();
const timesOf = async (world: World) => [
  ...(JSON.parse(await estimateOf(world)) as { filter: { times: number[] } }).filter.times,
];

/** Answers the first two reads of a key together, so that two runs that read it race. */
function readTogether(store: ObjectStore, key: string): ObjectStore {
  const waiting: (() => void)[] = [];
  return {
    ...store,
    get: async (wanted) => {
      const found = await store.get(wanted);
      if (wanted === key && waiting.length < 2) {
        await new Promise<void>((resolve) => {
          waiting.push(resolve);
          if (waiting.length === 2) for (const go of waiting) go();
        });
      }
      return found;
    },
  };
}

/** Dies at one of its writes, before or after it went through. */
function dying(store: ObjectStore, atPut: number, afterwards: boolean): ObjectStore {
  let puts = 0;
  return {
    ...store,
    put: async (key, body, condition) => {
      const dies = ++puts === atPut;
      if (dies && !afterwards) throw new Error('killed');
      const result = await store.put(key, body, condition);
      if (dies) throw new Error('killed');
      return result;
    },
  };
}

interface Reading {
  alias: string;
  timeS: number;
  value: number;
  /** The run before which it is in SiteWise. */
  run: number;
  twice: boolean;
}

const PERIODS = [1, 10, 60, 600, 3600, 86_400] as const;

/** A random history: what two sensors and an input sent on change measured, and when it arrived. */
const histories = fc
  .record({
    periodS: fc.constantFrom(...PERIODS),
    samples: fc.integer({ min: 16, max: 40 }),
    perRun: fc.integer({ min: 2, max: 9 }),
    outages: fc.array(
      fc.record({
        from: fc.nat(40),
        length: fc.integer({ min: 1, max: 15 }),
        delay: fc.integer({ min: 1, max: 4 }),
        stream: fc.constantFrom('/p/flow', '/p/heat', '/p/speed', 'all'),
      }),
      { maxLength: 3 },
    ),
    changes: fc.uniqueArray(fc.nat(40), { maxLength: 6 }),
    blanks: fc.uniqueArray(fc.nat(79), { maxLength: 6 }),
    twice: fc.uniqueArray(fc.nat(79), { maxLength: 4 }),
    faults: fc.array(fc.constantFrom('none', 'none', 'before', 'after', 'write', 'race'), {
      minLength: 25,
      maxLength: 25,
    }),
    at: fc.integer({ min: 1, max: 5 }),
    thin: fc.boolean(),
    commitEvery: fc.integer({ min: 1, max: 7 }),
  })
  .map((h) => {
    // SiteWise takes nothing older than a week.
    const samples = Math.min(h.samples, Math.floor((5 * 86_400) / h.periodS));
    const runOf = (i: number) => Math.floor(i / h.perRun);
    const lateness = (alias: string, i: number) =>
      h.outages.reduce(
        (most, o) =>
          i >= o.from && i < o.from + o.length && (o.stream === 'all' || o.stream === alias)
            ? Math.max(most, o.delay)
            : most,
        0,
      );
    const readings: Reading[] = [];
    const add = (alias: string, i: number, offsetS: number, value: number, k: number) =>
      readings.push({
        alias,
        timeS: T0 + i * h.periodS + offsetS,
        value,
        run: runOf(i) + lateness(alias, i),
        twice: h.twice.includes(k),
      });
    for (let i = 0; i < samples; i++) {
      if (!h.blanks.includes(2 * i)) add('/p/flow', i, 0, i + 1, 2 * i);
      if (!h.blanks.includes(2 * i + 1)) add('/p/heat', i, 0.25, 0.1 * i, 2 * i + 1);
      if (h.changes.includes(i)) add('/p/speed', i, -0.25, 2 + i, -1);
    }
    return { ...h, samples, runs: runOf(samples - 1) + 1, readings };
  });

describe('whatever way readings arrive', () => {
  test('the estimate is that of readings in order, bit for bit, and the fate of each is known', async () => {
    await fc.assert(
      fc.asyncProperty(histories, async (h) => {
        const options = {
          commitEvery: h.commitEvery,
          lookbackS: Math.min(7 * 86_400, h.periodS * (h.samples + 3)),
          lateWindowS: 7 * 86_400,
        };
        const shape = { options, ...(h.thin ? { samplePeriodS: 2.5 * h.periodS } : {}) };
        const world: World = { streams: new Streams(), store: memoryStore(), ...shape };
        // Sent on change, the last time long before.
        world.streams.add('/p/speed', T0 - 30 * 86_400, 2);
        const nowOf = (r: number) =>
          T0 + Math.min((r + 1) * h.perRun - 0.5, h.samples + 0.5) * h.periodS;
        const lastRun = h.readings.reduce((most, r) => Math.max(most, r.run), h.runs - 1);
        for (let r = 0; r <= lastRun; r++) {
          for (const reading of h.readings.filter((x) => x.run === r)) {
            world.streams.add(reading.alias, reading.timeS, reading.value);
            if (reading.twice) world.streams.add(reading.alias, reading.timeS, reading.value);
          }
          const fault = h.faults[r % h.faults.length];
          if (fault === 'race') {
            await Promise.all([run(world, nowOf(r)), run(world, nowOf(r) - 0.4 * h.periodS)]);
          } else if (fault === 'write') {
            const writer = { write: () => Promise.reject(new Error('killed')) };
            await run(world, nowOf(r), { writer });
          } else if (fault === 'before' || fault === 'after') {
            await run(world, nowOf(r), { store: dying(world.store, h.at, fault === 'after') });
          } else await run(world, nowOf(r));
        }
        // All is there: once the whole window was looked through, runs find nothing more.
        const endS = T0 + (h.samples + 1) * h.periodS;
        await run(world, endS);
        await run(world, endS + 601);
        const last = await run(world, endS + 1202);
        expect(last.error).toBeUndefined();
        expect([last.late, last.lateUnused, last.steps, last.ledgerFaults]).toEqual([0, 0, 0, []]);

        const inOrder: World = { streams: world.streams.sorted(), store: memoryStore(), ...shape };
        await run(inOrder, endS);
        expect(await estimateOf(world)).toBe(await estimateOf(inOrder));
        const [state, wanted] = [await stateOf(world), await stateOf(inOrder)];
        expect(state.ledger).toEqual(wanted.ledger);
        expect(ledgerFaults(wholeLedger(state))).toEqual([]);
        expect(new Set(await timesOf(world)).size).toBe(state.ledger.samples.assimilated);
        // Each reading is received once, and the results are those of the estimate in order.
        for (const alias of ['/p/flow', '/p/heat']) {
          const there = world.streams.of(alias).length;
          expect(state.ledger.streams[alias]?.received ?? 0).toBe(there);
        }
        for (const [key, value] of inOrder.streams.results) {
          // What concerns the run, not the estimate.
          if (/\/twin\/(ledger|age)@/.test(key)) continue;
          expect(world.streams.results.get(key)).toBe(value);
        }
      }),
      { numRuns: 1000 },
    );
  }, 180_000);
});

describe('cases from plants', () => {
  const minutes = (world: World, fromS: number, toS: number) => {
    for (let t = fromS; t < toS; t += 10) {
      const value = 1 + (((t - T0) / 10) % 2) / 100;
      world.streams.add('/p/flow', t, value);
      world.streams.add('/p/heat', t, value);
    }
  };
  const newWorld = (more: Partial<World> = {}): World => {
    const world = { streams: new Streams(), store: memoryStore(), ...more };
    world.streams.add('/p/speed', T0 - 3600, 1);
    return world;
  };

  test('a sample period of half a day takes a sample each half day', async () => {
    const world = newWorld({ samplePeriodS: 43_200, options: { settleS: 30 } });
    minutes(world, T0 - 3600, T0 + 3 * 86_400);
    const outcomes = new Set<string>();
    for (let k = 0; k <= 12; k++) outcomes.add((await run(world, T0 + k * 21_600)).outcome);
    expect((await timesOf(world)).length).toBe(7);
    expect([...outcomes].sort()).toEqual(['calibrated', 'waiting']);
  });

  test('a backlog that arrives beside live values is taken in its place', async () => {
    const world = newWorld();
    minutes(world, T0 - 3600, T0);
    await run(world, T0);
    minutes(world, T0 + 7200, T0 + 7300);
    minutes(world, T0, T0 + 2400);
    await run(world, T0 + 7300);
    minutes(world, T0 + 2400, T0 + 7200);
    expect(await run(world, T0 + 7600)).toMatchObject({
      outcome: 'late-data',
      late: 960,
      lateUnused: 0,
      ledgerFaults: [],
    });
    expect((await timesOf(world)).length).toBe(360 + 730);
    // SiteWise has the ledger and the age of the estimate beside the results, at the run's time.
    const told = (name: string) =>
      world.streams.results.get(`/p/twin/${name}@${BigInt(T0 + 7600) * S}`);
    expect(told('age')).toBe(310);
    expect(JSON.parse(String(told('ledger')))).toMatchObject({
      received: 2 * (360 + 730) + 1,
      late: 960,
      lateUnused: 0,
      assimilated: 360 + 730,
    });
  });

  test('a stream that was silent alone, and comes back, is looked after at once; one sent on change is not', async () => {
    const oneStream = (world: World, alias: string, fromS: number, toS: number, everyS = 10) => {
      for (let t = fromS; t < toS; t += everyS) world.streams.add(alias, t, 1 + ((t / 10) % 2));
    };
    // Looks at the whole late window are rare.
    const options = { lateCheckS: 86_400 };
    const late = async (before: (world: World) => void, silentS: number) => {
      const world = newWorld({ options });
      const end = T0 + silentS;
      before(world);
      oneStream(world, '/p/flow', T0 - 5400, T0);
      await run(world, T0);
      oneStream(world, '/p/flow', T0, end + 600);
      oneStream(world, '/p/heat', end, end + 600);
      await run(world, end + 600);
      // The backlog of the one gateway, behind the last hour that each run looks at.
      oneStream(world, '/p/heat', T0, end - 3600);
      return (await run(world, end + 610)).late;
    };
    const regular = (world: World) => oneStream(world, '/p/heat', T0 - 5400, T0);
    const onChange = (world: World) => oneStream(world, '/p/heat', T0 - 5400, T0, 4000);
    expect(await late(regular, 7200)).toBe(360);
    expect(await late(onChange, 7200)).toBe(0);
  });

  test('what the gateway says it holds back is looked for at every run, however rare the looks are, and once more', async () => {
    const backlog = async (says: boolean) => {
      const world = newWorld({
        options: { lateCheckS: 86_400 },
        asset: { gatewayLedger: '/gateway-1' },
      });
      const say = (atS: number, waiting: number, oldestS: number) => {
        if (!says) return;
        world.streams.add('/gateway-1/waiting', atS, waiting);
        world.streams.add('/gateway-1/oldest-waiting-s', atS, oldestS);
      };
      minutes(world, T0 - 3600, T0);
      await run(world, T0);
      // Every second value is held back, so that no gap tells of them.
      minutes(world, T0, T0 + 7300);
      say(T0 + 7290, 100, 7200);
      const during = await run(world, T0 + 7300);
      say(T0 + 7350, 0, 0);
      for (let t = T0 + 105; t < T0 + 600; t += 10) {
        world.streams.add('/p/flow', t, 1);
        world.streams.add('/p/heat', t, 1);
      }
      const after = await run(world, T0 + 7400);
      return { during: during.alarms.map((a) => a.code), late: after.late };
    };
    expect(await backlog(true)).toEqual({ during: ['gateway-backlog'], late: 100 });
    // Without its word they are found only by the next look through the whole window.
    expect(await backlog(false)).toEqual({ during: [], late: 0 });
  });

  test('readings later than the late window are counted, alarmed and left out', async () => {
    const world = newWorld({ options: { lateWindowS: 1800 } });
    minutes(world, T0 - 3600, T0);
    await run(world, T0);
    minutes(world, T0 + 7200, T0 + 7300);
    await run(world, T0 + 7300);
    minutes(world, T0 + 600, T0 + 1200);
    const late = await run(world, T0 + 7600);
    expect(late).toMatchObject({ outcome: 'late-data', steps: 0, late: 0, lateUnused: 120 });
    expect(late.alarms.map((a) => a.code)).toEqual(['late-unused']);
    expect(late.ledger?.streams['/p/flow']).toMatchObject({ lateUnused: 60 });
    expect(late.ledgerFaults).toEqual([]);
    // Counted once.
    expect(await run(world, T0 + 8300)).toMatchObject({ outcome: 'idle', lateUnused: 0 });
    expect((await timesOf(world)).length).toBe(360 + 10);
  });

  test('a value that was changed in SiteWise is taken anew', async () => {
    const world = newWorld();
    minutes(world, T0 - 3600, T0);
    await run(world, T0);
    world.streams.change('/p/flow', T0 - 1000, 5);
    expect(await run(world, T0 + 700)).toMatchObject({ rewritten: 1, ledgerFaults: [] });
    const inOrder = { streams: world.streams.sorted(), store: memoryStore() };
    await run(inOrder, T0 + 700);
    expect(await estimateOf(world)).toBe(await estimateOf(inOrder));
  });

  test('of readings that say different things of one instant the first counts; the others are counted as duplicates', async () => {
    const world = newWorld();
    minutes(world, T0 - 3600, T0);
    for (let t = T0 - 1000; t < T0 - 500; t += 10) world.streams.add('/p/flow', t, 77);
    const report = await run(world, T0);
    expect(report.ledger?.streams['/p/flow']).toMatchObject({ received: 410, duplicate: 50 });
    expect(report).toMatchObject({ steps: 360, ledgerFaults: [] });
    const clean = newWorld();
    minutes(clean, T0 - 3600, T0);
    await run(clean, T0);
    expect(await estimateOf(world)).toBe(await estimateOf(clean));
    // Those that come after the first was taken change nothing either.
    world.streams.add('/p/flow', T0 - 300, 88);
    expect(await run(world, T0 + 700)).toMatchObject({ rewritten: 0, late: 0, ledgerFaults: [] });
    expect(await estimateOf(world)).toBe(await estimateOf(clean));
  });

  test('a replay that races another worker: one does it, the other steps back, and the estimate is that in order', async () => {
    const world = newWorld();
    minutes(world, T0 - 3600, T0 - 1000);
    minutes(world, T0 - 500, T0);
    await run(world, T0);
    minutes(world, T0 - 1000, T0 - 500);
    minutes(world, T0, T0 + 100);
    const racing = { ...world, store: readTogether(world.store, stateKey('f', 'a1')) };
    const [one, other] = await Promise.all([run(racing, T0 + 700), run(racing, T0 + 700)]);
    expect([one.outcome, other.outcome].sort()).toEqual(['late-data', 'superseded']);
    const loser = one.outcome === 'superseded' ? one : other;
    expect(loser).toMatchObject({ verdict: { grade: 'good' }, ledgerFaults: [] });
    await run(world, T0 + 701);
    const inOrder = { streams: world.streams.sorted(), store: memoryStore() };
    await run(inOrder, T0 + 701);
    expect(await estimateOf(world)).toBe(await estimateOf(inOrder));
    expect(ledgerFaults(wholeLedger(await stateOf(world)))).toEqual([]);
  });

  test('a stream that runs ahead by an hour holds the others back no longer than they need, and nothing is lost', async () => {
    const world = newWorld({ options: { settleS: 30 } });
    // The heat's clock is an hour fast: what it says lies in the future until it is past.
    const until = (fromS: number, toS: number) => {
      for (let t = fromS; t < toS; t += 10) {
        world.streams.add('/p/flow', t, 1 + ((t / 10) % 3));
        world.streams.add('/p/heat', t + 3600, 1 + ((t / 10) % 2));
      }
    };
    until(T0 - 3600, T0);
    await run(world, T0);
    // The estimate did not jump to the future.
    expect((await stateOf(world)).watermarkNs).toBeLessThanOrEqual(BigInt(T0) * S);
    for (let t = T0; t < T0 + 7200; t += 600) {
      until(t, t + 600);
      expect((await run(world, t + 600)).ledgerFaults).toEqual([]);
    }
    await run(world, T0 + 7200 + 3700);
    const { ledger, lateUnused } = await stateOf(world);
    expect(lateUnused).toEqual({});
    expect(ledger.streams['/p/flow']?.received).toBe(1080);
    expect(ledger.streams['/p/heat']?.received).toBe(1080);
    const inOrder = {
      streams: world.streams.sorted(),
      store: memoryStore(),
      options: { settleS: 30 },
    };
    await run(inOrder, T0 + 7200 + 3700);
    expect(await estimateOf(world)).toBe(await estimateOf(inOrder));
  });

  test('a gateway whose clock is an hour ahead, or behind, loses nothing', async () => {
    const world = newWorld({ options: { settleS: 30 } });
    for (let t = T0 - 7200; t < T0; t += 10) {
      world.streams.add('/p/flow', t, 1);
      world.streams.add('/p/heat', t + 3600, 1);
    }
    const first = await run(world, T0);
    expect(first.ledgerFaults).toEqual([]);
    await run(world, T0 + 3700);
    const { streams } = (await stateOf(world)).ledger;
    expect([streams['/p/flow']?.received, streams['/p/heat']?.received]).toEqual([720, 720]);
  });

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
    poisoned.streams.change('/p/flow', T0 - 300, 666);
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
    world.streams.change('/p/flow', T0 - 1800, 666);
    const outcomes = [];
    for (let k = 0; k < 4; k++) outcomes.push(await run(world, T0 + 300 * k));
    expect(outcomes.map((a) => a.outcome)).toEqual(['failed', 'failed', 'quarantined', 'idle']);
    expect(outcomes[2]).toMatchObject({ quarantined: 1, ledgerFaults: [] });
    expect(outcomes[2]!.alarms.map((a) => a.code)).toEqual(['sample-quarantined']);
    const key = `quarantine/f/a1/${BigInt(T0 - 1800) * S}.json`;
    const kept = JSON.parse(new TextDecoder().decode((await world.store.get(key))!.body)) as object;
    expect(kept).toMatchObject({
      inputs: { speed: 1 },
      measured: { flow: 666, heat: 1 },
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
