import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { packageFile } from '../../../shared/core/index.js';
import {
  angularSpace,
  cholesky,
  createWorkspace,
  cubatureSigmaPoints,
  type Gaussian,
  type Innovation,
  julierSigmaPoints,
  kfPredict,
  kfUpdate,
  linearSmootherStep,
  matMulTransposed,
  rtsSmoother,
  type SigmaPoints,
  scaledSigmaPoints,
  srKfPredict,
  srKfUpdate,
  srUkfPredict,
  srUkfUpdate,
  type UkfTransition,
  ukfPredict,
  ukfPredictDetailed,
  ukfUpdate,
  unscentedSmootherStep,
  type VectorFunction,
  wrapAngle,
} from '../../../shared/kalman/index.js';
import { relativeDifference } from './arbitraries.js';

interface Belief {
  x: number[];
  P: number[];
}
interface Golden {
  provenance: { toleranceRelative: number; tool: string; version: string };
  points: { kind: SigmaPoints['kind']; alpha: number; beta: number; kappa: number };
  F?: number[];
  H?: number[];
  steps: (Belief & {
    z: number[] | null;
    prior: Belief;
    y?: number[];
    logLikelihood?: number;
  })[];
  smoothed?: Belief[];
}

const load = (name: string): Golden =>
  JSON.parse(readFileSync(packageFile(`test/golden/kalman/${name}.json`), 'utf8')) as Golden;

const dt = 0.05;
const pendulum: VectorFunction = (x, out) => {
  out[0] = x[0]! + dt * x[1]!;
  out[1] = x[1]! - dt * (9.81 * Math.sin(x[0]!) + x[2]! * x[1]! * Math.abs(x[1]!));
  out[2] = x[2]!;
};
const measure: VectorFunction = (x, out) => {
  out[0] = Math.sin(x[0]!);
  out[1] = x[1]! + 0.1 * x[0]! ** 2;
};
const start: Gaussian = {
  x: Float64Array.of(0.5, 0.1, 0.3),
  P: Float64Array.of(0.2, 0.02, 0, 0.02, 0.3, -0.01, 0, -0.01, 0.05),
};
const Q = Float64Array.of(1e-4, 2e-5, 0, 2e-5, 4e-4, 0, 0, 0, 1e-5);
const R = Float64Array.of(0.01, 0.002, 0.002, 0.04);
const rootQ = cholesky(Q, 3);
const rootR = cholesky(R, 2);

function rule({ points }: Golden, n: number): SigmaPoints {
  if (points.kind === 'cubature') return cubatureSigmaPoints(n);
  if (points.kind === 'julier') return julierSigmaPoints(n, points.kappa);
  return scaledSigmaPoints(n, points);
}

const measurement = (z: number[] | null, m = 2) =>
  z === null ? new Float64Array(m).fill(Number.NaN) : Float64Array.from(z);

function compare(actual: Gaussian, expected: Belief, tolerance: number, where: string) {
  expect(relativeDifference(actual.x, expected.x), `${where} x`).toBeLessThan(tolerance);
  expect(relativeDifference(actual.P, expected.P), `${where} P`).toBeLessThan(tolerance);
}

function compareInnovation(
  innovation: Innovation,
  step: Golden['steps'][number],
  tolerance: number,
  where: string,
) {
  if (step.y === undefined) return;
  for (const [i, y] of step.y.entries()) {
    expect(Math.abs(innovation.y[i]! - y), `${where} y`).toBeLessThan(tolerance);
  }
  if (step.logLikelihood === undefined) return;
  expect(
    Math.abs(innovation.logLikelihood - step.logLikelihood),
    `${where} log likelihood`,
  ).toBeLessThan(10 * tolerance * Math.max(1, Math.abs(step.logLikelihood)));
}

const square = (S: Float64Array, n: number) => matMulTransposed(S, S, n, n, n);

