import { describe, expect, it } from 'vitest';
import { createRng } from '../../../shared/core/index.js';
import { type Sample, tuneEstimator } from '../../../shared/twin/index.js';
import { linearModel, sample, smallTwin } from './fixtures.js';

const HORIZON_S = 1000;

/** Two parameters that drift as the filter thinks, only `scale` times as fast; noisy sensors. */
function recording(seed: number, scale: number, noiseStd: number, count: number): Sample[] {
  const rng = createRng(seed);
  const b = [0.5, 0.5];
  const v = [0, 0];
  const kick = Math.sqrt(3 / 4 / HORIZON_S) * scale;
  return Array.from({ length: count }, (_, k) => {
    for (const i of [0, 1]) {
      b[i]! += v[i]! / HORIZON_S;
      v[i]! += kick * rng.normal();
    }
    const [p, q] = b as [number, number];
    return sample(
      k,
      [p, q, p + q].map((y) => y + noiseStd * rng.normal()),
    );
  });
}

describe('tune', () => {
  it('finds the scale that the trends were made with', async () => {
    for (const scale of [0.3, 4]) {
      const result = await tuneEstimator({
        twin: smallTwin(),
        model: linearModel(),
        samples: recording(5, scale, 0.01, 300),
      });
      expect(result.estimator.trendScale / scale).toBeGreaterThan(0.6);
      expect(result.estimator.trendScale / scale).toBeLessThan(1.7);
      const [least, most] = result.plausibleTrendScale;
      expect(least).toBeLessThanOrEqual(result.best.trendScale);
      expect(most).toBeGreaterThanOrEqual(result.best.trendScale);
      expect(most / least).toBeLessThan(10);
      expect(result.measured).toEqual([]);
      const likelihoods = result.tried.map((t) => t.logLikelihood);
      expect(result.best.logLikelihood).toBe(Math.max(...likelihoods));
      expect(result.best.meanNisPerChannel).toBeCloseTo(1, 0);
      expect(result.tried.length).toBeGreaterThan(8);
    }
  });

  it('finds noise that is left out as well, and counts its samples', async () => {
    const twin = smallTwin({
      measured: ['y1', 'y2', 'y3'].map((variable) => ({ variable, alias: `/s/${variable}` })),
    });
    let done = 0;
    const samples = recording(6, 2, 0.02, 150);
    const result = await tuneEstimator({
      twin,
      model: linearModel(),
      samples,
      onSample: (k) => {
        expect(k).toBe(done + 1);
        done = k;
      },
    });
    expect(done).toBe(result.tried.length * samples.length);
    for (const { noiseStd } of result.measured) {
      expect(noiseStd / 0.02).toBeGreaterThan(0.7);
      expect(noiseStd / 0.02).toBeLessThan(1.4);
    }
    expect(result.measured.map((m) => m.variable)).toEqual(['y1', 'y2', 'y3']);
  });
});
