import { describe, expect, it } from 'vitest';
import { createRng, packageFile } from '../../../shared/core/index.js';
import { linearise } from '../../../shared/twin/filter/linearise.js';
import { linesOf, reuse } from '../../../shared/twin/filter/lines.js';
import {
  createCalibrator,
  loadTwin,
  type StepResult,
  type TwinModel,
} from '../../../shared/twin/index.js';
import {
  decodeFilterState,
  encodeFilterState,
  type FilterState,
} from '../../../shared/twin/state/filter-state.js';
import { webLine } from '../../study/algebraic-web-line.js';
import { sample, smallTwin } from './fixtures.js';

const N = 4;
const SPREAD = Math.sqrt(3);
const NOISE = new Float64Array(5).fill(0.01);
const ALL = [0, 1, 2, 3, 4];
const WIDE = {
  lower: new Float64Array(N).fill(Number.NEGATIVE_INFINITY),
  upper: new Float64Array(N).fill(Number.POSITIVE_INFINITY),
};
const at = (...values: number[]) => Float64Array.from(values);

/** Five outputs of four parameters, bent a little; counts its runs. */
function bent(gain = 1) {
  const model = {
    runs: 0,
    evaluate: async (points: readonly Float64Array[]) => {
      model.runs += points.length;
      return points.map(([a = 0, b = 0, c = 0, d = 0]) =>
        at(gain * a + b, b * (1 + 0.1 * c), c - d, d + 0.2 * a * a, a + b + c + d),
      );
    },
  };
  return model;
}

function factorOf(std: number): Float64Array {
  const L = new Float64Array(N * N);
  for (let i = 0; i < N; i++) for (let j = 0; j <= i; j++) L[i * N + j] = i === j ? std : 0.2 * std;
  return L;
}

async function start(u: Float64Array) {
  const mean = at(0.3, 0.4, 0.5, 0.2);
  const full = await linearise(bent().evaluate, mean, factorOf(0.02), SPREAD, WIDE, false);
  return linesOf(full, u)!;
}
const go = (
  lines: Awaited<ReturnType<typeof start>>,
  model: ReturnType<typeof bent>,
  mean: Float64Array,
  u: Float64Array,
) => reuse(lines, model.evaluate, mean, factorOf(0.02), SPREAD, u, NOISE, ALL);

describe('a linearisation that is reused', () => {
  it('expects the exact outputs and gives nearly the slopes and the bend of full differences', async () => {
    const u = at(1);
    const lines = await start(u);
    const mean = at(0.302, 0.399, 0.501, 0.2);
    const model = bent();
    const found = (await go(lines, model, mean, u))!;
    expect(model.runs).toBe(5);
    const full = await linearise(bent().evaluate, mean, factorOf(0.02), SPREAD, WIDE, false);
    full.mean.forEach((v, o) => {
      expect(found.linearisation.mean[o]).toBeCloseTo(v, 5);
    });
    full.slope.forEach((v, k) => {
      expect(Math.abs(found.linearisation.slope[k]! - v)).toBeLessThan(2e-3);
    });
    full.omega.forEach((v, k) => {
      expect(Math.abs(found.linearisation.omega[k]! - v)).toBeLessThan(1e-7);
    });
  });

  it('looks at every column in turn', async () => {
    const u = at(1);
    let lines = await start(u);
    const seen = new Set<number>();
    for (let k = 0; k < 4; k++) {
      lines = (await go(lines, bent(), lines.centre, u))!.lines;
      lines.age.forEach((age, i) => {
        if (age === 0) seen.add(i);
      });
    }
    expect([...seen].sort()).toEqual([0, 1, 2, 3]);
  });

  it('is given up where a run is off the line, a column has turned or bends, or an input has moved', async () => {
    const u = at(1);
    const lines = await start(u);
    expect(await go(lines, bent(), lines.centre, at(1.2))).toBeUndefined();
    expect(await go(lines, bent(1.05), lines.centre, u)).toBeUndefined();
    // With inputs that moved a little, the run tells nothing: the columns do.
    expect(await go(lines, bent(2), lines.centre, at(1.01))).toBeUndefined();
    const kinked = {
      runs: 0,
      evaluate: async (points: readonly Float64Array[]) => {
        const values = await bent().evaluate(points);
        return values.map((y, k) => y.map((v) => v + Math.max(0, points[k]![0]! - 0.3)));
      },
    };
    expect(await go(lines, kinked, lines.centre, u)).toBeUndefined();
    const refusing = { runs: 0, evaluate: async () => [new Error('no')] as never };
    expect(await go(lines, refusing, lines.centre, u)).toBeUndefined();
  });
});

