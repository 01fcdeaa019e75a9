import { expect, it } from 'vitest';
import { createRng } from '../../../shared/core/index.js';
import { createCalibrator, type TwinModel } from '../../../shared/twin/index.js';
import { sample, smallTwin } from './fixtures.js';

/** A prior that holds the truth. */
const twin = smallTwin({
  parameters: ['p', 'q'].map((variable) => ({
    variable,
    alias: `/s/${variable}`,
    lower: 0,
    upper: 1,
    prior: { mean: 0.25, std: 0.1 },
    wearHorizonS: 1000,
  })),
});

/** Bent outputs, so that sigma points matter; v is what nobody measures. */
const outputsAt = (p: number, q: number) =>
  Float64Array.of(p + p * p, q, p * q + q, Math.exp(p) - q * q);
const model: TwinModel = {
  outputs: ['y1', 'y2', 'y3', 'v'],
  evaluate: async (points) => points.map(([p = 0, q = 0]) => outputsAt(p, q)),
  close: async () => {},
};

it('covers what is measured and what is not in 95 of 100 cases', async () => {
  let inside = 0;
  let insideMeasured = 0;
  let counted = 0;
  for (let seed = 1; seed <= 15; seed++) {
    const rng = createRng(seed);
    const calibrator = createCalibrator({ twin, model });
    let state = calibrator.initialState();
    // Wear as the filter takes it to be: its trends drift.
    const b: [number, number] = [0.25 + 0.1 * rng.normal(), 0.25 + 0.1 * rng.normal()];
    const trend = [0, 0];
    for (let k = 0; k < 150; k++) {
      for (const i of [0, 1] as const) {
        b[i] += trend[i]! / 1000;
        trend[i]! += Math.sqrt(3 / 4 / 1000) * rng.normal();
      }
      const y = outputsAt(...b);
      const noisy = [...y.subarray(0, 3)].map((v) => v + 0.01 * rng.normal());
      const step = await calibrator.step(state, sample(k, noisy));
      state = step.state;
      if (k < 10) continue;
      const { v } = step.result.virtualSensors;
      const { y1 } = step.result.measured;
      counted++;
      if (v!.lower95 <= y[3]! && y[3]! <= v!.upper95) inside++;
      if (y1!.lower95 <= y[0]! && y[0]! <= y1!.upper95) insideMeasured++;
      // What the twin knows of a measured channel is better than its sensor.
      expect(y1!.std).toBeLessThan(0.01);
      // The shortest interval of a mixture.
      const ratio = (y1!.upper95 - y1!.lower95) / y1!.std;
      expect(Math.abs(ratio / (2 * 1.96) - 1)).toBeLessThan(0.3);
    }
  }
  // Successive errors are alike: some hundred independent ones stand behind the share.
  for (const share of [inside / counted, insideMeasured / counted]) {
    expect(share).toBeGreaterThan(0.91);
    expect(share).toBeLessThan(0.99);
  }
});
