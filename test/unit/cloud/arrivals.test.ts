import { describe, expect, test } from 'vitest';
import { stateKey } from '../../../cloud/index.js';
import type { ObjectStore } from '../../../shared/store/index.js';
import { ledgerFaults, wholeLedger } from '../../../shared/twin/index.js';
import { memoryStore } from '../../support/worker-fakes.js';
import {
  estimateOf,
  minutes,
  newWorld,
  run,
  stateOf,
  T0,
  timesOf,
  type World,
} from '../../support/worker-world.js';

const S = 1_000_000_000n;

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

describe('readings that arrive late, twice or from another clock', () => {
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
    const report = await run(world, T0 + 700);
    expect(report).toMatchObject({ rewritten: 1, ledgerFaults: [] });
    expect(report.verdict.grade).not.toBe('good');
    expect(report.verdict.reasons).toContainEqual(
      expect.stringMatching(
        /^1 readings that were used were replaced .*\(1 of \/p\/flow\): was a clock set back/,
      ),
    );
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
});
