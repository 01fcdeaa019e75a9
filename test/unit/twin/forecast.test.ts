import { describe, expect, it } from 'vitest';
import { createRng } from '../../../shared/core/index.js';
import {
  type CalibratorState,
  createCalibrator,
  forecast,
  type TwinModel,
} from '../../../shared/twin/index.js';
import { linearModel, sample, smallTwin } from './fixtures.js';

/** A state that knows p = 0.1 and q = 0.1, and their trends, as well as is said. */
function knownState(trend: [number, number], std: number): CalibratorState {
  const S = new Float64Array(16);
  for (let i = 0; i < 4; i++) S[i * 5] = std;
  return {
    ...createCalibrator({ twin: smallTwin(), model: linearModel() }).initialState(),
    timeS: 0,
    filter: {
      ...createCalibrator({ twin: smallTwin(), model: linearModel() }).initialState().filter,
      x: Float64Array.of(0.1, 0.1, ...trend),
      S,
    },
  };
}

describe('forecast', () => {
  it('expects a growing parameter to pass its limit when it will', async () => {
    const twin = smallTwin();
    const model = linearModel();
    const calibrator = createCalibrator({ twin, model });
    const rng = createRng(3);
    let state = calibrator.initialState();
    for (let k = 0; k <= 200; k++) {
      const p = 0.1 + 0.001 * k;
      const y = [p, 0.1, p + 0.1].map((v) => v + 0.01 * rng.normal());
      ({ state } = await calibrator.step(state, sample(k, y)));
    }
    const result = await forecast({ twin, model, state, horizonS: 1000, points: 40 });
    const { timeToLimitS: t, passedLimit, beyondLimit } = result.parameters.p!;
    // p is 0.3 now and passes 0.5 in 200 s.
    expect(t!['p2.5']!).toBeLessThan(200);
    expect(t!.p50!).toBeGreaterThan(120);
    expect(t!.p50!).toBeLessThan(320);
    expect(t!.p25!).toBeLessThanOrEqual(t!.p50!);
    for (const { lower50, median, upper50 } of result.parameters.p!.estimates) {
      expect(median).toBeGreaterThan(lower50);
      expect(median).toBeLessThan(upper50);
    }
    passedLimit!.forEach((p, k) => {
      // What has passed may come back; what is beyond has passed.
      expect(p).toBeGreaterThanOrEqual(beyondLimit![k]!);
      expect(p).toBeGreaterThanOrEqual(passedLimit![k - 1] ?? 0);
    });
    await expect(
      forecast({ twin, model, state, horizonS: 10, inputs: { nope: 1 } }),
    ).rejects.toMatchObject({ code: 'VARIABLE_UNKNOWN' });
  });

  it('begins as wide as the estimate is published, with what stated errors do to it', async () => {
    const model = linearModel();
    const of = async (offsetStd: number, renewed: string[] = []) => {
      const twin = smallTwin({
        measured: ['y1', 'y2', 'y3'].map((variable) => ({
          ...{ variable, alias: `/s/${variable}`, noiseStd: 0.01, offsetStd },
        })),
      });
      const calibrator = createCalibrator({ twin, model });
      const rng = createRng(3);
      let state = calibrator.initialState();
      let published = 0;
      for (let k = 0; k <= 200; k++) {
        const y = [0.4, 0.1, 0.5].map((v) => v + 0.01 * rng.normal());
        const step = await calibrator.step(state, sample(k, y));
        state = step.state;
        published = step.result.parameters.p!.std;
      }
      const { parameters, virtualSensors } = await forecast({
        ...{ twin, model, state, renewed, horizonS: 100, points: 4 },
      });
      const [now] = parameters.p!.estimates;
      return {
        ...{ published, now: now!.std, passed: parameters.p!.passedLimit!.at(-1)! },
        end: parameters.p!.estimates.at(-1)!.std,
        hidden: virtualSensors.v!.estimates[0]!.std,
      };
    };
    const [exact, stated] = [await of(0), await of(0.08)];
    // Laws of wear know it better than the filter, but no better than its sensors are right.
    expect(exact.now).toBeLessThan(exact.published);
    expect(stated.published).toBeGreaterThan(4 * exact.published);
    expect(stated.now / stated.published).toBeCloseTo(1, 1);
    expect(stated.end).toBeGreaterThan(stated.now);
    expect(stated.hidden).toBeGreaterThan(4 * exact.hidden);
    // It may be near its limit of 0.5 without anybody seeing it.
    expect(stated.passed).toBeGreaterThan(exact.passed + 0.02);
    // Of a part that is new nothing was read.
    const [a, b] = [await of(0, ['p']), await of(0.08, ['p'])];
    expect(b.now).toBe(a.now);
  });

  it('obeys the reflection principle for a random walk', async () => {
    const twin = smallTwin({
      parameters: ['p', 'q'].map((variable) => ({
        variable,
        alias: `/s/${variable}`,
        dynamics: 'random-walk',
        prior: { mean: 0.1, std: 0.1 },
        lower: 0,
        upper: 1,
        wearHorizonS: 1000,
        alarm: { above: 0.5 },
      })),
    });
    const result = await forecast({
      twin,
      model: linearModel(),
      state: knownState([0, 0], 0),
      horizonS: 1000,
      points: 100,
      paths: 4000,
    });
    const { passedLimit, beyondLimit } = result.parameters.p!;
    // A walk that is beyond a level at t had passed it before, and might as well have come back.
    expect(beyondLimit!.at(-1)!).toBeCloseTo(0.212, 1);
    const ratio = passedLimit!.at(-1)! / beyondLimit!.at(-1)!;
    expect(ratio).toBeGreaterThan(1.8);
    expect(ratio).toBeLessThan(2.1);
  });

  it('takes a steady trend to the limit exactly', async () => {
    // 0.4 in half a wear horizon of 1000 s; no drift, as the trends are scaled away.
    const twin = smallTwin({
      estimator: { trendScale: 1e-6 },
      virtualSensors: [{ variable: 'v', alias: '/s/v', alarm: { above: 0.2 } }],
    });
    const state = knownState([0.8, 0], 0);
    const result = await forecast({ twin, model: linearModel(), state, horizonS: 900 });
    expect(result.parameters.p!.timeToLimitS!.p50).toBeCloseTo(500, 0);
    expect(result.parameters.p!.timeToLimitIntervalsS![95]).toEqual([
      expect.closeTo(500, 0),
      expect.closeTo(500, 0),
    ]);
    // v = p − q passes 0.2 after 250 s.
    expect(result.virtualSensors.v!.timeToLimitS!.p50).toBeCloseTo(250, 0);
    expect(result.virtualSensors.v!.estimates.at(-1)!.mean).toBeCloseTo(0.72, 3);
    expect(result.parameters.q!.timeToLimitS!.p50).toBeNull();
    expect(result.responseError.v).toBeCloseTo(0, 10);
  });

  it('follows a bend of the model, tells what curves cannot add up, and bears failures', async () => {
    const bent: TwinModel = {
      ...linearModel(),
      evaluate: async (points) =>
        points.map(([p = 0, q = 0]) =>
          p > 0.9 ? new Error('jams') : Float64Array.of(p, q, p + q, Math.min(p, 0.47)),
        ),
    };
    const twin = smallTwin({
      estimator: { trendScale: 1e-6 },
      virtualSensors: [{ variable: 'v', alias: '/s/v', alarm: { above: 0.46 } }],
    });
    const state = knownState([1, 0], 0);
    const result = await forecast({ twin, model: bent, state, horizonS: 880 });
    expect(result.virtualSensors.v!.timeToLimitS!.p50! / 360).toBeCloseTo(1, 1);
    expect(result.virtualSensors.v!.estimates.at(-1)!.mean).toBeCloseTo(0.47, 2);
    const mixed: TwinModel = {
      ...linearModel(),
      evaluate: async (points) =>
        points.map(([p = 0, q = 0]) => Float64Array.of(p, q, p + q, 10 * (p - 0.1) * (q - 0.1))),
    };
    const both = await forecast({
      twin,
      model: mixed,
      state: knownState([0.5, 0.5], 0),
      horizonS: 880,
    });
    expect(both.responseError.v).toBeGreaterThan(0.1);
  });

  it('draws the same courses again, so that what-ifs differ by their inputs alone', async () => {
    const twin = smallTwin({
      virtualSensors: [{ variable: 'v', alias: '/s/v', alarm: { above: 0.3 } }],
    });
    const scaled: TwinModel = {
      ...linearModel(),
      evaluate: async (points, [u = 1]) =>
        points.map(([p = 0, q = 0]) => Float64Array.of(p, q, p + q, u * p)),
    };
    const state = knownState([0.5, 0], 0.05);
    const at = (u: number) =>
      forecast({ twin, model: scaled, state, horizonS: 500, inputs: { u } });
    const [once, again, harder] = [await at(1), await at(1), await at(1.5)];
    expect(again).toEqual(once);
    expect(harder.parameters).toEqual(once.parameters);
    expect(harder.virtualSensors.v!.passedLimit!.at(-1)!).toBeGreaterThan(
      once.virtualSensors.v!.passedLimit!.at(-1)!,
    );
  });

  it('takes a replaced part as new, and leaves all else as it was estimated', async () => {
    const twin = smallTwin({
      virtualSensors: [{ variable: 'v', alias: '/s/v', alarm: { above: 0.3 } }],
    });
    const common = { twin, model: linearModel(), horizonS: 500 };
    const state = knownState([0.9, 0], 0.01);
    const today = await forecast({ ...common, state });
    const repaired = await forecast({ ...common, state, renewed: ['p'] });
    expect(repaired.renewed).toEqual(['p']);
    // As before any data: mean 0.1, std 0.05, cut at the bound 0.
    expect(repaired.parameters.p!.estimates[0]!.std).toBeCloseTo(0.05, 2);
    expect(repaired.parameters.q).toEqual(today.parameters.q);
    expect(today.virtualSensors.v!.passedLimit!.at(-1)!).toBeGreaterThan(0.6);
    expect(repaired.virtualSensors.v!.passedLimit!.at(-1)!).toBeLessThan(0.5);
    await expect(forecast({ ...common, state, renewed: ['r'] })).rejects.toMatchObject({
      code: 'VARIABLE_UNKNOWN',
    });
  });

  it('names what drives a virtual sensor to its limit, with its share', async () => {
    const twin = smallTwin({
      virtualSensors: [{ variable: 'v', alias: '/s/v', alarm: { above: 0.3 } }],
    });
    const state = knownState([0.9, 0.1], 0.01);
    const { virtualSensors, measured } = await forecast({
      twin,
      model: linearModel(),
      state,
      horizonS: 400,
    });
    const drivers = virtualSensors.v!.drivers!;
    expect(drivers.map((d) => d.parameter)).toEqual(['p', 'q']);
    const [p, q] = drivers as [(typeof drivers)[0], (typeof drivers)[0]];
    // v = p − q: what one adds the other takes away.
    expect(p.ahead).toBeGreaterThan(0.1);
    expect(q.ahead).toBeLessThan(0);
    expect(p.varianceShare + q.varianceShare).toBeCloseTo(1, 6);
    // y1 = p begins where the state is.
    expect(measured.y1!.estimates[0]!.mean).toBeCloseTo(0.1, 2);
  });
});
