import { describe, expect, it } from 'vitest';
import { createRng } from '../../../shared/core/index.js';
import {
  createCalibrator,
  crossCheck,
  type SensorSlopes,
  type StepResult,
  type TwinModel,
} from '../../../shared/twin/index.js';
import { decodeFilterState, encodeFilterState } from '../../../shared/twin/state/filter-state.js';
import { sample, smallTwin } from './fixtures.js';

const NOISE = 0.01;
const INPUT_NOISE = 0.05;
const twinOf = (noiseStd?: number) =>
  smallTwin({
    inputs: [
      { variable: 'load', ...(noiseStd === undefined ? {} : { noiseStd }) },
      { variable: 'exact' },
    ],
    measured: [0, 1].map((i) => ({ variable: `y${i}`, alias: `/s/y${i}`, noiseStd: NOISE })),
    virtualSensors: [{ variable: 'hidden', alias: '/s/hidden' }],
    parameters: ['p', 'q'].map((variable) => ({
      variable,
      alias: `/s/${variable}`,
      lower: 0,
      upper: 1,
      prior: { mean: 0.3, std: 0.1 },
      wearHorizonS: 1e5,
    })),
  });
const TRUTH = [0.35, 0.25] as const;
const outputs = ([p = 0, q = 0]: ArrayLike<number> & Iterable<number>, load: number) =>
  Float64Array.of(p + 0.5 * load, q - load, 2 * load);
const model: TwinModel = {
  outputs: ['y0', 'y1', 'hidden'],
  evaluate: async (points, [load = 0]) => points.map((p) => outputs(p, load)),
  close: async () => {},
};

async function run(
  noiseStd: number | undefined,
  seed: number,
  { store = false, inputNoise = INPUT_NOISE, sensors = 1 } = {},
) {
  const rng = createRng(seed);
  const calibrator = createCalibrator({ twin: twinOf(noiseStd), model });
  let state = calibrator.initialState();
  let slopes: SensorSlopes | undefined;
  const results: StepResult[] = [];
  let inside = 0;
  let hiddenInside = 0;
  for (let k = 0; k < 100; k++) {
    const load = 1 + 0.01 * Math.sin(k);
    const y = [...outputs(TRUTH, load)].slice(0, 2).map((v) => v + sensors * NOISE * rng.normal());
    const inputs = Float64Array.of(load + inputNoise * rng.normal(), 1);
    const step = await calibrator.step(state, { ...sample(k, y), inputs });
    state = step.state;
    slopes = step.slopes ?? slopes;
    if (store) {
      const health = state.filter.health.length;
      const shape = { parameters: 2, measured: 2, virtualSensors: 1, health };
      state = { ...state, filter: decodeFilterState(encodeFilterState(state.filter), shape) };
    }
    results.push(step.result);
    if (k < 10) continue;
    ['p', 'q'].forEach((name, i) => {
      const e = step.result.parameters[name]!;
      if (e.lower95 <= TRUTH[i]! && TRUTH[i]! <= e.upper95) inside++;
    });
    const hidden = step.result.virtualSensors.hidden!;
    if (hidden.lower95 <= 2 * load && 2 * load <= hidden.upper95) hiddenInside++;
  }
  const mean = (f: (r: StepResult) => number) =>
    results.slice(10).reduce((sum, r) => sum + f(r), 0) / (results.length - 10);
  return {
    results,
    state,
    slopes,
    inside: inside / 180,
    hiddenInside: hiddenInside / 90,
    nis: mean((r) => r.nis),
  };
}

describe('noise of inputs', () => {
  it('counts in the bands where it is stated, and in those of hidden outputs', async () => {
    const stated = await run(INPUT_NOISE, 1);
    expect(stated.nis).toBeGreaterThan(1.4);
    expect(stated.nis).toBeLessThan(2.6);
    expect(stated.inside).toBeGreaterThan(0.85);
    expect(stated.hiddenInside).toBeGreaterThan(0.88);
    const hidden = stated.results.at(-1)!.virtualSensors.hidden!;
    expect(hidden.std).toBeCloseTo(2 * INPUT_NOISE, 6);
  });

  it('is found where nobody states it, and counts from then on', async () => {
    const found = await run(undefined, 1);
    const { used } = found.state.filter.inputNoise!;
    expect(used[0]).toBeGreaterThan(0.6 * INPUT_NOISE);
    expect(used[0]).toBeLessThan(1.6 * INPUT_NOISE);
    // An input that never moves has none.
    expect(used[1]).toBe(0);
    expect(found.inside).toBeGreaterThan(0.85);
    // The hidden output follows the load alone: until its noise is found none of its bands holds.
    expect(found.hiddenInside).toBeGreaterThan(0.7);
    const reasons = crossCheck(
      twinOf(undefined),
      found.state,
      found.slopes!,
      found.results.at(-1)!,
    ).findings.map((f) => f.reason);
    expect(reasons.join()).toMatch(
      /readings of load are noisy by about 0\.0\d+, which nobody stated/,
    );
  });

  it('is not looked for where it is stated to be none', async () => {
    const zero = await run(0, 1);
    expect(zero.results.at(-1)!.virtualSensors.hidden!.std).toBeLessThan(1e-6);
    const alarms = new Set(zero.results.flatMap((r) => r.alarms.map((a) => a.code)));
    expect(alarms.size).toBeGreaterThan(0);
  });

  it('is not found where inputs are exact, whatever the sensors’ noise', async () => {
    for (const sensors of [1, 2]) {
      const exact = await run(undefined, 3, { inputNoise: 0, sensors });
      expect(exact.state.filter.inputNoise!.used).toEqual(Float64Array.of(0, 0));
    }
  });

  it('is the same after its state was stored', async () => {
    const [straight, stored] = [
      await run(INPUT_NOISE, 2),
      await run(INPUT_NOISE, 2, { store: true }),
    ];
    expect(stored.results).toEqual(straight.results);
    const [found, kept] = [await run(undefined, 2), await run(undefined, 2, { store: true })];
    expect(kept.results).toEqual(found.results);
  });
});
