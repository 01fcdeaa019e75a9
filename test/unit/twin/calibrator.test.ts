import { describe, expect, it } from 'vitest';
import { createRng, TwinError } from '../../../shared/core/index.js';
import {
  createCalibrator,
  decodeCheckpoint,
  encodeCheckpoint,
  type TwinModel,
} from '../../../shared/twin/index.js';
import { linearModel, sample, smallTwin } from './fixtures.js';

async function run(
  model: TwinModel,
  truth: (k: number) => [number, number],
  count: number,
  options: { restartAt?: number; change?: (k: number, y: number[]) => number[] } = {},
) {
  const twin = smallTwin();
  const calibrator = createCalibrator({ twin, model });
  const rng = createRng(7);
  let state = calibrator.initialState();
  const results = [];
  for (let k = 0; k < count; k++) {
    const [p, q] = truth(k);
    const clean = [p, q, p + q].map((v) => v + 0.01 * rng.normal());
    const y = options.change?.(k, clean) ?? clean;
    const step = await calibrator.step(state, sample(k, y));
    state = step.state;
    if (k === options.restartAt) state = decodeCheckpoint(encodeCheckpoint(state), twin);
    results.push(step.result);
  }
  return { twin, calibrator, state, results };
}

describe('calibrator', () => {
  it('covers a growing parameter with its 95 % intervals and keeps a consistent NIS', async () => {
    const truth = (k: number): [number, number] => [0.1 + 0.0005 * k, 0.2];
    const { results } = await run(linearModel(), truth, 600);
    const late = results.slice(50);
    const inside = late.filter((r, i) => {
      const [p] = truth(i + 50);
      return r.parameters.p!.lower95 <= p && p <= r.parameters.p!.upper95;
    }).length;
    expect(inside / late.length).toBeGreaterThan(0.88);
    const nis = late.reduce((sum, r) => sum + r.nis, 0) / late.length;
    // Mean of 550 chi-square(3): 3 ± 0.1; the noise also adapts.
    expect(nis).toBeGreaterThan(2.4);
    expect(nis).toBeLessThan(3.6);
  });

  it('takes 2n + 1 model runs at the first step on a linear model, and three at the others', async () => {
    const model = linearModel();
    await run(model, () => [0.1, 0.1], 10);
    expect(model.runs).toBe(5 + 9 * 3);
  });

  it('follows a step within three samples and says so', async () => {
    const { results } = await run(linearModel(), (k) => (k < 100 ? [0.1, 0.1] : [0.4, 0.1]), 110);
    expect(results[99]!.parameters.p!.mean).toBeCloseTo(0.1, 1);
    const after = results[103]!.parameters.p!;
    expect(Math.abs(after.mean - 0.4)).toBeLessThan(0.05);
    expect(results.slice(100, 104).flatMap((r) => r.alarms.map((a) => a.code))).toContain(
      'regime-change',
    );
  });

  it('says of a first sample that contradicts the priors that it does, and of no change', async () => {
    const { results } = await run(linearModel(), () => [0.4, 0.1], 10);
    const said = results.flatMap((r) => r.alarms.filter((a) => a.code === 'regime-change'));
    expect(said[0]?.message).toContain('not as its priors have it');
    expect(said.filter((a) => a.message.includes('changed suddenly'))).toEqual([]);
    expect(Math.abs(results[9]!.parameters.p!.mean - 0.4)).toBeLessThan(0.05);
  });

  it('keeps one outlier from moving the estimate', async () => {
    const change = (k: number, y: number[]) => (k === 100 ? [y[0]! + 0.2, y[1]!, y[2]!] : y);
    const { results } = await run(linearModel(), () => [0.1, 0.1], 102, { change });
    expect(results[100]!.diagnostics.gated).toEqual(['y1']);
    expect(Math.abs(results[100]!.parameters.p!.mean - 0.1)).toBeLessThan(0.03);
  });

  it('goes on from a checkpoint bit for bit', async () => {
    const whole = await run(linearModel(), (k) => [0.1 + k * 1e-3, 0.2], 60);
    const resumed = await run(linearModel(), (k) => [0.1 + k * 1e-3, 0.2], 60, { restartAt: 30 });
    expect(encodeCheckpoint(resumed.state)).toEqual(encodeCheckpoint(whole.state));
  });

  it('skips what is not newer, empty, or without inputs, and leaves the state alone', async () => {
    const { calibrator, state } = await run(linearModel(), () => [0.1, 0.1], 5);
    const cases = [
      ['not-newer-than-state', sample(4, [0.1, 0.1, 0.2])],
      ['not-newer-than-state', sample(Number.NaN, [0.1, 0.1, 0.2])],
      ['no-usable-channel', sample(9, [Number.NaN, Number.POSITIVE_INFINITY, Number.NaN])],
      ['input-missing', { ...sample(9, [0.1, 0.1, 0.2]), inputs: Float64Array.of(Number.NaN) }],
    ] as const;
    for (const [reason, s] of cases) {
      const step = await calibrator.step(state, s);
      expect(step.result.skipped).toBe(reason);
      expect(step.state).toBe(state);
    }
  });

  it('uses the channels that are there', async () => {
    const change = (_k: number, y: number[]) => [y[0]!, Number.NaN, y[2]!];
    const { results } = await run(linearModel(), () => [0.2, 0.3], 60, { change });
    expect(results.at(-1)!.channels).toBe(2);
    expect(Math.abs(results.at(-1)!.parameters.q!.mean - 0.3)).toBeLessThan(0.05);
  });

  it('leaves out a channel that repeats itself while others move', async () => {
    const change = (k: number, y: number[]) => (k > 20 ? [0.1, y[1]!, y[2]!] : y);
    const { results } = await run(linearModel(), () => [0.1, 0.1], 60, { change });
    expect(results.at(-1)!.channels).toBe(2);
    expect(results.at(-1)!.alarms.map((a) => [a.code, a.subject])).toContainEqual([
      'sensor-frozen',
      'y1',
    ]);
  });

  it('works inside the bounds where the model refuses points beyond them', async () => {
    const inner = linearModel();
    const strict: TwinModel = {
      ...inner,
      evaluate: async (points, inputs) => {
        const values = await inner.evaluate(points, inputs);
        return points.map((p, i) => (p.some((v) => v < 0) ? new Error('negative') : values[i]!));
      },
    };
    const { results } = await run(strict, () => [0.005, 0.3], 80);
    const last = results.at(-1)!.parameters;
    expect(last.p!.lower95).toBeGreaterThanOrEqual(0);
    expect(last.p!.lower95).toBeLessThanOrEqual(0.005);
    expect(last.p!.upper95).toBeGreaterThan(0.005);
    expect(Math.abs(last.q!.mean - 0.3)).toBeLessThan(0.03);
  });

  it('throws when the model fails at the estimate itself, and the state stays good', async () => {
    const failing: TwinModel = {
      ...linearModel(),
      evaluate: async (points) => points.map(() => new TwinError('FMU_CRASHED', 'It crashed.')),
    };
    const calibrator = createCalibrator({ twin: smallTwin(), model: failing });
    const state = calibrator.initialState();
    const before = encodeCheckpoint(state);
    await expect(calibrator.step(state, sample(0, [0, 0, 0]))).rejects.toMatchObject({
      code: 'FMU_CRASHED',
    });
    expect(encodeCheckpoint(state)).toEqual(before);
  });

  it('alarms when a parameter is beyond its limit for three samples', async () => {
    const { results } = await run(linearModel(), (k) => [0.1 + 0.004 * k, 0.1], 140);
    const first = results.findIndex((r) => r.alarms.some((a) => a.code === 'limit'));
    expect(first).toBeGreaterThan(100);
    expect(results[first]!.alarms.find((a) => a.code === 'limit')!.subject).toBe('p');
  });
});

