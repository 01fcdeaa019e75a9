import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createRng } from '../../../shared/core/index.js';
import {
  assimilate,
  autocorrelation,
  type Gaussian,
  kfPredict,
  kfUpdate,
  ljungBox,
  meanNisTest,
  nees,
  startHistory,
} from '../../../shared/kalman/index.js';

/** Two sensors of different rates on a drifting position: position every 1 s, rate every 3 s. */
function step(state: Gaussian, z: Float64Array, dtS: number): Gaussian {
  const F = Float64Array.of(1, dtS, 0, 1);
  const Q = Float64Array.of(dtS ** 3 / 3, dtS ** 2 / 2, dtS ** 2 / 2, dtS);
  const { x, P } = kfUpdate(kfPredict(state, { F, Q }), {
    H: Float64Array.of(1, 0, 0, 1),
    R: Float64Array.of(0.1, 0, 0, 0.2),
    z,
  });
  return { x, P };
}

const start: Gaussian = { x: new Float64Array(2), P: Float64Array.of(1, 0, 0, 1) };

describe('late and multirate samples', () => {
  const rng = createRng(11);
  const samples = Array.from({ length: 24 }, (_, k) => ({
    timeS: k + 1,
    z: Float64Array.of(rng.normal(), k % 3 === 0 ? rng.normal() : Number.NaN),
  }));

  test('any order within the memory gives the ordered result, to the bit', () => {
    const run = (order: readonly (typeof samples)[number][]) => {
      let history = startHistory<Gaussian, Float64Array>(0, start, samples.length);
      for (const { timeS, z } of order) history = assimilate(history, timeS, z, step).history;
      return history.entries.at(-1)!.state;
    };
    const expected = run(samples);
    fc.assert(
      fc.property(fc.shuffledSubarray(samples, { minLength: samples.length }), (order) => {
        expect(run(order)).toEqual(expected);
      }),
      { numRuns: 25 },
    );
  });

  test('a sample older than the memory is refused and changes nothing', () => {
    let history = startHistory<Gaussian, Float64Array>(0, start, 4);
    for (const { timeS, z } of samples) history = assimilate(history, timeS, z, step).history;
    expect(history.entries).toHaveLength(4);
    expect(history.origin.timeS).toBe(20);
    const late = assimilate(history, 19.5, samples[0]!.z, step);
    expect(late).toMatchObject({ outcome: 'tooLate', reprocessed: 0 });
    expect(late.history).toBe(history);
    const inTime = assimilate(history, 22.5, samples[0]!.z, step);
    expect(inTime).toMatchObject({ outcome: 'late', reprocessed: 2 });
    expect(inTime.state).toBe(inTime.history.entries.at(-1)!.state);
  });

  test('without memory samples in order still pass', () => {
    const history = startHistory<Gaussian, Float64Array>(0, start, 0);
    const next = assimilate(history, 1, samples[0]!.z, step);
    expect(next.outcome).toBe('inOrder');
    expect(next.history.entries).toHaveLength(0);
    expect(next.history.origin.state).toEqual(next.state);
    expect(assimilate(next.history, 0.5, samples[0]!.z, step).outcome).toBe('tooLate');
  });

  test('a failing step leaves the history as it was', () => {
    const history = startHistory<Gaussian, Float64Array>(0, start, 3);
    expect(() => assimilate(history, 1, Float64Array.of(Infinity, 0), step)).toThrow(/z\[0\]/);
    expect(history.entries).toHaveLength(0);
    expect(() => assimilate(history, Number.NaN, samples[0]!.z, step)).toThrow(/time is NaN/);
    expect(() => startHistory(0, start, -1)).toThrow(/capacity -1/);
  });
});

describe('consistency tests', () => {
  test('Ljung–Box passes white noise at its rate and fails a random walk', () => {
    let white = 0;
    for (let seed = 1; seed <= 200; seed++) {
      const rng = createRng(seed);
      if (ljungBox(Array.from({ length: 100 }, () => rng.normal())).white) white++;
    }
    // 190 of 200 on average; 179 is four standard deviations below.
    expect(white).toBeGreaterThan(178);
    expect(white).toBeLessThan(200);
    const rng = createRng(1);
    let level = 0;
    const walk = Array.from({ length: 100 }, () => {
      level += rng.normal();
      return level;
    });
    expect(ljungBox(walk).pValue).toBeLessThan(1e-10);
  });

  test('autocorrelation of an alternating series is −1 at lag 1; of a constant 0', () => {
    const alternating = Array.from({ length: 1000 }, (_, k) => (-1) ** k);
    expect(autocorrelation(alternating, 2)[0]).toBeCloseTo(-1, 2);
    expect(autocorrelation([3, 3, 3, 3], 2)).toEqual(new Float64Array(2));
    expect(() => autocorrelation([1, 2], 2)).toThrow(/got 2 values, expected at least 3/);
  });

  test('the mean NIS is judged by the degrees of freedom that were there', () => {
    // Bar-Shalom's example: 50 runs of two dimensions, 95 % between 1.48 and 2.59.
    const test50 = meanNisTest(new Array<number>(50).fill(2), 2);
    expect(test50.lower).toBeCloseTo(1.48, 2);
    expect(test50.upper).toBeCloseTo(2.59, 2);
    expect(meanNisTest([2, 0, 3], [2, 0, 3])).toMatchObject({ statistic: 2.5, consistent: true });
    expect(() => meanNisTest([], 2)).toThrow(/got 0 values/);
  });

  test('NEES by hand', () => {
    const belief = { x: Float64Array.of(1, 3), P: Float64Array.of(4, 0, 0, 1) };
    expect(nees(Float64Array.of(3, 2), belief)).toBeCloseTo(2, 14);
  });
});
