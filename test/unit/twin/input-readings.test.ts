import { describe, expect, it } from 'vitest';
import { type Tqv, wallTime } from '../../../shared/core/index.js';
import { inputReadings } from '../../../shared/twin/data/input-readings.js';
import { groupStreams } from '../../../shared/twin/index.js';
import { smallTwin } from './fixtures.js';

type Given = readonly (readonly [timeS: number, value: number])[];
const ns = (s: number) => BigInt(Math.round(s * 1000)) * 1_000_000n;
const tqvs = (given: Given): Tqv[] =>
  given.map(([timeS, value]) => ({ timeNs: ns(timeS), quality: 'GOOD', value }));

interface Case {
  u?: Given;
  v?: Given;
  mode?: 'transient' | 'steady-state';
  how?: 'hold' | 'linear';
  samplePeriodS?: number;
  fromS?: number;
  untilS?: number;
  more?: Partial<Parameters<typeof groupStreams>[0]>;
}

/** Samples each 60 s from 0 to 240 s: a reading of an input is of their scan within 3 s. */
function groupsOf({ u = [], v, mode = 'transient', how = 'hold', ...rest }: Case) {
  const { definition } = smallTwin({
    inputs: [
      { variable: 'u', alias: '/s/u' },
      ...(v === undefined ? [] : [{ variable: 'v', alias: '/s/v', interpolation: 'linear' }]),
    ],
    transient: { inputInterpolation: how },
    estimator: rest.samplePeriodS === undefined ? {} : { samplePeriodS: rest.samplePeriodS },
  });
  const all = Array.from({ length: 5 }, (_, k) => [60 * k, k] as const);
  const streams = new Map<string, Tqv[]>(
    definition.measured.map(({ alias }) => [alias, tqvs(all)]),
  );
  streams.set('/s/u', tqvs(u));
  if (v !== undefined) streams.set('/s/v', tqvs(v));
  return groupStreams({
    definition: { ...definition, simulation: { ...definition.simulation, mode } },
    streams,
    untilNs: ns(rest.untilS ?? 1000),
    windowNs: ns(30),
    ...rest.more,
  });
}

const samplesOf = (given: Case) => groupsOf(given).groups.flatMap((g) => g.sample ?? []);
const drivenBy = (given: Case) =>
  samplesOf(given).map(({ inputs, between = [] }) => [
    inputs[0],
    between.map((at) => [at.timeS, ...at.inputs]),
  ]);

