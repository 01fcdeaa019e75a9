import {
  requireCovariance,
  requireDimension,
  requireFinite,
  requireSemidefinite,
  requireShape,
} from './checks.js';
import { checkMeasurement } from './innovation.js';
import {
  matMul,
  matMulTransposed,
  matTransposedMul,
  matVec,
  sandwich,
  transpose,
} from './matrix.js';
import { triangularize, triangularizeOnto } from './qr.js';
import type { Gaussian, Innovation, SquareRootGaussian } from './types.js';
import { type Conditioning, conditionGaussian, conditionSquareRootGaussian } from './update.js';
import { createWorkspace, type Workspace } from './workspace.js';

/** A linear transition x⁺ = F x + u + w. */
export interface LinearTransition {
  /** n × n. */
  F: Float64Array;
  /** What inputs add (B u), n; zero when left out. */
  u?: Float64Array;
}

/** A linear measurement z = H x + v. */
export interface LinearMeasurement extends Conditioning {
  /** m × n. */
  H: Float64Array;
}

/**
 * Kalman filter, prediction: x = F x + u, P = F P Fᵀ + Q.
 *
 * @param input `Q` is n × n
 */
export function kfPredict(
  state: Gaussian,
  input: LinearTransition & { Q: Float64Array },
  workspace: Workspace = createWorkspace(),
): Gaussian {
  const n = checkGaussian(state.x, state.P, 'P');
  requireShape(input.Q, n, n, 'Q');
  requireCovariance(input.Q, n, 'Q');
  requireSemidefinite(state.P, n, 'P', workspace.array('definite', n * n));
  requireSemidefinite(input.Q, n, 'Q', workspace.array('definite', n * n));
  const P = new Float64Array(n * n);
  sandwich(input.F, state.P, n, n, P, workspace.array('FP', n * n));
  for (let i = 0; i < P.length; i++) P[i]! += input.Q[i]!;
  return { x: transition(state.x, input, n), P };
}

/**
 * Kalman filter, measurement update. NaN in `z` marks a missing channel.
 *
 * @param input `R` is m × m
 * @throws TwinError `NUMERIC` when the innovation covariance is not positive definite
 */
export function kfUpdate(
  state: Gaussian,
  input: LinearMeasurement & { R: Float64Array },
  workspace: Workspace = createWorkspace(),
): Gaussian & { innovation: Innovation } {
  const n = checkGaussian(state.x, state.P, 'P');
  const m = checkLinearMeasurement(input, n);
  requireShape(input.R, m, m, 'R');
  requireCovariance(input.R, m, 'R');
  requireSemidefinite(state.P, n, 'P', workspace.array('definite', n * n));
  requireSemidefinite(input.R, m, 'R', workspace.array('definiteR', m * m));
  const Pxz = matMulTransposed(state.P, input.H, n, n, m, workspace.array('Pxz', n * m));
  const S = matMul(input.H, Pxz, m, n, m, workspace.array('S', m * m));
  for (let i = 0; i < m; i++) {
    for (let j = 0; j <= i; j++) {
      const value =
        0.5 * (S[i * m + j]! + S[j * m + i]! + input.R[i * m + j]! + input.R[j * m + i]!);
      S[i * m + j] = value;
      S[j * m + i] = value;
    }
  }
  const zHat = matVec(input.H, state.x, m, n, workspace.array('zHat', m));
  return conditionGaussian(state, zHat, S, Pxz, input, workspace);
}

/**
 * Square-root Kalman filter, prediction: S⁺ from the triangularisation of [Sᵀ Fᵀ; Q^½ᵀ].
 *
 * @param input `rootQ` is n × n lower triangular with rootQ rootQᵀ = Q; it may be singular
 */
export function srKfPredict(
  state: SquareRootGaussian,
  input: LinearTransition & { rootQ: Float64Array },
  workspace: Workspace = createWorkspace(),
): SquareRootGaussian {
  const n = checkGaussian(state.x, state.S, 'S');
  requireShape(input.rootQ, n, n, 'rootQ');
  requireFinite(input.rootQ, 'rootQ');
  const root = transpose(input.rootQ, n, n, workspace.array('rootQT', n * n));
  const FS = matMul(input.F, state.S, n, n, n, workspace.array('FP', n * n));
  const rows = transpose(FS, n, n, workspace.array('FST', n * n));
  triangularizeOnto(root, rows, n, n, workspace.array('qr', n));
  return { x: transition(state.x, input, n), S: transpose(root, n, n) };
}

/**
 * Square-root Kalman filter, measurement update by one orthogonal transformation.
 *
 * @param input `rootR` is m × m lower triangular with rootR rootRᵀ = R
 * @throws TwinError `NUMERIC` when the innovation covariance is singular
 */
export function srKfUpdate(
  state: SquareRootGaussian,
  input: LinearMeasurement & { rootR: Float64Array },
  workspace: Workspace = createWorkspace(),
): SquareRootGaussian & { innovation: Innovation } {
  const n = checkGaussian(state.x, state.S, 'S');
  const m = checkLinearMeasurement(input, n);
  const rootNoise = upperRoot(input.rootR, m, workspace);
  const HT = transpose(input.H, m, n, workspace.array('HT', m * n));
  const B = matTransposedMul(state.S, HT, n, n, m, workspace.array('odd', n * m));
  const zHat = matVec(input.H, state.x, m, n, workspace.array('zHat', m));
  return conditionSquareRootGaussian(state, zHat, rootNoise, B, input, workspace);
}

/** The upper triangular transpose of a square root of R, triangularised where it is not yet. */
export function upperRoot(rootR: Float64Array, m: number, workspace: Workspace): Float64Array {
  requireShape(rootR, m, m, 'rootR');
  requireFinite(rootR, 'rootR');
  const out = transpose(rootR, m, m, workspace.array('rootRT', m * m));
  for (let i = 1; i < m; i++) {
    for (let j = 0; j < i; j++) if (out[i * m + j] !== 0) return triangularize(out, m, m);
  }
  return out;
}

/** Checks a belief's shape and finiteness; returns n. */
export function checkGaussian(x: Float64Array, root: Float64Array, name: string): number {
  const n = x.length;
  requireDimension(n, 'The length of x');
  requireFinite(x, 'x');
  requireShape(root, n, n, name);
  if (name === 'P') requireCovariance(root, n, name);
  else requireFinite(root, name);
  return n;
}

function checkLinearMeasurement(input: LinearMeasurement, n: number): number {
  const m = input.z.length;
  requireDimension(m, 'The length of z');
  requireShape(input.H, m, n, 'H');
  requireFinite(input.H, 'H');
  checkMeasurement(input.z, m);
  return m;
}

function transition(x: Float64Array, input: LinearTransition, n: number): Float64Array {
  requireShape(input.F, n, n, 'F');
  requireFinite(input.F, 'F');
  const out = matVec(input.F, x, n, n);
  if (input.u !== undefined) {
    requireShape(input.u, n, 1, 'u');
    requireFinite(input.u, 'u');
    for (let i = 0; i < n; i++) out[i]! += input.u[i]!;
  }
  return out;
}
