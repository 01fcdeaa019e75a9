import { expect, it } from 'vitest';
import { commission } from '../../../shared/twin/fit/index.js';
import { lagModel, lagSamples, lagTwin } from './fit-fixtures.js';

/** A fit of an exact record without noise, its sensor off by a slow swing of so much of its range. */
async function fitOf(share: number) {
  const exact = await lagSamples({ noise: 0 });
  const values = exact.map((s) => s.measured[0]!);
  const range = Math.max(...values) - Math.min(...values);
  const samples = exact.map((s, k) => ({
    ...s,
    measured: Float64Array.of(s.measured[0]! + share * range * Math.sin(k / 7)),
  }));
  const twin = lagTwin();
  const { output } = await commission(twin, lagModel(twin), samples, { offer: true });
  return output;
}

it('is not told of a record without noise that two simulators would differ by', async () => {
  const { verdict, parameters, offered } = await fitOf(2e-6);
  expect(verdict).toEqual({ grade: 'good', reasons: [] });
  expect(offered).toBeUndefined();
  expect(parameters.gain!.mean).toBeCloseTo(3, 4);
  expect(parameters.gain!.lower95).toBeLessThan(3);
  expect(parameters.gain!.upper95).toBeGreaterThan(3);
});

it('is told where it is more', async () => {
  const { verdict } = await fitOf(1e-4);
  expect(verdict.grade).toBe('care');
  expect(verdict.reasons.join()).toMatch(/the model lacks something: its residuals follow/);
});