describe('what inputs are at samples and between', () => {
  it('a pulse between two samples goes along with the later', () => {
    const u: Given = [
      [0, 0],
      [100, 1],
      [105, 0],
      [110, 0],
    ];
    expect(drivenBy({ u })).toEqual([
      [0, []],
      [0, []],
      [
        0,
        [
          [100, 1],
          [105, 0],
        ],
      ],
      [0, []],
      [0, []],
    ]);
    expect(samplesOf({ u, mode: 'steady-state' }).every((s) => s.between === undefined)).toBe(true);
  });

  it.each([-2.9, -0.01, 0, 0.01, 2.9])('a reading %d s from a sample is of its scan', (s) => {
    const u = [0, 1, 2, 3, 4].map((k) => [60 * k + s + (k === 0 ? -s : 0), k % 2] as const);
    for (const mode of ['transient', 'steady-state'] as const) {
      expect(drivenBy({ u, mode })).toEqual([0, 1, 0, 1, 0].map((v) => [v, []]));
    }
  });

  it.each([
    { what: 'one further off is in its place', onS: 116, offS: 184, at180: [1, []] },
    { what: 'a pulse about a sample is kept, however short', onS: 119, offS: 121 },
  ])('$what', ({ onS, offS, at180 }) => {
    const u: Given = [
      [0, 0],
      [onS, 1],
      [offS, 0],
    ];
    const off = [0, [[offS, 0]]];
    expect(drivenBy({ u })).toEqual([
      [0, []],
      [0, []],
      [1, [[onS, 1]]],
      ...(at180 === undefined ? [off, [0, []]] : [at180, off]),
    ]);
  });

  it('the sample waits until its scan is over, where an input may still come', () => {
    expect(groupsOf({ u: [[0, 0]], untilS: 242 }).pending).toBe(true);
    expect(groupsOf({ u: [[0, 0]], untilS: 243 }).pending).toBe(false);
  });

  it('what a sample before took is not told again, and what it did not is', () => {
    const u: Given = [
      [60.01, 1],
      [61, 2],
      [90, 3],
    ];
    const more = { afterNs: ns(60), sampledNs: ns(60) };
    const held = { '/s/u': { timeNs: ns(60.01), value: 1 } };
    expect(drivenBy({ u, more: { ...more, held } })[0]).toEqual([
      3,
      [
        [61, 2],
        [90, 3],
      ],
    ]);
    // Without it, the streams say what the sample took.
    expect(drivenBy({ u: u.slice(0, 1), more })[0]).toEqual([1, []]);
  });

  it('instants that the sample period passes over lose nothing', () => {
    const u: Given = [
      [0, 0],
      [70, 1],
      [75, 0],
      [120, 2],
      [170, 0],
    ];
    expect(drivenBy({ u, samplePeriodS: 240 })).toEqual([
      [0, []],
      [
        0,
        [
          [70, 1],
          [75, 0],
          [120, 2],
          [170, 0],
        ],
      ],
    ]);
  });

  it('runs straight inputs through the instants of others, and bends them at their own', () => {
    const nan = Number.NaN;
    const u: Given = [
      [0, 0],
      [30, 1],
    ];
    const ramp = [0, 20, 40, 60].map((t) => [t, t / 10] as const);
    expect(drivenBy({ u, v: ramp })[1]).toEqual([
      1,
      [
        [20, 0, 2],
        [30, 1, nan],
        [40, 1, 4],
      ],
    ]);
    // One reading a sample tells no more than that: the line goes from sample to sample.
    const slow: Given = [
      [-20, 0],
      [45, 6],
    ];
    expect(drivenBy({ u, v: slow })[1]).toEqual([1, [[30, 1, nan]]]);
  });

  it('takes a stream that is sent on change for level while it is silent', () => {
    const u: Given = [
      [-3600, 0],
      [80, 1],
      [85, 0],
    ];
    // A line into a reading is as long as the shortest time between two.
    expect(drivenBy({ u, how: 'linear' })[2]).toEqual([
      0,
      [
        [75, 0],
        [80, 1],
        [85, 0],
      ],
    ]);
  });

  it('takes more readings between two samples than a call takes arguments', () => {
    // Each millisecond another: between the samples at 0 and 240 s.
    const u = Array.from({ length: 200_000 }, (_, k) => [(k + 10_000) / 1000, k % 3] as const);
    for (const how of ['hold', 'linear'] as const) {
      const [, last] = samplesOf({ u: [[0, 9], ...u], how, samplePeriodS: 240 });
      expect(last!.between!.length).toBeGreaterThanOrEqual(u.length);
      expect(last!.inputs[0]).toBe(u.at(-1)![1]);
    }
  });

  it('takes as many steps as there are readings, not their square', () => {
    const { definition } = smallTwin({ inputs: [{ variable: 'u', alias: '/s/u' }] });
    const u = Array.from({ length: 1_200_000 }, (_, k): Tqv => {
      return { timeNs: BigInt(k), quality: 'GOOD', value: k };
    });
    const streams = new Map([['/s/u', u]]);
    const at = inputReadings({ definition, streams, timeMap: wallTime, toleranceNs: 0n });
    expect([0, 1_199_999].map((ns) => at(BigInt(ns)).inputs[0])).toEqual([0, 1_199_999]);
  });
});
