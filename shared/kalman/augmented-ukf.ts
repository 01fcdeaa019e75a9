import { requireCovariance, requireDimension, requireFinite, requireLength } from './checks.js';
import { cholesky } from './cholesky.js';
import { checkMeasurement } from './innovation.js';
import { checkGaussian } from './kalman-filter.js';
import {
  deviations,
  propagate,
  weightedCovariance,
  weightedCrossCovariance,
  weightedMean,
} from './moments.js';
import { drawSigmaPoints, type SigmaPoints } from './sigma-points.js';
import type { Space } from './space.js';
import { semidefiniteSquareRoot } from './square-root.js';
import type { Gaussian, Innovation, NoisyVectorFunction } from './types.js';
import { requireRule } from './unscented-kalman-filter.js';
import { type Conditioning, conditionGaussian } from './update.js';
import { createWorkspace, type Workspace } from './workspace.js';

/** A transition whose noise enters f itself: x⁺ = f(x, w), w ~ N(0, Q). */
export interface AugmentedTransition {
  f: NoisyVectorFunction;
  /** q × q, positive semidefinite. */
  Q: Float64Array;
  stateSpace?: Space;
}

/** A measurement whose noise enters h itself: z = h(x, v), v ~ N(0, R). */
export interface AugmentedMeasurement extends Conditioning {
  h: NoisyVectorFunction;
  /** r × r, positive semidefinite; r may differ from m. */
  R: Float64Array;
}

/**
 * Prediction with the state augmented by the process noise, for noise that is not additive.
 *
 * @param input `points` for n + q
 * @see Särkkä 2013, Bayesian Filtering and Smoothing, algorithm 5.15 (augmented form)
 */
export function augmentedUkfPredict(
  state: Gaussian,
  input: AugmentedTransition & { points: SigmaPoints },
  workspace: Workspace = createWorkspace(),
): Gaussian {
  const n = checkGaussian(state.x, state.P, 'P');
  const { points: rule, stateSpace } = input;
  const { after } = drawAndMove(state, n, [input.Q], input, rule, workspace);
  const x = new Float64Array(n);
  weightedMean(after, rule.Wm, n, x, stateSpace);
  deviations(after, x, n, stateSpace);
  const P = new Float64Array(n * n);
  return { x, P: weightedCovariance(rule, after.data, n, undefined, P, workspace) };
}

/**
 * Measurement update with the state augmented by the measurement noise.
 *
 * @param input `points` for n + r
 */
export function augmentedUkfUpdate(
  state: Gaussian,
  input: AugmentedMeasurement & { points: SigmaPoints },
  workspace: Workspace = createWorkspace(),
): Gaussian & { innovation: Innovation } {
  const n = checkGaussian(state.x, state.P, 'P');
  const { points: rule } = input;
  const stay: NoisyVectorFunction = (x, _w, out) => out.set(x);
  const move = { f: stay, stateSpace: input.stateSpace };
  const drawn = drawAndMove(state, n, [new Float64Array(0), input.R], move, rule, workspace);
  return measure(state, n, 0, drawn, input, rule, workspace);
}

/**
 * Prediction and update on one set of points of [x; w; v], not redrawn in between: what f does to
 * the distribution beyond its covariance reaches h, and Q is in the points.
 *
 * @param input `points` for n + q + r
 * @see Wan & van der Merwe 2000, table 1
 */
export function augmentedUkfStep(
  state: Gaussian,
  input: AugmentedTransition &
    AugmentedMeasurement & { points: SigmaPoints; stateSpace?: Space | undefined },
  workspace: Workspace = createWorkspace(),
): { predicted: Gaussian; updated: Gaussian; innovation: Innovation } {
  const n = checkGaussian(state.x, state.P, 'P');
  const { points: rule, stateSpace } = input;
  const drawn = drawAndMove(state, n, [input.Q, input.R], input, rule, workspace);
  const { after } = drawn;
  const x = new Float64Array(n);
  weightedMean(after, rule.Wm, n, x, stateSpace);
  const d = workspace.rows('deviations', rule.count, n);
  d.data.set(after.data);
  deviations(d, x, n, stateSpace);
  const P = weightedCovariance(rule, d.data, n, undefined, new Float64Array(n * n), workspace);
  const q = dimensionOf(input.Q, 'Q');
  const predicted = { x, P };
  const { innovation, ...updated } = measure(predicted, n, q, drawn, input, rule, workspace);
  return { predicted, updated, innovation };
}

