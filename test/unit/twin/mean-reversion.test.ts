import { describe, expect, it } from 'vitest';
import { createRng } from '../../../shared/core/index.js';
import type { Gaussian } from '../../../shared/twin/filter/gaussian-update.js';
import { predict } from '../../../shared/twin/filter/predict.js';
import { filterSettings } from '../../../shared/twin/filter/settings.js';
import { drawTrendPaths } from '../../../shared/twin/forecast/trend-paths.js';
import { createCalibrator, forecast, runSamples, twinHash } from '../../../shared/twin/index.js';
import { linearModel, sample, smallTwin } from './fixtures.js';

const T = 40;
const MEAN = 0.4;
const STD = 0.08;
const parameter = (variable: string, overrides: Record<string, unknown> = {}) => ({
  variable,
  alias: `/s/${variable}`,
  prior: { mean: MEAN, std: STD },
  ...overrides,
});
const reverting = { dynamics: 'mean-reverting', timeConstantS: T };
const twin = smallTwin({
  parameters: [parameter('p', reverting), parameter('q', { wearHorizonS: 1000 })],
});
const settings = filterSettings(twin);
/** p and q correlated, q with a trend. */
const state: Gaussian = {
  x: Float64Array.of(0.7, 0.2, 0, 0.1),
  S: Float64Array.of(0.05, 0, 0, 0, 0.02, 0.03, 0, 0, 0, 0, 0, 0, 0, 0.01, 0, 0.1),
};
const covariance = (S: Float64Array, i: number, j: number) => {
  let sum = 0;
  for (let k = 0; k < 4; k++) sum += S[i * 4 + k]! * S[j * 4 + k]!;
  return sum;
};

describe('a mean-reverting parameter', () => {
  it('is predicted by the closed form, whatever the step, its covariances included', () => {
    for (const dtS of [1e-6, 1, 40, 500]) {
      const kept = Math.exp(-dtS / T);
      const after = predict(state, dtS, settings);
      expect(after.x[0]).toBeCloseTo(MEAN + kept * 0.3, 13);
      expect(covariance(after.S, 0, 0)).toBeCloseTo(
        kept ** 2 * 0.05 ** 2 + STD ** 2 * (1 - kept ** 2),
        13,
      );
      const pq = covariance(state.S, 0, 1);
      expect(covariance(after.S, 0, 1)).toBeCloseTo(kept * pq, 13);
      expect(after.x[2]).toBe(0);
      expect(covariance(after.S, 2, 2)).toBe(0);
    }
  });

  it('comes to the same in one step as in many, and in the end to its prior', () => {
    let many: Gaussian = state;
    for (let k = 0; k < 30; k++) many = predict(many, 2, settings);
    const once = predict(state, 60, settings);
    expect(many.x[0]).toBeCloseTo(once.x[0]!, 12);
    expect(covariance(many.S, 0, 0)).toBeCloseTo(covariance(once.S, 0, 0), 12);
    const end = predict(state, 100 * T, settings);
    expect(end.x[0]).toBeCloseTo(MEAN, 12);
    expect(Math.sqrt(covariance(end.S, 0, 0))).toBeCloseTo(STD, 12);
    expect(predict(state, 0, settings).x).toEqual(state.x);
  });

  it('is covered by its intervals while it moves about its mean', async () => {
    const kept = Math.exp(-1 / T);
    const rng = createRng(11);
    let inside = 0;
    let nis = 0;
    let count = 0;
    for (let run = 0; run < 4; run++) {
      let p = MEAN + STD * rng.normal();
      const truth: number[] = [];
      const samples = Array.from({ length: 200 }, (_, k) => {
        p = MEAN + kept * (p - MEAN) + STD * Math.sqrt(1 - kept ** 2) * rng.normal();
        truth.push(p);
        return sample(
          k,
          [p, MEAN, p + MEAN].map((v) => v + 0.01 * rng.normal()),
        );
      });
      const calibrator = createCalibrator({ twin, model: linearModel() });
      const { steps } = await runSamples(calibrator, calibrator.initialState(), samples);
      steps.forEach((step, k) => {
        const { lower95, upper95 } = step.parameters.p!;
        if (lower95 <= truth[k]! && truth[k]! <= upper95) inside++;
        nis += step.nis / 3;
        count++;
      });
    }
    // 800 samples, the estimate's errors hardly correlated: 95 ± 0.8 %; NIS 1 ± 0.03.
    expect(inside / count).toBeGreaterThan(0.92);
    expect(inside / count).toBeLessThan(0.98);
    expect(Math.abs(nis / count - 1)).toBeLessThan(0.12);
  });

  it('is forecast towards its mean, drawn courses and estimates alike', async () => {
    const ahead = Float64Array.of(0, 10, 20, 60);
    const { values, count } = drawTrendPaths(state, settings, ahead, 4000);
    ahead.forEach((dtS, k) => {
      const at = predict(state, dtS, settings);
      const drawn = Array.from({ length: count }, (_, path) => values[k]![path * 2]!);
      const mean = drawn.reduce((a, b) => a + b, 0) / count;
      const std = Math.sqrt(drawn.reduce((a, b) => a + (b - mean) ** 2, 0) / count);
      // Pairs are antithetic, so that the mean is exact.
      expect(mean).toBeCloseTo(at.x[0]!, 10);
      expect(std / Math.sqrt(covariance(at.S, 0, 0))).toBeCloseTo(1, 1);
    });
    const calibrator = createCalibrator({ twin, model: linearModel() });
    const start = calibrator.initialState();
    const from = { ...start, timeS: 0, filter: { ...start.filter, ...state } };
    const result = await forecast({ twin, model: linearModel(), state: from, horizonS: 200 });
    const { estimates } = result.parameters.p!;
    expect(estimates.at(-1)!.mean).toBeCloseTo(MEAN + Math.exp(-5) * 0.3, 6);
  });

  it('has a time constant, which belongs to the state, and no other parameter has one', () => {
    const schemaRefuses = (overrides: Record<string, unknown>) => () =>
      smallTwin({ parameters: [parameter('p', overrides)] });
    expect(schemaRefuses({ dynamics: 'mean-reverting' })).toThrow(/expected `timeConstantS`/);
    expect(schemaRefuses({ timeConstantS: 5 })).toThrow(/only there/);
    const hash = (timeConstantS: number) =>
      twinHash(
        smallTwin({ parameters: [parameter('p', { ...reverting, timeConstantS })] }).definition,
        'fmu',
      );
    expect(hash(1)).not.toBe(hash(2));
  });
});
