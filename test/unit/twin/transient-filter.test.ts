import { describe, expect, it } from 'vitest';
import { createRng } from '../../../shared/core/index.js';
import { kfPredict, kfUpdate } from '../../../shared/kalman/index.js';
import { createCalibrator, runSamples, type TwinModel } from '../../../shared/twin/index.js';
import { sample, smallTwin } from './fixtures.js';
import { A, B, linearDynamics, overrides } from './linear-dynamics.js';

describe('the joint filter', () => {
  it('keeps parameters that are fitted, and asks the model for nothing beyond their bounds', async () => {
    const { model } = linearDynamics();
    const inner = model.transient!;
    let least = Number.POSITIVE_INFINITY;
    const watched: TwinModel = {
      ...model,
      transient: {
        ...inner,
        propagate: (points, span, signal) => {
          for (const { parameters } of points) least = Math.min(least, ...parameters);
          return inner.propagate(points, span, signal);
        },
      },
    };
    const twin = smallTwin({
      ...overrides,
      parameters: ['p', 'q'].map((variable) => ({
        variable,
        alias: `/s/${variable}`,
        lower: 0,
        upper: 1,
        prior: { mean: 0.01, std: 0.05 },
        dynamics: 'constant',
      })),
    });
    const calibrator = createCalibrator({ twin, model: watched });
    const samples = Array.from({ length: 10 }, (_, k) => sample(2 * k, [0.02, 0.03, 0.05]));
    const initial = calibrator.initialState();
    const refit = { timeS: 0, samples: 100, fitted: true };
    const fitted = { ...initial, filter: { ...initial.filter, refit } };
    const { state } = await runSamples(calibrator, fitted, samples);
    expect(least).toBeGreaterThanOrEqual(0);
    expect(state.filter.x).toEqual(initial.filter.x);
    expect(state.filter.refit).toEqual(refit);
    const S = state.filter.S;
    for (const [i, std] of [0.05, 0.05].entries()) {
      expect(Math.hypot(...S.subarray(4 * i, 4 * i + 4))).toBeCloseTo(std, 6);
    }
    // The filter learns them otherwise.
    const learning = await runSamples(calibrator, initial, samples);
    expect(learning.state.filter.x).not.toEqual(initial.filter.x);
  });

  it.each([
    ['with every sample measured', () => false, 0],
    ['with two of three samples blank: inputs move it all the same', (k: number) => k % 3 !== 0, 0],
    ['with noise on its input, which is process noise', () => false, 0.5],
  ] as const)('is the Kalman filter on a linear model, %s', async (_what, isBlank, inputStd) => {
    const { model, asked } = linearDynamics();
    const estimator = { adaptNoise: false, gate: false, kink: 'none' };
    const inputs = [
      inputStd === 0 ? { variable: 'u', value: 1 } : { variable: 'u', noiseStd: inputStd },
    ];
    const twin = smallTwin({ ...overrides, inputs, estimator });
    const calibrator = createCalibrator({ twin, model });
    let state = calibrator.initialState();
    let kf: { x: Float64Array; P: Float64Array } = {
      x: Float64Array.of(0.1, 0.1, 0, 0),
      P: Float64Array.from({ length: 16 }, (_, i) => (i % 5 === 0 ? (i < 8 ? 0.05 : 0.2) ** 2 : 0)),
    };
    const identity = Float64Array.from({ length: 16 }, (_, i) => (i % 5 === 0 ? 1 : 0));
    const F = Float64Array.of(
      1,
      0,
      0,
      0,
      0,
      1,
      0,
      0,
      B[0]!,
      B[1]!,
      A[0]!,
      A[1]!,
      B[2]!,
      B[3]!,
      A[2]!,
      A[3]!,
    );
    const H = Float64Array.of(0.1, 0, 1, 0, 0, 0, 0, 1, 0, 0, 1, 1);
    const R = Float64Array.from({ length: 9 }, (_, i) => (i % 4 === 0 ? 1e-4 : 0));
    const rng = createRng(5);
    for (let k = 0; k < 25; k++) {
      const z = Float64Array.of(
        0.2 + 0.02 * rng.normal(),
        0.3 + 0.01 * rng.normal(),
        0.5 + 0.01 * k,
      );
      const blank = isBlank(k);
      const measured = blank ? [Number.NaN, Number.NaN, Number.NaN] : [...z];
      const { state: next, result } = await calibrator.step(state, sample(2 * k, measured));
      state = next;
      if (k > 0) {
        // Noise of 0.01 per √s over 2 s comes in at the start.
        const Q = Float64Array.from({ length: 16 }, (_, i) => (i === 10 || i === 15 ? 2e-4 : 0));
        kf = kfPredict(kf, { F: identity, Q });
        // Each reading drives the second state by a tenth.
        const driven = new Float64Array(16);
        driven[15] = (0.1 * inputStd) ** 2;
        kf = kfPredict(kf, { F, u: Float64Array.of(0, 0, 0, 0.1), Q: driven });
      }
      if (blank) {
        expect(result).toMatchObject({ skipped: 'no-usable-channel', channels: 0 });
        const { mean, std } = result.parameters.p!;
        expect([mean, std]).toEqual(
          [kf.x[0], Math.sqrt(kf.P[0]!)].map((v) => expect.closeTo(v!, 9)),
        );
        continue;
      }
      const updated = kfUpdate(kf, { H, R, z });
      kf = { x: updated.x, P: updated.P };
      expect(result.nis).toBeCloseTo(updated.innovation.nis, 8);
    }
    const estimate = [...state.filter.x.subarray(0, 2), ...state.filter.transient!.stateMean];
    estimate.forEach((value, i) => {
      expect(Math.abs(value - kf.x[i]!)).toBeLessThan(1e-10);
    });
    const N = 6;
    const factor = state.filter.transient!.stateFactor;
    for (const i of [0, 1]) {
      for (const j of [0, 1]) {
        let covariance = 0;
        for (let c = 0; c < N; c++) covariance += factor[i * N + c]! * factor[j * N + c]!;
        expect(Math.abs(covariance - kf.P[(2 + i) * 4 + 2 + j]!)).toBeLessThan(1e-12);
      }
    }
    // 2 (n + states) + 1 a sample, and one look at the FMU's start.
    expect(asked.runs).toBe(25 * 9 + 1 + (inputStd === 0 ? 0 : 24));
  });

  it('goes on where the model refuses some points, by those on the other side', async () => {
    const { model } = linearDynamics((states) => states[0]! > 0.35);
    const calibrator = createCalibrator({ twin: smallTwin(overrides), model });
    let state = calibrator.initialState();
    let result: Awaited<ReturnType<typeof calibrator.step>>['result'] | undefined;
    for (let k = 0; k < 4; k++) {
      ({ state, result } = await calibrator.step(state, sample(k, [0.3, 0.2, 0.5])));
    }
    expect(result!.virtualSensors.v!.mean).toBeCloseTo(0.1, 1);
    const none = linearDynamics(() => true);
    const failing = createCalibrator({ twin: smallTwin(overrides), model: none.model });
    await expect(failing.step(failing.initialState(), sample(0, [0, 0, 0]))).rejects.toThrow(
      'refused',
    );
  });

  it('keeps the lone wrong sensor out, and opens up when the machine jumps', async () => {
    const { model } = linearDynamics();
    const calibrator = createCalibrator({ twin: smallTwin(overrides), model });
    let state = calibrator.initialState();
    // At rest s = (I − A)⁻¹ (B b + u): found by running on.
    let s = [0, 0];
    const truth = (p: number, q: number) => {
      s = [
        A[0]! * s[0]! + A[1]! * s[1]! + B[0]! * p + B[1]! * q,
        A[2]! * s[0]! + A[3]! * s[1]! + B[2]! * p + B[3]! * q + 0.1,
      ];
      return [s[0]! + 0.1 * p, s[1]!, s[0]! + s[1]!];
    };
    const rng = createRng(2);
    const noisy = (y: number[]) => y.map((v) => v + 0.01 * rng.normal());
    let step = await calibrator.step(state, sample(0, [0.01, 0, 0]));
    for (let k = 1; k < 40; k++) {
      const y = noisy(truth(0.15, 0.05));
      if (k === 30) y[1]! += 1;
      step = await calibrator.step(step.state, sample(k, y));
      if (k === 30) {
        expect(step.result.diagnostics.gated).toEqual(['y2']);
        expect(step.result.diagnostics.regimeChange).toBe(false);
      }
    }
    expect(step.result.diagnostics.mode).toBe('transient');
    s = [s[0]! + 0.8, s[1]! + 0.5];
    step = await calibrator.step(step.state, sample(40, noisy(truth(0.15, 0.05))));
    expect(step.result.diagnostics.regimeChange).toBe(true);
    for (let k = 41; k < 44; k++) {
      step = await calibrator.step(step.state, sample(k, noisy(truth(0.15, 0.05))));
    }
    expect(Math.abs(step.result.virtualSensors.v!.mean - (s[0]! - s[1]!))).toBeLessThan(0.05);
    state = step.state;
    expect(state.filter.transient?.stateMean).toHaveLength(2);
  });

  it('begins with noise that a moving machine does not hide', () => {
    const { model } = linearDynamics();
    const measured = ['y1', 'y2', 'y3'].map((variable) => ({ variable, alias: `/s/${variable}` }));
    const rng = createRng(6);
    const samples = Array.from({ length: 100 }, (_, k) =>
      sample(k, [
        Math.sin(k / 5) + 0.01 * rng.normal(),
        0.1 * k + 0.01 * rng.normal(),
        0.01 * rng.normal(),
      ]),
    );
    const noise = (mode: string) => {
      const twin = smallTwin({ ...overrides, measured, simulation: { mode } });
      return [...createCalibrator({ twin, model }).initialState(samples).filter.noiseStd];
    };
    for (const sigma of noise('transient')) {
      expect(sigma).toBeGreaterThan(0.007);
      expect(sigma).toBeLessThan(0.013);
    }
    expect(noise('steady-state')[0]).toBeGreaterThan(0.05);
  });

  it('takes no noise from a value that stands, and none below the sensor’s resolution', () => {
    const { model } = linearDynamics();
    const measured = ['y1', 'y2', 'y3'].map((variable) => ({ variable, alias: `/s/${variable}` }));
    const rng = createRng(7);
    const samples = Array.from({ length: 100 }, (_, k) =>
      sample(k, [
        k < 60 ? 20 : 20 + Math.sin(k / 5) + 0.01 * rng.normal(),
        Math.round((0.03 * k + 0.001 * rng.normal()) * 10) / 10,
        k < 60 ? 0 : 0.1 * (k - 60) + 0.01 * rng.normal(),
      ]),
    );
    const twin = smallTwin({ ...overrides, measured });
    const { noiseStd } = createCalibrator({ twin, model }).initialState(samples).filter;
    for (const i of [0, 2]) {
      expect(noiseStd[i]).toBeGreaterThan(0.005);
      expect(noiseStd[i]).toBeLessThan(0.02);
    }
    expect(noiseStd[1]).toBeGreaterThan(0.0999 / Math.sqrt(12));
    expect(noiseStd[1]).toBeLessThan(0.1);
  });

  it('takes a state that blew up for a refusal, also inside the bounds', async () => {
    const { model } = linearDynamics();
    const inner = model.transient!;
    let blown = 0;
    const stiff: TwinModel = {
      ...model,
      transient: {
        ...inner,
        propagate: async (points, span, signal) =>
          (await inner.propagate(points, span, signal)).map((end, k) => {
            if (end instanceof Error || points[k]!.parameters[1]! < 0.18) return end;
            blown++;
            return { ...end, states: end.states.map((s) => s + 1e9) };
          }),
      },
    };
    const rng = createRng(9);
    let s = [0, 0];
    const samples = Array.from({ length: 30 }, (_, k) => {
      const [s1 = 0, s2 = 0] = s;
      if (k > 0) {
        s = [
          A[0]! * s1 + A[1]! * s2 + 0.1 * (B[0]! + B[1]!),
          A[2]! * s1 + A[3]! * s2 + 0.1 * (B[2]! + B[3]!) + 0.1,
        ];
      }
      const y = [s[0]! + 0.01, s[1]!, s[0]! + s[1]!].map((v) => v + 0.01 * rng.normal());
      return sample(k, y);
    });
    const estimates = async (of: TwinModel) => {
      const calibrator = createCalibrator({ twin: smallTwin(overrides), model: of });
      const { steps } = await runSamples(calibrator, calibrator.initialState(), samples);
      return steps.flatMap(({ parameters }) => [parameters.q!.mean, parameters.q!.std]);
    };
    // What is left of a linear model shows all of it, so that neither estimate nor band may differ.
    const sound = await estimates(model);
    expect(await estimates(stiff)).toEqual(sound.map((v) => expect.closeTo(v, 9)));
    expect(blown).toBeGreaterThan(0);
  });

  it('says what is missing where a model offers no states', () => {
    const model: TwinModel = { outputs: [], evaluate: async () => [], close: async () => {} };
    expect(() => createCalibrator({ twin: smallTwin(overrides), model })).toThrow(
      /offers no states/,
    );
  });
});

