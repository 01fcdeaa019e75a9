import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { rankSensors, type SensorOption } from '../../../shared/twin/index.js';
import { smallTwin } from './fixtures.js';

const twin = smallTwin();
const outputs = ['y1', 'y2', 'y3', 'v'];

/** One operating point with these slopes by p and q. */
const point = (...slope: number[]) => ({
  point: { name: 'here', parameters: new Float64Array(2) },
  outputs: new Float64Array(slope.length / 2),
  slope: Float64Array.from(slope),
});
const option = (variable: string, noiseStd: number, rest: Partial<SensorOption> = {}) => ({
  variable,
  existing: false,
  noiseStd,
  ...rest,
});
const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);

describe('sensor ranking', () => {
  it('adds gains up to the whole, each smaller than the one before', () => {
    const figure = fc.double({ min: -10, max: 10, noNaN: true });
    fc.assert(
      fc.property(
        fc.array(figure, { minLength: 8, maxLength: 8 }),
        fc.array(figure, { minLength: 8, maxLength: 8 }),
        (a, b) => {
          const slopes = [point(...a), point(...b)];
          const options = outputs.map((v, i) => option(v, 0.1, { existing: i < 2 }));
          const ranked = rankSensors(twin, slopes, outputs, options);
          const gains = ranked.ranking.map((s) => s.gain);
          gains.slice(1).forEach((gain, i) => {
            expect(gain).toBeLessThanOrEqual(gains[i]! + 1e-9);
          });
          // log det of 12·I + G/σ², by hand.
          const expected = [a, b].map((s) => {
            const [pp, pq, qq] = [0, 1, 2, 3].reduce(
              ([x, y, z], o) => [
                x! + s[2 * o]! ** 2 * 100,
                y! + s[2 * o]! * s[2 * o + 1]! * 100,
                z! + s[2 * o + 1]! ** 2 * 100,
              ],
              [12, 0, 12],
            );
            return Math.log(pp! * qq! - pq! ** 2) - Math.log(144);
          });
          expect(sum(gains)).toBeCloseTo(sum(expected) / 2, 6);
        },
      ),
      { numRuns: 50 },
    );
  });

  it('gives a second sensor of the same kind little, and a blind one nothing', () => {
    const slopes = [point(1, 0, 1, 0, 0, 1, 0, 0)];
    const options = outputs.map((v) => option(v, 0.01));
    const { ranking } = rankSensors(twin, slopes, outputs, options);
    expect(new Set(ranking.slice(0, 2).map((s) => s.variable))).toContain('y3');
    expect(ranking[2]!.gain).toBeCloseTo(Math.log(2), 2);
    expect(ranking[3]).toMatchObject({ variable: 'v', gain: 0 });
    expect(ranking[3]!.std.q).toBeCloseTo(0.01, 4);
  });

  it('weighs gain against cost when asked', () => {
    const slopes = [point(1, 0, 0, 1, 1, 1, 1, -1)];
    const options = [
      option('y1', 0.001, { cost: 1000 }),
      option('y2', 0.01, { cost: 1 }),
      option('y3', 0.01, { existing: true, cost: 1 }),
    ];
    const byGain = rankSensors(twin, slopes, outputs, options);
    expect(byGain.additions.map((s) => s.variable)).toEqual(['y1', 'y2']);
    const byCost = rankSensors(twin, slopes, outputs, options, 'gain-per-cost');
    expect(byCost.additions.map((s) => s.variable)).toEqual(['y2', 'y1']);
    const [first] = byCost.additions;
    expect(first!.gainPerCost).toBeCloseTo(first!.gain, 12);
  });

  it('tells what an existing sensor contributes', () => {
    const slopes = [point(1, 0, 0, 1, 1, 1, 0, 0)];
    const options = ['y1', 'y2', 'y3'].map((v) => option(v, 0.01, { existing: true }));
    const { existing, std } = rankSensors(twin, slopes, outputs, options);
    expect(existing).toHaveLength(3);
    for (const s of existing) expect(s.stdWithout.p!).toBeGreaterThan(std.existing.p!);
    // Any two of the three tell both: [[2, 1], [1, 2]] loses a factor of 3 of its determinant.
    expect(existing[0]!.loss).toBeCloseTo(Math.log(3), 2);
    expect(std.prior.p).toBeCloseTo(Math.sqrt(1 / 12), 12);
  });
});
