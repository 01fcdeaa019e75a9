import { describe, expect, it } from 'vitest';
import { createRng } from '../../../shared/core/index.js';
import { createCalibrator, type StepResult, type TwinModel } from '../../../shared/twin/index.js';
import { decodeFilterState, encodeFilterState } from '../../../shared/twin/state/filter-state.js';
import { sample, smallTwin, wearingParameters } from './fixtures.js';

/** Three sensors of two parameters, whose shares in them move with the load: one is redundant. */
const mix = (load: number) => [
  [1, 0.2 * load],
  [0.3, 1],
  [1 + 0.3 * load, 1 - 0.3 * load],
];
const NOISE = 0.01;
const twin = smallTwin({
  inputs: [{ variable: 'load' }],
  measured: [0, 1, 2].map((i) => ({ variable: `y${i}`, alias: `/s/y${i}`, noiseStd: NOISE })),
  virtualSensors: [],
  parameters: wearingParameters(300),
});
const model: TwinModel = {
  outputs: ['y0', 'y1', 'y2'],
  evaluate: async (points, [load = 0]) =>
    points.map(([p = 0, q = 0]) => Float64Array.from(mix(load), ([a = 0, b = 0]) => a * p + b * q)),
  close: async () => {},
};

interface Watched {
  results: StepResult[];
  /** Whether both parameters are in their bands. */
  covered: boolean[];
}

/** @param store whether the state goes through its codec at each sample */
async function watch(
  seed: number,
  offset: (k: number) => number,
  options: { wear?: (k: number) => number; store?: boolean; steps?: number } = {},
): Promise<Watched> {
  const rng = createRng(seed);
  const calibrator = createCalibrator({ twin, model });
  let state = calibrator.initialState();
  const results: StepResult[] = [];
  const covered: boolean[] = [];
  for (let k = 0; k < (options.steps ?? 160); k++) {
    const truth = { p: 0.3 + (options.wear?.(k) ?? 0), q: 0.3 };
    const load = Math.sin(k / 5);
    const y = mix(load).map(([a = 0, b = 0]) => a * truth.p + b * truth.q + NOISE * rng.normal());
    y[1]! += offset(k);
    const step = await calibrator.step(state, { ...sample(k, y), inputs: Float64Array.of(load) });
    state = step.state;
    if (options.store) {
      const shape = {
        parameters: 2,
        measured: 3,
        virtualSensors: 0,
        health: state.filter.health.length,
      };
      state = { ...state, filter: decodeFilterState(encodeFilterState(state.filter), shape) };
    }
    results.push(step.result);
    covered.push(
      (['p', 'q'] as const).every((name) => {
        const e = step.result.parameters[name]!;
        return e.lower95 <= truth[name] && truth[name] <= e.upper95;
      }),
    );
  }
  return { results, covered };
}

const share = (of: readonly boolean[]) => of.filter(Boolean).length / of.length;
const outAt = ({ results }: Watched) => results.findIndex((r) => r.diagnostics.leftOut.length > 0);

describe('a sensor that reads wrong', () => {
  it('is left out, said to be, and has no more part in the estimate', async () => {
    const after: boolean[] = [];
    for (let seed = 1; seed <= 4; seed++) {
      const found = await watch(seed, (k) => (k >= 60 ? 6 * NOISE : 0));
      const since = outAt(found);
      expect(since).toBeGreaterThan(60);
      expect(since).toBeLessThan(100);
      for (const { diagnostics, alarms, channels } of found.results.slice(since)) {
        // With but one redundant sensor another may explain the residuals as well, and goes too.
        expect(diagnostics.leftOut).toContain('y1');
        expect(alarms.map((a) => `${a.code} ${a.subject}`)).toContain('sensor-fault y1');
        expect(channels).toBe(3 - diagnostics.leftOut.length);
      }
      after.push(...found.covered.slice(since + 2));
    }
    expect(share(after)).toBeGreaterThan(0.85);
  });

  it('counts again once it agrees with the others', async () => {
    const found = await watch(5, (k) => (k >= 60 && k < 130 ? 8 * NOISE : 0), { steps: 260 });
    expect(found.results[120]!.diagnostics.leftOut).toEqual(['y1']);
    const last = found.results.at(-1)!;
    expect(last.diagnostics.leftOut).toEqual([]);
    expect(last.channels).toBe(3);
    expect(last.alarms.filter((a) => a.code === 'sensor-fault')).toEqual([]);
    expect(share(found.covered.slice(200))).toBeGreaterThan(0.85);
  });

  it('is no other for fast wear and for a part that jumps', async () => {
    const wear = await watch(6, () => 0, {
      wear: (k) => Math.min(0.4, 0.02 * Math.max(0, k - 60)),
    });
    const jump = await watch(7, () => 0, { wear: (k) => (k >= 60 ? 0.3 : 0) });
    for (const { results } of [wear, jump]) {
      expect(results.flatMap((r) => r.diagnostics.leftOut)).toEqual([]);
    }
  });

  it('is the same after its state was stored', async () => {
    const offset = (k: number) => (k >= 60 ? 6 * NOISE : 0);
    const straight = await watch(1, offset, { steps: 110 });
    const stored = await watch(1, offset, { steps: 110, store: true });
    expect(stored.results).toEqual(straight.results);
  });
});
