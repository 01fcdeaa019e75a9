import { describe, expect, it } from 'vitest';
import { createRng } from '../../../shared/core/index.js';
import { createCalibrator, runSamples, type TwinModel } from '../../../shared/twin/index.js';
import { sample, smallTwin } from './fixtures.js';

const HORIZON_S = 1000;
const ROWS = 80;
const LEFT = 0.5;

/** s follows p as a lag does; y1 shows s, y2 shows q, y3 both. */
const model: TwinModel = {
  outputs: ['y1', 'y2', 'y3', 'v'],
  evaluate: async () => [],
  transient: {
    states: ['s'],
    nominal: Float64Array.of(1),
    startTimeS: 0,
    settle: async (points) => points.map(([p = 0, q = 0]) => at(p, q)),
    propagate: async (points, { fromS, toS }) =>
      points.map(({ parameters: [p = 0, q = 0], states = Float64Array.of(0) }) =>
        at(p + LEFT ** (toS - fromS) * (states[0]! - p), q),
      ),
  },
  close: async () => {},
};
const at = (s: number, q: number) => ({
  states: Float64Array.of(s),
  outputs: Float64Array.of(s, q, s + q, s - q),
});

const twin = smallTwin({
  parameters: ['p', 'q'].map((variable) => ({
    variable,
    alias: `/s/${variable}`,
    lower: 0,
    upper: 1,
    prior: { mean: 0.4, std: 0.1 },
    ...(variable === 'p' ? { wearHorizonS: HORIZON_S } : { dynamics: 'constant' }),
  })),
  simulation: { mode: 'transient' },
  transient: { stateNoise: 1e-6 },
});

/** Share of samples whose band holds p, which wears from the first sample on, so fast in its horizon's speed. */
async function coverage(speed: number): Promise<number> {
  let inside = 0;
  for (let seed = 1; seed <= 8; seed++) {
    const rng = createRng(seed);
    const calibrator = createCalibrator({ twin, model });
    let s = 0.5;
    const truth: number[] = [];
    const samples = Array.from({ length: ROWS }, (_, k) => {
      const p = 0.5 - (speed * k) / HORIZON_S;
      truth.push(p);
      s = p + LEFT * (s - p);
      return sample(
        k,
        [s, 0.4, s + 0.4].map((v) => v + 0.01 * rng.normal()),
      );
    });
    const { steps } = await runSamples(calibrator, calibrator.initialState(samples), samples);
    steps.forEach(({ parameters: { p } }, k) => {
      inside += Number(p!.lower95 <= truth[k]! && truth[k]! <= p!.upper95);
    });
  }
  return inside / (8 * ROWS);
}

describe('a moving machine whose parameter wears from its first sample on', () => {
  it.each([0, 0.8])(
    'is held by its bands at %s of the speed that the wear horizon allows',
    async (speed) => {
      expect(await coverage(speed)).toBeGreaterThan(0.88);
    },
  );
});
