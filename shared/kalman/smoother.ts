import { TwinError } from '../core/index.js';
import { requireCovariance, requireSemidefinite, requireShape } from './checks.js';
import { cholesky } from './cholesky.js';
import { checkGaussian } from './kalman-filter.js';
import { matMul, matMulTransposed, matVec, sandwich, transpose } from './matrix.js';
import type { Space } from './space.js';
import { choleskySolve } from './triangular.js';
import type { Gaussian } from './types.js';
import { type UkfTransition, ukfPredictDetailed } from './unscented-kalman-filter.js';
import type { Workspace } from './workspace.js';

/** The step from one filtered belief to the prediction of the next. */
export interface SmootherStep {
  /** Prediction made from the filtered belief of this index, for the next one. */
  readonly predicted: Gaussian;
  /** Cov(x of this index, x of the next), n × n: P Fᵀ for a linear transition. */
  readonly crossCovariance: Float64Array;
}

/**
 * Rauch–Tung–Striebel smoother: every belief given all the measurements.
 *
 * @param filtered N beliefs after their updates
 * @param steps N − 1 transitions between them
 * @returns N beliefs; the last is the last filtered one
 * @throws TwinError `VALUE_INVALID` for counts that don't fit, `NUMERIC` when a predicted covariance
 * is not positive definite
 * @see Rauch, Tung & Striebel 1965; Särkkä 2013, section 8.2 and algorithm 9.3
 */
export function rtsSmoother(
  filtered: readonly Gaussian[],
  steps: readonly SmootherStep[],
  stateSpace?: Space,
): Gaussian[] {
  if (filtered.length > 0 && steps.length !== filtered.length - 1) {
    throw new TwinError(
      'VALUE_INVALID',
      `The smoother got ${steps.length} steps for ${filtered.length} beliefs, expected ${filtered.length - 1}: one between each two.`,
    );
  }
  const smoothed = filtered.slice();
  for (let k = filtered.length - 2; k >= 0; k--) {
    smoothed[k] = smoothOne(filtered[k]!, steps[k]!, smoothed[k + 1]!, stateSpace);
  }
  return smoothed;
}

function smoothOne(
  filtered: Gaussian,
  step: SmootherStep,
  next: Gaussian,
  space: Space | undefined,
): Gaussian {
  const n = checkGaussian(filtered.x, filtered.P, 'P');
  const { predicted, crossCovariance: C } = step;
  requireShape(C, n, n, 'crossCovariance');
  requireShape(predicted.P, n, n, 'The predicted covariance');
  requireCovariance(predicted.P, n, 'The predicted covariance');
  const L = cholesky(predicted.P, n, undefined, 'The predicted covariance');
  // Gᵀ = Pp⁻¹ Cᵀ.
  const GT = transpose(C, n, n);
  const G = transpose(choleskySolve(L, GT, n, n, GT), n, n);
  const dx = new Float64Array(n);
  if (space?.residual !== undefined) space.residual(next.x, predicted.x, dx);
  else for (let i = 0; i < n; i++) dx[i] = next.x[i]! - predicted.x[i]!;
  const correction = matVec(G, dx, n, n);
  const x = new Float64Array(n);
  if (space?.add !== undefined) space.add(filtered.x, correction, x);
  else for (let i = 0; i < n; i++) x[i] = filtered.x[i]! + correction[i]!;
  const dP = next.P.map((v, i) => v - predicted.P[i]!);
  const P = sandwich(G, dP, n, n);
  for (let i = 0; i < P.length; i++) P[i]! += filtered.P[i]!;
  return { x, P };
}

/** The smoother's step for a linear transition. */
export function linearSmootherStep(
  filtered: Gaussian,
  input: { F: Float64Array; Q: Float64Array; u?: Float64Array },
): SmootherStep {
  const n = checkGaussian(filtered.x, filtered.P, 'P');
  requireShape(input.F, n, n, 'F');
  requireShape(input.Q, n, n, 'Q');
  requireCovariance(input.Q, n, 'Q');
  const scratch = new Float64Array(n * n);
  requireSemidefinite(filtered.P, n, 'P', scratch);
  requireSemidefinite(input.Q, n, 'Q', scratch);
  const crossCovariance = matMulTransposed(filtered.P, input.F, n, n, n);
  const P = matMul(input.F, crossCovariance, n, n, n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      const value =
        0.5 * (P[i * n + j]! + P[j * n + i]! + input.Q[i * n + j]! + input.Q[j * n + i]!);
      P[i * n + j] = value;
      P[j * n + i] = value;
    }
  }
  const x = matVec(input.F, filtered.x, n, n);
  if (input.u !== undefined) for (let i = 0; i < n; i++) x[i]! += input.u[i]!;
  return { predicted: { x, P }, crossCovariance };
}

/** The smoother's step for a nonlinear transition, by sigma points of the filtered belief. */
export function unscentedSmootherStep(
  filtered: Gaussian,
  input: UkfTransition,
  workspace?: Workspace,
): SmootherStep {
  const { x, P, crossCovariance } = ukfPredictDetailed(filtered, input, workspace);
  return { predicted: { x, P }, crossCovariance };
}