describe('calibrator, when the model fails at some points', () => {
  const failingWhere = (fails: (p: Float64Array) => boolean) => {
    const inner = linearModel();
    const model: TwinModel = {
      ...inner,
      evaluate: async (points, inputs) => {
        const values = await inner.evaluate(points, inputs);
        return points.map((p, i) => (fails(p) ? new Error('refused') : values[i]!));
      },
    };
    return model;
  };

  it('takes two-sided points again after a failure inside the bounds', async () => {
    let failing = true;
    const model = failingWhere((p) => failing && p[0]! > 0.11);
    const calibrator = createCalibrator({ twin: smallTwin(), model });
    const first = await calibrator.step(calibrator.initialState(), sample(0, [0.1, 0.1, 0.2]));
    // Five points, twice the one that failed, and five within the bounds.
    expect(first.result.diagnostics.modelRuns).toBe(12);
    failing = false;
    const second = await calibrator.step(first.state, sample(1, [0.1, 0.1, 0.2]));
    expect(second.result.diagnostics.modelRuns).toBe(5);
    expect(second.state.filter.oneSided).toBe(0);
  });

  it('stays inside the bounds for a while after a refusal beyond them, then tries again', async () => {
    let tries = 0;
    const model = failingWhere((p) => {
      if (!(p[0]! < 0)) return false;
      tries++;
      return true;
    });
    await run(model, () => [0.001, 0.3], 60);
    // Each refusal is tried twice nearer by.
    expect(tries).toBeGreaterThanOrEqual(2 * 3);
    expect(tries).toBeLessThan(12 * 3);
  });

  it('looks nearer to the estimate where a point fails, and keeps the curvature', async () => {
    const bent: TwinModel = {
      ...linearModel(),
      evaluate: async (points) =>
        points.map((p) => Float64Array.of(p[0]! + 20 * p[0]! ** 2, p[1]!, p[0]! + p[1]!)),
    };
    const failsFar: TwinModel = {
      ...bent,
      evaluate: async (points, inputs) => {
        const values = await bent.evaluate(points, inputs);
        const far = Math.max(...points.map((p) => p[0]!));
        const fails = (p: Float64Array) => points.length > 1 && p[0]! === far;
        return points.map((p, i) => (fails(p) ? new Error('gave up') : values[i]!));
      },
    };
    const stepOf = (model: TwinModel) => {
      const calibrator = createCalibrator({ twin: smallTwin(), model });
      return calibrator.step(calibrator.initialState(), sample(0, [0.32, 0.1, 0.2]));
    };
    const whole = await stepOf(bent);
    const gappy = await stepOf(failsFar);
    expect(gappy.state.filter.oneSided).toBe(0);
    expect(gappy.result.parameters.p!.std).toBeCloseTo(whole.result.parameters.p!.std, 7);
    expect(gappy.result.parameters.p!.mean).toBeCloseTo(whole.result.parameters.p!.mean, 6);
  });

  it('linearises again where the split has no direction or too few runs', async () => {
    for (const fails of [() => false, (n: number) => n === 13]) {
      // Bent, and flat in the mean: y1 = (p − 0.1)².
      const flat: TwinModel = {
        ...linearModel(),
        evaluate: async (points) =>
          points.map(([p = 0, q = 0], k) => {
            if (fails(points.length) && k % 2 === 0) return new Error('refused');
            const bent = 20 * (p - 0.1) ** 2 + (fails(13) ? 0.5 * p : 0);
            return Float64Array.of(bent, q, q, p);
          }),
      };
      const calibrator = createCalibrator({ twin: smallTwin(), model: flat });
      const step = await calibrator.step(calibrator.initialState(), sample(0, [0.05, 0.1, 0.1]));
      expect(step.result.diagnostics.nonlinearity).toBeGreaterThan(1);
      expect(step.result.diagnostics.modelRuns).toBe(fails(13) ? 28 : 15);
      expect(Number.isFinite(step.result.parameters.p!.std)).toBe(true);
    }
  });
});

