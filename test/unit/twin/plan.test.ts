import { describe, expect, it } from 'vitest';
import { packageFile } from '../../../shared/core/index.js';
import {
  type CalibratorState,
  createCalibrator,
  loadTwin,
  plan,
  type Twin,
  type TwinModel,
} from '../../../shared/twin/index.js';
import { spreadOf } from '../../../shared/twin/plan/account.js';
import { followPlan, type PlanResult, planTwin, summarizePlans } from '../../study/plan-courses.js';
import { smallTwin } from './fixtures.js';

/** v = p · u: the faster it runs, the nearer the limit. */
const model: TwinModel = {
  outputs: ['y1', 'y2', 'y3', 'v'],
  evaluate: async (points, [u = 1]) =>
    points.map(([p = 0, q = 0]) => Float64Array.of(p, q, p + q, p * u)),
  close: async () => {},
};

function deciding(decisions: Record<string, unknown> = {}): Twin {
  return smallTwin({
    virtualSensors: [{ variable: 'v', alias: '/s/v', unit: 'N', alarm: { above: 0.4 } }],
    decisions: {
      inputs: [{ variable: 'u', lower: 0.4, upper: 1.6 }],
      objective: { sense: 'maximise', of: 'u' },
      risk: 0.05,
      horizonS: 500,
      ...decisions,
    },
  });
}

/** p is 0.2 and gains 0.4 in 500 s; known well. */
function growing(twin: Twin): CalibratorState {
  const state = createCalibrator({ twin, model }).initialState();
  const S = new Float64Array(16);
  for (let i = 0; i < 4; i++) S[i * 5] = 0.001;
  return {
    ...state,
    timeS: 0,
    filter: { ...state.filter, x: Float64Array.of(0.2, 0.1, 0.8, 0), S },
  };
}

const courses = { search: 200, judge: 400 };
const planOf = (twin: Twin) => plan({ twin, model, state: growing(twin), courses });

describe('plan', () => {
  it('promises a mean within its own interval, also where few courses stop early', () => {
    // 990 courses earn the same, ten are stopped: both quantiles are what the 990 earn.
    const sums = Float64Array.from({ length: 1000 }, (_, p) => (p < 10 ? 10 * p : 100));
    expect(spreadOf(sums)).toEqual({ mean: 99.45, lower95: 90, upper95: 100 });
    expect(spreadOf(sums.map((v) => -v))).toEqual({ mean: -99.45, lower95: -100, upper95: -90 });
    // A sum of equal values rounds, and stays the value.
    expect(spreadOf(new Float64Array(1000).fill(0.1))).toEqual({
      mean: 0.1,
      lower95: 0.1,
      upper95: 0.1,
    });
  });

  it('slows down just as far as the risk asks for', async () => {
    const twin = deciding();
    const calm = { ...twin, definition: { ...twin.definition } };
    calm.definition.estimator = { ...twin.definition.estimator, trendScale: 1e-4 };
    const result = await planOf(calm);
    expect(result.feasible).toBe(true);
    // p ends at 0.6: u = 0.4 / 0.6 = 0.67 just keeps the limit; the grid's step is 0.1.
    expect(result.plan.inputs.u).toBeCloseTo(0.6, 6);
    expect(result.plan.risk).toBeLessThanOrEqual(0.05);
    expect(result.today.risk).toBeGreaterThan(0.99);
    expect(result.plan.objective.mean).toBeCloseTo(0.6 * 500, 3);
    // As today it stops at p = 0.4, after half the time.
    expect(result.today.objective.mean).toBeLessThan(260);
    expect(result.gain.lower95).toBeGreaterThan(30);
    const risks = result.riskCurves.u!.map((p) => p.risk);
    expect(risks).toEqual([...risks].sort((a, b) => a - b));
    const front = result.front.map((f) => f.objective);
    expect(front.length).toBeGreaterThan(1);
    expect(result.assumptions.length).toBeGreaterThan(3);
  });

  it('repairs where that is worth the stand, and pays for it where money counts', async () => {
    const maintenance = [{ name: 'change p', resets: ['p'], costs: 50, takesS: 20 }];
    const repaired = await planOf(deciding({ maintenance, risk: 0.3 }));
    expect(repaired.feasible).toBe(true);
    expect(repaired.plan.maintenance).toMatchObject({ name: 'change p', costs: 50 });
    const cost = await planOf(
      deciding({
        maintenance,
        risk: 0.3,
        inputs: [{ variable: 'u', lower: 0.4, upper: 1.6, cost: 86.4 }],
        objective: { sense: 'minimise', of: 'cost' },
      }),
    );
    // 86.4 a day are 0.001 a second: slow is cheap, and the repair is not worth 50.
    expect(cost.plan.inputs.u).toBeCloseTo(0.4, 6);
    expect(cost.plan.maintenance).toBeUndefined();
    expect(cost.plan.objective.mean).toBeCloseTo(0.4 * 0.5, 6);
  });

  it('says that there is no way, and names the least risky and what stands in it', async () => {
    const result = await planOf(deciding({ inputs: [{ variable: 'u', lower: 1.2, upper: 1.6 }] }));
    expect(result.feasible).toBe(false);
    expect(result.plan.risk).toBeGreaterThan(0.05);
    expect(result.plan.riskByLimit.v).toBeGreaterThan(0.5);
  });

  it.each([
    [{ inputs: [{ variable: 'w', lower: 0, upper: 1 }] }, 'w'],
    [{ maintenance: [{ resets: ['z'] }] }, 'z'],
    [{ limits: ['q1'] }, 'q1'],
    [{ objective: { sense: 'maximise', of: 'speed' } }, 'speed'],
  ])('refuses what the twin does not have: %j', async (decisions, name) => {
    await expect(planOf(deciding(decisions))).rejects.toThrow(name);
  });

  it('asks for decisions where there are none', async () => {
    const twin = smallTwin();
    await expect(planOf(twin)).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  });

  it('keeps its promise on seeded courses of the simulated line', { timeout: 60_000 }, async () => {
    const twin = planTwin(await loadTwin(packageFile('shared/twins/web-line/twin.json')), 0.05);
    const results: PlanResult[] = [];
    for (let seed = 1; seed <= 8; seed++) results.push(await followPlan(twin, seed));
    const r = summarizePlans(results, 0.05);
    expect(r.feasible).toBeGreaterThan(4);
    expect(r.violations).toBeLessThanOrEqual(r.mostAllowed);
    expect(r.gainInBand).toBeGreaterThanOrEqual(r.feasible - 2);
    expect(r.meanGain).toBeGreaterThan(0);
  });
});
