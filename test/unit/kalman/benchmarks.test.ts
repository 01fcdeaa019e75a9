import { describe, expect, test } from 'vitest';
import { createRng, type Rng } from '../../../shared/core/index.js';
import {
  augmentedUkfStep,
  createWorkspace,
  cubatureSigmaPoints,
  diagonal,
  type Gaussian,
  innovationAutocorrelation,
  ljungBox,
  meanNisTest,
  nees,
  rtsSmoother,
  scaledSigmaPoints,
  srUkfPredict,
  srUkfUpdate,
  ukfPredict,
  ukfUpdate,
  unscentedSmootherStep,
  type VectorFunction,
} from '../../../shared/kalman/index.js';

const draw = (rng: Rng, mean: Float64Array, std: readonly number[]) =>
  mean.map((v, i) => v + std[i]! * rng.normal());

describe('van der Pol oscillator, position measured', () => {
  const dt = 0.05;
  const f: VectorFunction = (x, out) => {
    out[0] = x[0]! + dt * x[1]!;
    out[1] = x[1]! + dt * ((1 - x[0]! ** 2) * x[1]! - x[0]!);
  };
  const h: VectorFunction = (x, out) => {
    out[0] = x[0]!;
  };
  const noise = { q: [0.01, 0.02], r: [0.2], p: [0.5, 0.5] };
  const start = { x: Float64Array.of(2, 0), P: diagonal(noise.p.map((s) => s * s)) };
  const Q = diagonal(noise.q.map((s) => s * s));
  const R = diagonal(noise.r.map((s) => s * s));

  function simulate(seed: number, steps: number) {
    const rng = createRng(seed);
    const points = scaledSigmaPoints(2);
    const workspace = createWorkspace();
    let truth = draw(rng, start.x, noise.p);
    let state: Gaussian = start;
    const nis: number[] = [];
    const whitened: number[] = [];
    const truths: Float64Array[] = [];
    const filtered: Gaussian[] = [];
    for (let k = 0; k < steps; k++) {
      const moved = new Float64Array(2);
      f(truth, moved);
      truth = draw(rng, moved, noise.q);
      const z = Float64Array.of(truth[0]! + noise.r[0]! * rng.normal());
      state = ukfPredict(state, { f, Q, points }, workspace);
      const { innovation, ...posterior } = ukfUpdate(state, { h, R, z, points }, workspace);
      state = posterior;
      nis.push(innovation.nis);
      whitened.push(innovation.whitened[0]!);
      truths.push(truth);
      filtered.push(state);
    }
    return { nis, whitened, truths, filtered, points };
  }

  test('NEES over 60 seeds, NIS over 1200 steps and whiteness are those of a consistent filter', () => {
    const errors: number[] = [];
    const nis: number[] = [];
    let white = 0;
    for (let seed = 1; seed <= 60; seed++) {
      const run = simulate(seed, 200);
      errors.push(nees(run.truths.at(-1)!, run.filtered.at(-1)!));
      nis.push(...run.nis.slice(-20));
      if (ljungBox(run.whitened, 10).white) white++;
    }
    expect(meanNisTest(errors, 2, 0.999)).toMatchObject({ consistent: true });
    expect(meanNisTest(nis, 1, 0.999)).toMatchObject({ consistent: true });
    // Of 60 tests at 5 %, 3 fail on average and more than 9 in one case of a thousand.
    expect(white).toBeGreaterThanOrEqual(51);
  });

  test('assuming a third of the measurement noise is revealed by the NIS', () => {
    const { truths, points } = simulate(5, 200);
    const rng = createRng(99);
    let state: Gaussian = start;
    const nis: number[] = [];
    for (const truth of truths) {
      const z = Float64Array.of(truth[0]! + noise.r[0]! * rng.normal());
      state = ukfPredict(state, { f, Q, points });
      const updated = ukfUpdate(state, { h, R: R.map((v) => v / 9), z, points });
      nis.push(updated.innovation.nis);
      state = updated;
    }
    const { statistic, upper } = meanNisTest(nis, 1);
    expect(statistic).toBeGreaterThan(2 * upper);
  });

  test('a wrong model is revealed by correlated innovations', () => {
    const rng = createRng(3);
    const stay: VectorFunction = (x, out) => out.set(x);
    const { truths, points } = simulate(8, 200);
    let state: Gaussian = start;
    const innovations: Float64Array[] = [];
    for (const truth of truths) {
      const z = Float64Array.of(truth[0]! + noise.r[0]! * rng.normal());
      state = ukfPredict(state, { f: stay, Q, points });
      const updated = ukfUpdate(state, { h, R, z, points });
      innovations.push(updated.innovation.whitened);
      state = updated;
    }
    expect(innovationAutocorrelation(innovations, 1).consistent).toBe(false);
  });

  test('smoothing reduces the error and stays consistent', () => {
    let before = 0;
    let after = 0;
    const errors: number[] = [];
    for (let seed = 101; seed <= 130; seed++) {
      const { truths, filtered, points } = simulate(seed, 100);
      const steps = filtered
        .slice(0, -1)
        .map((belief) => unscentedSmootherStep(belief, { f, Q, points }));
      const smoothed = rtsSmoother(filtered, steps);
      for (const [k, truth] of truths.entries()) {
        before += (filtered[k]!.x[1]! - truth[1]!) ** 2;
        after += (smoothed[k]!.x[1]! - truth[1]!) ** 2;
      }
      errors.push(nees(truths[50]!, smoothed[50]!));
    }
    expect(Math.sqrt(after / before)).toBeLessThan(0.8);
    expect(meanNisTest(errors, 2, 0.999)).toMatchObject({ consistent: true });
  });
});