describe('a calibration that reuses lines', () => {
  const model: TwinModel = {
    outputs: ['y1', 'y2', 'y3', 'v'],
    evaluate: async (points) =>
      points.map(([p = 0, q = 0]) => at(p + p * p, q, p + q + p * q, p - q)),
    close: async () => {},
  };
  const run = async (estimator: Record<string, unknown>) => {
    const calibrator = createCalibrator({ twin: smallTwin({ estimator }), model });
    const rng = createRng(4);
    let state = calibrator.initialState();
    const results: StepResult[] = [];
    for (let k = 0; k < 150; k++) {
      const [p, q] = [0.1 + 0.002 * k, k < 100 ? 0.1 : 0.5];
      const y = [p + p * p, q, p + q + p * q].map((v) => v + 0.01 * rng.normal());
      const step = await calibrator.step(state, sample(k, y));
      state = step.state;
      results.push(step.result);
    }
    return results;
  };

  it('gives the estimates of full differences for fewer runs, through wear and a step', async () => {
    const [reused, full] = [await run({}), await run({ linearise: 'always' })];
    const runs = (results: StepResult[]) =>
      results.reduce((sum, r) => sum + r.diagnostics.modelRuns, 0);
    expect(runs(reused)).toBeLessThan(0.75 * runs(full));
    reused.forEach((r, k) => {
      for (const name of ['p', 'q']) {
        const [a, b] = [r.parameters[name]!, full[k]!.parameters[name]!];
        expect(Math.abs(a.mean - b.mean)).toBeLessThan(0.2 * b.std);
        expect(Math.abs(Math.log(a.std / b.std))).toBeLessThan(0.1);
      }
    });
  });

  it('looks again beside a kink for fewer runs, and from a state that was stored', async () => {
    const twin = await loadTwin(packageFile('shared/twins/web-line/twin.json'));
    const model: TwinModel = {
      outputs: twin.definition.measured.map((m) => m.variable),
      evaluate: async (points) => points.map((drag) => webLine(drag).slice(0, 9)),
      close: async () => {},
    };
    const still = { ...twin, definition: { ...twin.definition, virtualSensors: [] } };
    const calibrator = createCalibrator({ twin: still, model });
    const inputs = Float64Array.from(twin.definition.inputs, (i) => i.value ?? 0);
    const follow = async (between: (state: FilterState) => FilterState) => {
      const rng = createRng(3);
      let state = calibrator.initialState();
      let runs = 0;
      let looked = 0;
      for (let k = 0; k < 40; k++) {
        const drag = new Float64Array(9);
        drag[7] = Math.min(0.19, 0.01 * k);
        const step = await calibrator.step(state, {
          timeS: 12966 * k,
          inputs,
          measured: webLine(drag)
            .slice(0, 9)
            .map((v) => v + 1e-4 * rng.normal()),
        });
        if (step.state.filter.lines?.local) looked++;
        state = { ...step.state, filter: between(step.state.filter) };
        runs += step.result.diagnostics.modelRuns;
        if (k > 20) expect(step.result.parameters.b9!.mean).toBeCloseTo(0.19, 1);
      }
      return { runs, looked };
    };
    const stored = await follow((filter) =>
      decodeFilterState(encodeFilterState(filter), {
        parameters: 9,
        measured: 9,
        virtualSensors: 0,
        health: filter.health.length,
      }),
    );
    const kept = await follow((filter) => filter);
    const without = await follow((f) => (f.lines?.local ? { ...f, lines: undefined } : f));
    expect(kept.looked).toBeGreaterThan(5);
    expect(stored).toEqual(kept);
    expect(kept.runs).toBeLessThan(0.95 * without.runs);
  });
});
