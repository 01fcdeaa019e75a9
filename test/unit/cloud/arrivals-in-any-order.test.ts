import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { ObjectStore } from '../../../shared/store/index.js';
import { ledgerFaults, wholeLedger } from '../../../shared/twin/index.js';
import { memoryStore, Streams } from '../../support/worker-fakes.js';
import { estimateOf, run, stateOf, T0, timesOf, type World } from '../../support/worker-world.js';

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
    // Of the sample period: of the scan, or between two, up and down.
    changesAt: fc.constantFrom(
      [-0.25],
      [0.03],
      [-0.03],
      [0.4],
      [0.3, 0.5],
      [-0.02, 0.02],
      [0.01, 0.02],
    ),
    isMoving: fc.boolean(),
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
      if (!h.changes.includes(i)) continue;
      h.changesAt.forEach((at, k) => {
        add('/p/speed', i, 0.25 + at * h.periodS, k === 0 ? 2 + i : 2, -1);
      });
    }
    return { ...h, samples, runs: runOf(samples - 1) + 1, readings };
  });

test('the estimate is that of readings in order, bit for bit, and the fate of each is known', async () => {
  await fc.assert(
    fc.asyncProperty(histories, async (h) => {
      const options = {
        commitEvery: h.commitEvery,
        lookbackS: Math.min(7 * 86_400, h.periodS * (h.samples + 3)),
        lateWindowS: 7 * 86_400,
      };
      const { isMoving } = h;
      const shape = { options, isMoving, ...(h.thin ? { samplePeriodS: 2.5 * h.periodS } : {}) };
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