describe('a twin with one sensor', () => {
  const lone = async (values: (k: number) => number, count: number) => {
    const twin = smallTwin({ measured: [{ variable: 'y1', alias: '/s/y1', noiseStd: 0.01 }] });
    const inner = linearModel();
    const model: TwinModel = {
      ...inner,
      outputs: ['y1', 'v'],
      evaluate: async (points) => points.map(([p = 0, q = 0]) => Float64Array.of(p, p - q)),
    };
    const calibrator = createCalibrator({ twin, model });
    const rng = createRng(3);
    let state = calibrator.initialState();
    const results = [];
    for (let k = 0; k < count; k++) {
      const step = await calibrator.step(state, sample(k, [values(k) + 0.01 * rng.normal()]));
      state = step.state;
      results.push(step.result);
    }
    return results;
  };

  it('follows a step within a few samples and says so', async () => {
    const results = await lone((k) => (k < 100 ? 0.1 : 0.6), 110);
    expect(Math.abs(results[99]!.parameters.p!.mean - 0.1)).toBeLessThan(0.02);
    const said = results.slice(100, 103).flatMap((r) => r.alarms.map((a) => a.code));
    expect(said).toContain('regime-change');
    expect(Math.abs(results[104]!.parameters.p!.mean - 0.6)).toBeLessThan(0.05);
  });

  it('does not run after one outlier', async () => {
    const results = await lone((k) => (k === 100 ? 0.6 : 0.1), 102);
    expect(results[100]!.diagnostics.gated).toEqual(['y1']);
    expect(Math.abs(results[101]!.parameters.p!.mean - 0.1)).toBeLessThan(0.03);
  });
});