describe('univariate nonstationary growth model', () => {
  // Gordon, Salmond & Smith 1993: Q = 10, R = 1; z = x²/20 hides the sign, so the posterior has two
  // modes, which no Gaussian filter can hold. With points √1 and √3 apart from the mean a UKF ends
  // near RMSE 7.8, where the state itself has an RMS of 10.5; other spreads do worse (cubature in
  // redrawn form 13.5): the choice of points matters here as nowhere else.
  const Q = Float64Array.of(10);
  const R = Float64Array.of(1);
  type Step = (state: Gaussian, move: (x: number) => number, z: Float64Array) => Gaussian;
  const redrawn = scaledSigmaPoints(1, { alpha: 1, kappa: 0 });
  const augmented = scaledSigmaPoints(3, { alpha: 1, kappa: 0 });
  const square = (x: number) => x ** 2 / 20;
  const forms: [string, Step][] = [
    [
      'redrawn',
      (state, move, z) => {
        const f: VectorFunction = (x, out) => {
          out[0] = move(x[0]!);
        };
        const h: VectorFunction = (x, out) => {
          out[0] = square(x[0]!);
        };
        const prior = ukfPredict(state, { f, Q, points: redrawn });
        return ukfUpdate(prior, { h, R, z, points: redrawn });
      },
    ],
    [
      'augmented',
      (state, move, z) =>
        augmentedUkfStep(state, {
          f: (x, w, out) => {
            out[0] = move(x[0]!) + w[0]!;
          },
          h: (x, v, out) => {
            out[0] = square(x[0]!) + v[0]!;
          },
          ...{ Q, R, z, points: augmented },
        }).updated,
    ],
  ];

  test.each(forms)('%s form: RMSE from 7.2 to 8.4 over 50 runs of 100 steps', (_n, step) => {
    let squares = 0;
    let covered = 0;
    for (let seed = 1; seed <= 50; seed++) {
      const rng = createRng(seed);
      let truth = Math.sqrt(5) * rng.normal();
      let state: Gaussian = { x: Float64Array.of(0), P: Float64Array.of(5) };
      for (let k = 1; k <= 100; k++) {
        const move = (x: number) => 0.5 * x + (25 * x) / (1 + x * x) + 8 * Math.cos(1.2 * k);
        truth = move(truth) + Math.sqrt(10) * rng.normal();
        state = step(state, move, Float64Array.of(square(truth) + rng.normal()));
        const error = (state.x[0]! - truth) ** 2;
        squares += error;
        if (error < 1.96 ** 2 * state.P[0]!) covered++;
      }
    }
    const rmse = Math.sqrt(squares / 5000);
    expect(rmse).toBeGreaterThan(7.2);
    expect(rmse).toBeLessThan(8.4);
    expect(covered / 5000).toBeGreaterThan(0.8);
  });
});