type Drawn = ReturnType<typeof drawAndMove>;

/** Points of the block-diagonal Gaussian [x; noises…], and what the transition makes of them. */
function drawAndMove(
  state: Gaussian,
  n: number,
  noises: readonly Float64Array[],
  move: { f: NoisyVectorFunction; stateSpace?: Space | undefined },
  rule: SigmaPoints,
  workspace: Workspace,
) {
  const sizes = noises.map((noise, i) => dimensionOf(noise, i === 0 ? 'Q' : 'R'));
  const total = sizes.reduce((sum, size) => sum + size, n);
  requireRule(rule, total);
  const root = workspace.array('augmentedRoot', total * total).fill(0);
  const L = cholesky(state.P, n, workspace.array('L', n * n), 'The covariance P');
  let at = 0;
  for (const block of [L, ...noises.map((noise, i) => semidefiniteSquareRoot(noise, sizes[i]!))]) {
    const size = Math.sqrt(block.length);
    for (let i = 0; i < size; i++) {
      root.set(block.subarray(i * size, (i + 1) * size), (at + i) * total + at);
    }
    at += size;
  }
  const mean = workspace.array('augmentedMean', total).fill(0);
  mean.set(state.x);
  const points = workspace.rows('augmentedPoints', rule.count, total);
  drawSigmaPoints(rule, mean, root, points, liftSpace(move.stateSpace, n));
  const after = workspace.rows('propagated', rule.count, n);
  const q = sizes[0] ?? 0;
  propagate(
    (point, out) => move.f(point.subarray(0, n), point.subarray(n, n + q), out),
    points,
    after,
    'f of the sigma points',
  );
  return { points, after };
}

/** Measures moved points and conditions the prediction on z. */
function measure(
  predicted: Gaussian,
  n: number,
  q: number,
  drawn: Drawn,
  input: AugmentedMeasurement,
  rule: SigmaPoints,
  workspace: Workspace,
) {
  const { z, stateSpace, measurementSpace } = input;
  const m = z.length;
  requireDimension(m, 'The length of z');
  checkMeasurement(z, m);
  const measured = workspace.rows('measured', rule.count, m);
  for (const [k, point] of drawn.points.rows.entries()) {
    input.h(drawn.after.rows[k]!, point.subarray(n + q), measured.rows[k]!);
  }
  requireFinite(measured.data, 'h of the sigma points');
  const zHat = workspace.array('zHat', m);
  weightedMean(measured, rule.Wm, m, zHat, measurementSpace);
  deviations(measured, zHat, m, measurementSpace);
  const S = workspace.array('S', m * m);
  weightedCovariance(rule, measured.data, m, undefined, S, workspace);
  deviations(drawn.after, predicted.x, n, stateSpace);
  const Pxz = workspace.array('Pxz', n * m);
  weightedCrossCovariance(rule.Wc, drawn.after.data, n, measured.data, m, Pxz);
  return conditionGaussian(predicted, zHat, S, Pxz, input, workspace);
}

function dimensionOf(covariance: Float64Array, what: string): number {
  const size = Math.round(Math.sqrt(covariance.length));
  requireLength(covariance, size * size, what, 'a square matrix');
  requireCovariance(covariance, size, what);
  return size;
}

/** A state's space on augmented vectors: noises add plainly. */
function liftSpace(space: Space | undefined, n: number): Space | undefined {
  const add = space?.add?.bind(space);
  if (add === undefined) return undefined;
  return {
    add(x, dx, out) {
      for (let i = n; i < x.length; i++) out[i] = x[i]! + dx[i]!;
      add(x.subarray(0, n), dx.subarray(0, n), out.subarray(0, n));
    },
  };
}
