import { describe, expect, it } from 'vitest';
import { createRng } from '../../../shared/core/index.js';
import { commission } from '../../../shared/twin/fit/index.js';
import { levelStep } from '../../../shared/twin/fit/residuals/level-step.js';
import { alike, lagModel, lagSamples, lagTwin } from './fit-fixtures.js';

describe('a step in the level of residuals', () => {
  const rows = Array.from({ length: 400 }, (_, k) => k);
  const noisy = (of: (row: number) => number, seed = 1) => {
    const rng = createRng(seed);
    return Float64Array.from(rows, (row) => of(row) + rng.normal());
  };

  it('is found with its size and row, also where values are missing', () => {
    const found = levelStep(noisy((row) => (row < 150 ? 0 : 3)))!;
    expect(found.row).toBe(150);
    expect(found.by).toBeGreaterThan(2.7);
    expect(found.by).toBeLessThan(3.3);
    const holed = noisy((row) => (row % 3 === 0 ? Number.NaN : row < 150 ? 2 : -2));
    expect(levelStep(holed)).toMatchObject({ row: 151 });
    expect(levelStep(holed)!.by).toBeLessThan(-3.7);
  });

  it('is none of noise, ramps, swings, wandering, what comes and goes, or a start', () => {
    let w = 0;
    const rng = createRng(9);
    const others: ((row: number) => number)[] = [
      () => 0,
      (row) => row / 50,
      (row) => 4 * Math.sin((2 * Math.PI * row) / 400),
      () => {
        w = 0.97 * w + rng.normal();
        return w;
      },
      (row) => (row > 150 && row < 250 ? 4 : 0),
      (row) => 9 * Math.exp(-row / 10),
    ];
    expect(others.map((of) => levelStep(noisy(of)))).toEqual(others.map(() => undefined));
    expect(levelStep(noisy((row) => (row < 15 ? 0 : 3)).slice(0, 30))).toBeUndefined();
  });

  it('is told with when it was, as of a sensor that was replaced', async () => {
    const twin = lagTwin(['gain', 'tau'], {
      measured: ['y', 'z'].map((variable) => ({ variable, alias: `/l/${variable}` })),
    });
    const rng = createRng(4);
    const two = async (ou: number) =>
      (await lagSamples({ seed: 2, ou })).map((s) => ({
        ...s,
        measured: Float64Array.of(s.measured[0]!, s.measured[0]! + 0.05 * rng.normal()),
      }));
    const samples = await two(0);
    const replaced = samples.map(({ measured: [y = 0, z = 0], ...s }) => ({
      ...s,
      measured: Float64Array.of(s.timeS < 120 ? y : y + 0.4, z),
    }));
    const reasonsOf = async (seen: typeof samples) =>
      (await commission(twin, alike(lagModel(twin), 2), seen)).output.verdict.reasons.join('\n');
    expect(await reasonsOf(replaced)).toMatch(
      /y: the model lacks something: .* as if it read 0\.[34]\d* more from 120 s on: was the sensor replaced or set anew there\?/,
    );
    expect(await reasonsOf(samples)).not.toMatch(/replaced/);
    // What wanders is no step.
    expect(await reasonsOf(await two(0.2))).not.toMatch(/replaced/);
  });
});
