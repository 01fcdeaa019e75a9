import { describe, expect, it } from 'vitest';
import { createRng } from '../../../shared/core/index.js';
import { initialNoise } from '../../../shared/twin/filter/initial-noise.js';
import type { Sample } from '../../../shared/twin/index.js';
import { boxTwin } from '../../support/real-machines.js';

const NOISE = 0.3;

/** A machine at rest in each sample, two inputs that are others in each, and noise that nobody states. */
function atRest(seed: number, rows: number, answer: (a: number, b: number) => number): Sample[] {
  const rng = createRng(seed);
  return Array.from({ length: rows }, (_, k) => {
    const [a, b] = [5 + rng.normal(), 20 + 4 * rng.normal()];
    return {
      timeS: 60 * k,
      row: k,
      inputs: Float64Array.of(a, b),
      measured: Float64Array.of(answer(a, b) + NOISE * rng.normal()),
    };
  });
}

const steady = () => {
  const { definition } = boxTwin({ simulation: { mode: 'steady-state' } });
  const { noiseStd: _, ...channel } = definition.measured[0]!;
  const inputs = definition.inputs.slice(0, 2).map(({ value: __, ...input }) => input);
  return { ...definition, inputs, measured: [channel] };
};
const foundOf = (samples: readonly Sample[]) => initialNoise(steady(), samples)[0]!;
const mean = (values: readonly number[]) => values.reduce((sum, v) => sum + v, 0) / values.length;

describe('noise that nobody states, of a machine at rest', () => {
  it('is not what inputs do that change from sample to sample', () => {
    for (const answer of [
      (a: number, b: number) => 10 * a - 2 * b,
      (a: number, b: number) => a * b + 0.5 * a * a,
    ]) {
      const found = Array.from({ length: 10 }, (_, seed) => foundOf(atRest(seed, 200, answer)));
      expect(mean(found) / NOISE).toBeGreaterThan(0.85);
      expect(mean(found) / NOISE).toBeLessThan(1.15);
    }
  });

  it('is found with blank inputs, and with outliers, too', () => {
    const found = Array.from({ length: 10 }, (_, seed) =>
      foundOf(
        atRest(seed, 200, (a, b) => 10 * a - 2 * b).map((s, k) => {
          if (k % 17 === 5) return { ...s, inputs: Float64Array.of(Number.NaN, s.inputs[1]!) };
          return k % 50 === 3 ? { ...s, measured: s.measured.map((v) => v + 20 * NOISE) } : s;
        }),
      ),
    );
    expect(mean(found) / NOISE).toBeGreaterThan(0.8);
    expect(mean(found) / NOISE).toBeLessThan(1.6);
  });

  it('is no less for many ways to look at it, where inputs do nothing or samples are few', () => {
    const stands = atRest(1, 40, () => 7).map((s, k) => ({
      ...s,
      inputs: Float64Array.of(k === 0 ? Number.NaN : 3, 1e200 * (k % 3)),
    }));
    expect(foundOf(stands) / NOISE).toBeGreaterThan(0.6);
    for (const rows of [12, 40, 200]) {
      const found = Array.from({ length: 40 }, (_, seed) => foundOf(atRest(seed, rows, () => 7)));
      expect(mean(found) / NOISE).toBeGreaterThan(0.75);
    }
  });
});
