import { TwinError } from '../core/index.js';
import {
  requireCovariance,
  requireDimension,
  requireFinite,
  requireSemidefinite,
  requireShape,
} from './checks.js';
import { cholesky } from './cholesky.js';
import { checkMeasurement } from './innovation.js';
import { checkGaussian } from './kalman-filter.js';
import { matMul } from './matrix.js';
import {
  deviations,
  oddPart,
  propagate,
  weightedCovariance,
  weightedCrossCovariance,
  weightedMean,
} from './moments.js';
import { drawSigmaPoints, type SigmaPoints } from './sigma-points.js';
import type { Space } from './space.js';
import type { Gaussian, Innovation, VectorFunction } from './types.js';
import { type Conditioning, conditionGaussian } from './update.js';
import { createWorkspace, type Workspace } from './workspace.js';

/** A nonlinear transition x⁺ = f(x) + w with additive noise. */
export interface UkfTransition {
  f: VectorFunction;
  /** n × n. */
  Q: Float64Array;
  points: SigmaPoints;
  stateSpace?: Space;
}

/** A nonlinear measurement z = h(x) + v with additive noise. */
export interface UkfMeasurement extends Conditioning {
  h: VectorFunction;
  /** m × m. */
  R: Float64Array;
  points: SigmaPoints;
  /**
   * Propagated points of the prediction (count × n) to measure instead of redrawn ones: spares a
   * Cholesky factorisation and keeps the skew of f, but the points don't know of Q.
   */
  propagated?: Float64Array;
}

/** A prediction with what a smoother or an update without redrawing needs. */
export interface UkfPrediction extends Gaussian {
  /** Sigma points after f, count × n. */
  readonly propagated: Float64Array;
  /** Cov(x before, x after), n × n. */
  readonly crossCovariance: Float64Array;
}

/**
 * Unscented Kalman filter, prediction.
 *
 * @throws TwinError `NUMERIC` when P is not positive definite or f returns NaN or infinity
 * @see Wan & van der Merwe 2000; Julier & Uhlmann 1997
 */
export function ukfPredict(
  state: Gaussian,
  input: UkfTransition,
  workspace: Workspace = createWorkspace(),
): Gaussian {
  const { x, P } = predictMoments(state, input, workspace);
  return { x, P };
}

/** The same prediction, with the propagated points and the cross covariance kept. */
export function ukfPredictDetailed(
  state: Gaussian,
  input: UkfTransition,
  workspace: Workspace = createWorkspace(),
): UkfPrediction {
  const { points: rule } = input;
  const n = state.x.length;
  const f: VectorFunction = (from, to) => input.f(from, to);
  const propagated = new Float64Array(rule.count * n);
  let k = 0;
  const keeping: VectorFunction = (from, to) => {
    f(from, to);
    propagated.set(to, n * k++);
  };
  const { x, P, L, d } = predictMoments(state, { ...input, f: keeping }, workspace);
  const odd = workspace.array('oddX', n * n);
  oddPart(rule, d, n, odd);
  return { x, P, propagated, crossCovariance: matMul(L, odd, n, n, n) };
}

function predictMoments(state: Gaussian, input: UkfTransition, workspace: Workspace) {
  const { points: rule, stateSpace } = input;
  const n = checkGaussian(state.x, state.P, 'P');
  requireRule(rule, n);
  requireShape(input.Q, n, n, 'Q');
  requireCovariance(input.Q, n, 'Q');
  requireSemidefinite(input.Q, n, 'Q', workspace.array('definite', n * n));
  const L = cholesky(state.P, n, workspace.array('L', n * n), 'The covariance P');
  const before = workspace.rows('points', rule.count, n);
  drawSigmaPoints(rule, state.x, L, before, stateSpace, workspace.array('step', n));
  const after = workspace.rows('propagated', rule.count, n);
  propagate(input.f, before, after, 'f of the sigma points');
  const x = new Float64Array(n);
  weightedMean(after, rule.Wm, n, x, stateSpace);
  deviations(after, x, n, stateSpace);
  const P = new Float64Array(n * n);
  weightedCovariance(rule, after.data, n, input.Q, P, workspace);
  return { x, P, L, d: after.data };
}

/**
 * Unscented Kalman filter, measurement update. Sigma points are redrawn from the prediction unless
 * `propagated` is given. NaN in `z` marks a missing channel.
 *
 * @throws TwinError `NUMERIC` when P or S is not positive definite or h returns NaN or infinity
 */
export function ukfUpdate(
  state: Gaussian,
  input: UkfMeasurement,
  workspace: Workspace = createWorkspace(),
): Gaussian & { innovation: Innovation } {
  const { points: rule, z, R, stateSpace, measurementSpace } = input;
  const n = checkGaussian(state.x, state.P, 'P');
  const m = z.length;
  requireRule(rule, n);
  requireDimension(m, 'The length of z');
  checkMeasurement(z, m);
  requireShape(R, m, m, 'R');
  requireCovariance(R, m, 'R');
  requireSemidefinite(R, m, 'R', workspace.array('definiteR', m * m));

  const points = workspace.rows('points', rule.count, n);
  const measured = workspace.rows('measured', rule.count, m);
  const zHat = workspace.array('zHat', m);
  const S = workspace.array('S', m * m);
  const Pxz = workspace.array('Pxz', n * m);
  const L = workspace.array('L', n * n);
  if (input.propagated === undefined) {
    cholesky(state.P, n, L, 'The covariance P');
    drawSigmaPoints(rule, state.x, L, points, stateSpace, workspace.array('step', n));
  } else {
    requireShape(input.propagated, rule.count, n, 'propagated');
    requireFinite(input.propagated, 'propagated');
    requireSemidefinite(state.P, n, 'P', workspace.array('definite', n * n));
    points.data.set(input.propagated);
  }
  propagate(input.h, points, measured, 'h of the sigma points');
  weightedMean(measured, rule.Wm, m, zHat, measurementSpace);
  deviations(measured, zHat, m, measurementSpace);
  weightedCovariance(rule, measured.data, m, R, S, workspace);
  if (input.propagated === undefined) {
    const odd = workspace.array('odd', n * m);
    oddPart(rule, measured.data, m, odd);
    matMul(L, odd, n, n, m, Pxz);
  } else {
    deviations(points, state.x, n, stateSpace);
    weightedCrossCovariance(rule.Wc, points.data, n, measured.data, m, Pxz);
  }
  return conditionGaussian(state, zHat, S, Pxz, input, workspace);
}

/** Refuses sigma points that were made for another dimension. */
export function requireRule(rule: SigmaPoints, n: number): void {
  if (rule.n !== n) {
    throw new TwinError(
      'VALUE_INVALID',
      `The sigma points are for n = ${rule.n}, expected ${n}, the length of x. Make them with that n.`,
    );
  }
}