describe.each(['scaled-0.5', 'scaled-1', 'scaled-0.6', 'julier'])('%s', (name) => {
  const redrawn = load(`ukf-${name}-redrawn`);
  const tolerance = redrawn.provenance.toleranceRelative;
  const points = rule(redrawn, 3);
  const transition: UkfTransition = { f: pendulum, Q, points };

  test('standard form, and its smoother', () => {
    const workspace = createWorkspace();
    let state = start;
    const filtered: Gaussian[] = [];
    for (const [k, step] of redrawn.steps.entries()) {
      state = ukfPredict(state, transition, workspace);
      compare(state, step.prior, tolerance, `prior ${k}`);
      const z = measurement(step.z);
      const input = { h: measure, R, z, points };
      const { innovation, ...posterior } = ukfUpdate(state, input, workspace);
      state = posterior;
      compare(state, step, tolerance, `step ${k}`);
      compareInnovation(innovation, step, tolerance, `step ${k}`);
      filtered.push(state);
    }
    const steps = filtered.slice(0, -1).map((f) => unscentedSmootherStep(f, transition, workspace));
    for (const [k, smoothed] of rtsSmoother(filtered, steps).entries()) {
      compare(smoothed, redrawn.smoothed![k]!, tolerance, `smoothed ${k}`);
    }
  });

  test('standard form, points not redrawn', () => {
    let state = start;
    for (const [k, step] of load(`ukf-${name}-propagated`).steps.entries()) {
      const prediction = ukfPredictDetailed(state, transition);
      const z = measurement(step.z);
      const { propagated } = prediction;
      const updated = ukfUpdate(prediction, { h: measure, R, z, points, propagated });
      compare(updated, step, tolerance, `step ${k}`);
      compareInnovation(updated.innovation, step, tolerance, `step ${k}`);
      state = updated;
    }
  });

  test('square-root form', () => {
    let state = { x: start.x, S: cholesky(start.P, 3) };
    for (const [k, step] of redrawn.steps.entries()) {
      state = srUkfPredict(state, { f: pendulum, rootQ, points });
      const z = measurement(step.z);
      const { innovation, ...posterior } = srUkfUpdate(state, { h: measure, rootR, z, points });
      state = posterior;
      compare({ x: state.x, P: square(state.S, 3) }, step, tolerance, `step ${k}`);
      compareInnovation(innovation, step, tolerance, `step ${k}`);
    }
  });
});

test('cubature points, measured without redrawing', () => {
  const golden = load('ckf');
  const points = rule(golden, 3);
  let state = start;
  for (const [k, step] of golden.steps.entries()) {
    const prediction = ukfPredictDetailed(state, { f: pendulum, Q, points });
    compare(prediction, step.prior, 1e-12, `prior ${k}`);
    state = ukfUpdate(prediction, {
      h: measure,
      R,
      z: measurement(step.z),
      points,
      propagated: prediction.propagated,
    });
    compare(state, step, 1e-12, `step ${k}`);
  }
});

test('angles: injected mean and residual', () => {
  const golden = load('ukf-angles');
  const points = rule(golden, 2);
  const measurementSpace = angularSpace(2, [0]);
  let state: Gaussian = { x: Float64Array.of(3, 0.4), P: Float64Array.of(0.05, 0, 0, 0.01) };
  let square = { x: state.x, S: cholesky(state.P, 2) };
  const f: VectorFunction = (x, out) => {
    out[0] = x[0]! + x[1]!;
    out[1] = x[1]!;
  };
  const h: VectorFunction = (x, out) => {
    out[0] = wrapAngle(x[0]!);
    out[1] = x[1]! ** 2;
  };
  const noise = { Q: Float64Array.of(1e-3, 0, 0, 1e-4), R: Float64Array.of(0.02, 0, 0, 0.05) };
  for (const [k, step] of golden.steps.entries()) {
    const z = measurement(step.z);
    state = ukfPredict(state, { f, Q: noise.Q, points });
    const updated = ukfUpdate(state, { h, R: noise.R, z, points, measurementSpace });
    compareInnovation(updated.innovation, step, 1e-12, `step ${k}`);
    state = updated;
    compare(state, step, 1e-12, `step ${k}`);
    square = srUkfPredict(square, { f, rootQ: cholesky(noise.Q, 2), points });
    square = srUkfUpdate(square, { h, rootR: cholesky(noise.R, 2), z, points, measurementSpace });
    expect(relativeDifference(square.x, step.x)).toBeLessThan(1e-12);
  }
});

test('Kalman filter and its square-root form', () => {
  const golden = load('kf');
  const F = Float64Array.from(golden.F!);
  const H = Float64Array.from(golden.H!);
  let state = start;
  let root = { x: start.x, S: cholesky(start.P, 3) };
  const filtered: Gaussian[] = [];
  for (const [k, step] of golden.steps.entries()) {
    const z = measurement(step.z);
    state = kfPredict(state, { F, Q });
    compare(state, step.prior, 1e-12, `prior ${k}`);
    const { innovation, ...posterior } = kfUpdate(state, { H, R, z });
    state = posterior;
    compare(state, step, 1e-12, `step ${k}`);
    compareInnovation(innovation, step, 1e-12, `step ${k}`);
    filtered.push(state);
    root = srKfUpdate(srKfPredict(root, { F, rootQ }), { H, rootR, z });
    compare({ x: root.x, P: square(root.S, 3) }, step, 1e-12, `square root ${k}`);
  }
  const steps = filtered.slice(0, -1).map((f) => linearSmootherStep(f, { F, Q }));
  for (const [k, smoothed] of rtsSmoother(filtered, steps).entries()) {
    compare(smoothed, golden.smoothed![k]!, 1e-11, `smoothed ${k}`);
  }
});