describe('a model that fails from the states that it has come to', () => {
  const isLost = (states: Float64Array) => Math.abs(states[0]!) > 50;
  const samples = Array.from({ length: 60 }, (_, k) => sample(2 * k, [0.02, 0.03, 0.05]));

  /** A run of the samples whose filter is led far off after so many. */
  async function led(more: object = {}) {
    const { model } = linearDynamics(isLost);
    const calibrator = createCalibrator({
      twin: smallTwin({ ...overrides, transient: { ...overrides.transient, ...more } }),
      model,
    });
    const { state } = await runSamples(calibrator, calibrator.initialState(), samples.slice(0, 15));
    const transient = { ...state.filter.transient!, stateMean: Float64Array.of(1000, 0) };
    const off = { ...state, filter: { ...state.filter, transient } };
    return (await runSamples(calibrator, off, samples.slice(15))).steps;
  }

  it('begins anew after twenty usual samples, and names the time', async () => {
    const steps = await led();
    const failed = steps.filter(({ skipped }) => skipped === 'model-failed');
    expect(failed).toHaveLength(20);
    const [first, ...others] = steps.slice(20);
    expect(first).toMatchObject({ gapS: 42 });
    expect(others.every(({ skipped, gapS }) => skipped === undefined && gapS === undefined)).toBe(
      true,
    );
    expect(steps.at(-1)!.measured.y1!.mean).toBeCloseTo(0.02, 1);
  });

  it('does not where it fails from anywhere', async () => {
    let fails = false;
    const { model } = linearDynamics(() => fails);
    const calibrator = createCalibrator({ twin: smallTwin(overrides), model });
    const { state } = await runSamples(calibrator, calibrator.initialState(), samples.slice(0, 15));
    fails = true;
    const { steps } = await runSamples(calibrator, state, samples.slice(15));
    expect(steps).toHaveLength(45);
    expect(steps.every(({ skipped }) => skipped === 'model-failed')).toBe(true);
    expect(steps.at(-1)!.alarms[0]!.message).toContain('The model failed at the present estimate');
  });
});