describe('a sample that no parameters explain', () => {
  const stopped = [-20, -20, -20];

  it('is left out with an alarm when it stands alone, also as the first one', async () => {
    const change = (k: number, y: number[]) => (k === 0 || k === 100 ? stopped : y);
    const { results, state } = await run(linearModel(), () => [0.1, 0.2], 103, { change });
    for (const k of [0, 100]) {
      expect(results[k]!.skipped).toBe('model-mismatch');
      expect(results[k]!.alarms.map((a) => a.code)).toEqual(['model-mismatch']);
    }
    expect(results.filter((r) => r.diagnostics.regimeChange)).toEqual([]);
    expect(Math.abs(results[101]!.parameters.p!.mean - 0.1)).toBeLessThan(0.02);
    expect(state.sampleCount).toBe(101);
  });

  it('moves the time on, so that it is not read again', async () => {
    const { calibrator, state } = await run(linearModel(), () => [0.1, 0.2], 30);
    const step = await calibrator.step(state, sample(40, stopped));
    expect(step.state.timeS).toBe(40);
    const again = await calibrator.step(step.state, sample(40, stopped));
    expect(again.result.skipped).toBe('not-newer-than-state');
  });

  it('is left out however many there are, and the estimate goes on from where it was', async () => {
    for (const [p, q] of [
      [0.1, 0.2],
      [0.1, 0.7],
    ] as const) {
      const truth = (k: number): [number, number] => (k < 120 ? [0.1, 0.2] : [p, q]);
      const change = (k: number, y: number[]) => (k >= 100 && k < 140 ? stopped : y);
      const model = linearModel();
      const { results } = await run(model, truth, 145, { change });
      expect(results.slice(100, 140).every((r) => r.skipped === 'model-mismatch')).toBe(true);
      expect(results[140]!.skipped).toBeUndefined();
      expect(results[142]!.parameters.p!.mean).toBeCloseTo(p, 1);
      expect(results[142]!.parameters.q!.mean).toBeCloseTo(q, 1);
      // The search is not repeated while the machine stands still.
      expect(model.runs).toBeLessThan(145 * 5 + 2 * 100);
    }
  });
});