test('Lorenz-63 with unknown ρ, x measured: ρ = 28 is found and its band is honest', () => {
  const dt = 0.01;
  const derivative = (s: Float64Array, out: Float64Array) => {
    out[0] = 10 * (s[1]! - s[0]!);
    out[1] = s[0]! * (s[3]! - s[2]!) - s[1]!;
    out[2] = s[0]! * s[1]! - (8 / 3) * s[2]!;
    out[3] = 0;
  };
  const [k1, k2, k3, k4, probe] = Array.from({ length: 5 }, () => new Float64Array(4)) as [
    Float64Array,
    Float64Array,
    Float64Array,
    Float64Array,
    Float64Array,
  ];
  const rk4: VectorFunction = (s, out) => {
    derivative(s, k1);
    for (let i = 0; i < 4; i++) probe[i] = s[i]! + 0.5 * dt * k1[i]!;
    derivative(probe, k2);
    for (let i = 0; i < 4; i++) probe[i] = s[i]! + 0.5 * dt * k2[i]!;
    derivative(probe, k3);
    for (let i = 0; i < 4; i++) probe[i] = s[i]! + dt * k3[i]!;
    derivative(probe, k4);
    for (let i = 0; i < 4; i++) {
      out[i] = s[i]! + (dt / 6) * (k1[i]! + 2 * k2[i]! + 2 * k3[i]! + k4[i]!);
    }
  };
  const f: VectorFunction = (s, out) => {
    out.set(s);
    for (let sub = 0; sub < 5; sub++) rk4(out, out);
  };
  const h: VectorFunction = (s, out) => {
    out[0] = s[0]!;
  };
  const qStd = [0.05, 0.05, 0.05, 1e-3];
  const pStd = [2, 2, 2, 4];
  const rootQ = diagonal(qStd);
  const points = cubatureSigmaPoints(4);
  const workspace = createWorkspace();
  const rhoErrors: number[] = [];
  const rhoNees: number[] = [];
  const nis: number[] = [];
  for (let seed = 1; seed <= 30; seed++) {
    const rng = createRng(seed);
    let truth = Float64Array.of(-5.9, -5.5, 24.5, 28);
    let state = {
      x: Float64Array.of(...draw(rng, truth, pStd).subarray(0, 3), 24),
      S: diagonal(pStd),
    } as { x: Float64Array; S: Float64Array };
    for (let k = 0; k < 400; k++) {
      const moved = new Float64Array(4);
      f(truth, moved);
      truth = draw(rng, moved, [...qStd.slice(0, 3), 0]);
      const z = Float64Array.of(truth[0]! + rng.normal());
      state = srUkfPredict(state, { f, rootQ, points }, workspace);
      const updated = srUkfUpdate(state, { h, rootR: Float64Array.of(1), z, points }, workspace);
      if (k >= 380) nis.push(updated.innovation.nis);
      state = updated;
    }
    const std = Math.hypot(...state.S.subarray(12, 16));
    rhoErrors.push((state.x[3]! - 28) ** 2);
    rhoNees.push(((state.x[3]! - 28) / std) ** 2);
  }
  const rmse = Math.sqrt(rhoErrors.reduce((a, b) => a + b) / rhoErrors.length);
  expect(rmse).toBeLessThan(0.25);
  expect(meanNisTest(rhoNees, 1, 0.999)).toMatchObject({ consistent: true });
  expect(meanNisTest(nis, 1, 0.999)).toMatchObject({ consistent: true });
});
