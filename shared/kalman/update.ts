import { TwinError } from '../core/index.js';
import { requireFinite } from './checks.js';
import { cholesky, logDeterminant, solveRightTransposed } from './cholesky.js';
import { conditionSquareRoot } from './condition.js';
import { finishInnovation, selectChannels } from './innovation.js';
import { matTransposedVec, matVec, symmetricRankK } from './matrix.js';
import { triangularize } from './qr.js';
import type { Space } from './space.js';
import { solveLower } from './triangular.js';
import type { Gate, Gaussian, Innovation, SquareRootGaussian } from './types.js';
import type { Workspace } from './workspace.js';

/** How an update treats the measurement. */
export interface Conditioning {
  z: Float64Array;
  gate?: Gate | undefined;
  stateSpace?: Space | undefined;
  measurementSpace?: Space | undefined;
}

/**
 * Conditions x, P on z given the predicted measurement, its covariance and the cross covariance:
 * W = Pxz L⁻ᵀ, x⁺ = x ⊕ W L⁻¹y, P⁺ = P − W Wᵀ. Missing and gated channels are left out of the
 * solve; nothing is changed when no channel is left.
 *
 * @param S m × m, with R in it
 * @param Pxz n × m
 * @throws TwinError `NUMERIC` when S is not positive definite
 */
export function conditionGaussian(
  state: Gaussian,
  zHat: Float64Array,
  S: Float64Array,
  Pxz: Float64Array,
  options: Conditioning,
  workspace: Workspace,
): Gaussian & { innovation: Innovation } {
  const n = state.x.length;
  const m = zHat.length;
  const variance = workspace.array('variance', m);
  for (let i = 0; i < m; i++) variance[i] = S[i * m + i]!;
  const selection = selectChannels(
    options.z,
    zHat,
    variance,
    options.gate,
    options.measurementSpace,
  );
  const { used } = selection;
  const k = used.length;
  if (k === 0) {
    const { innovation } = finishInnovation(selection, new Float64Array(0), 0, options.gate);
    return { x: state.x.slice(), P: state.P.slice(), innovation };
  }
  const L = workspace.array('innovationRoot', k * k);
  const W = workspace.array('gainRoot', n * k);
  if (k === m) {
    cholesky(S, m, L, 'The innovation covariance S');
    solveRightTransposed(L, Pxz, m, n, W);
  } else {
    for (let a = 0; a < k; a++) {
      for (let b = 0; b < k; b++) L[a * k + b] = S[used[a]! * m + used[b]!]!;
    }
    cholesky(L, k, L, 'The innovation covariance S');
    for (let i = 0; i < n; i++) {
      for (let a = 0; a < k; a++) W[i * k + a] = Pxz[i * m + used[a]!]!;
    }
    solveRightTransposed(L, W, k, n, W);
  }
  // A pivot of S is known to rounding of its diagonal entry, its root to the root of that.
  requireRegular(L, used, selection.std, Math.sqrt(4 * Number.EPSILON));
  const whitened = picked(selection.y, used);
  solveLower(L, whitened, k, 1, whitened);
  const { innovation, rejected } = finishInnovation(
    selection,
    whitened,
    logDeterminant(L, k),
    options.gate,
  );
  if (rejected) return { x: state.x.slice(), P: state.P.slice(), innovation };
  const dx = matVec(W, whitened, n, k, workspace.array('dx', n));
  const x = correct(state.x, dx, options.stateSpace);
  const P = symmetricRankK(W, n, k, new Float64Array(n * n), state.P, -1);
  clearNegative(P, n);
  return { x, P, innovation };
}

/**
 * The same in square-root form, by one orthogonal transformation.
 *
 * @param rootNoise m × m upper triangular: the square root of R and of what nonlinearity adds
 * @param B n × m: row i is the measurement's answer to column i of S
 * @throws TwinError `NUMERIC` when the innovation covariance is singular
 */
export function conditionSquareRootGaussian(
  state: SquareRootGaussian,
  zHat: Float64Array,
  rootNoise: Float64Array,
  B: Float64Array,
  options: Conditioning,
  workspace: Workspace,
): SquareRootGaussian & { innovation: Innovation } {
  const n = state.x.length;
  const m = zHat.length;
  const variance = workspace.array('variance', m).fill(0);
  for (let r = 0; r < m; r++) {
    for (let j = r; j < m; j++) variance[j]! += rootNoise[r * m + j]! ** 2;
  }
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < m; j++) variance[j]! += B[i * m + j]! ** 2;
  }
  const selection = selectChannels(
    options.z,
    zHat,
    variance,
    options.gate,
    options.measurementSpace,
  );
  const { used } = selection;
  const k = used.length;
  if (k === 0) {
    const { innovation } = finishInnovation(selection, new Float64Array(0), 0, options.gate);
    return { x: state.x.slice(), S: state.S.slice(), innovation };
  }
  const root = workspace.array('innovationRootT', m * k);
  const odd = workspace.array('oddUsed', n * k);
  pickColumns(rootNoise, m, m, used, root);
  pickColumns(B, n, m, used, odd);
  if (k < m) triangularize(root, m, k);
  const rootR = k < m ? root.subarray(0, k * k) : root;

  const rootP = workspace.array('rootP', n * n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) rootP[i * n + j] = j < i ? 0 : state.S[j * n + i]!;
  }
  const Wt = workspace.array('gainRootT', k * n);
  conditionSquareRoot(rootR, odd, rootP, Wt, n, k);

  const Sz = workspace.array('innovationRoot', k * k);
  for (let i = 0; i < k; i++) {
    for (let j = 0; j < k; j++) Sz[i * k + j] = j > i ? 0 : rootR[j * k + i]!;
  }
  requireRegular(Sz, used, selection.std, 8 * Number.EPSILON);
  const whitened = picked(selection.y, used);
  solveLower(Sz, whitened, k, 1, whitened);
  const { innovation, rejected } = finishInnovation(
    selection,
    whitened,
    logDeterminant(Sz, k),
    options.gate,
  );
  if (rejected) return { x: state.x.slice(), S: state.S.slice(), innovation };
  const dx = matTransposedVec(Wt, whitened, k, n, workspace.array('dx', n));
  const x = correct(state.x, dx, options.stateSpace);
  const S = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) S[i * n + j] = rootP[j * n + i]!;
  }
  return { x, S, innovation };
}

/**
 * A direction that a measurement without noise has fixed keeps no variance; what rounding leaves of
 * it below zero is none.
 */
function clearNegative(P: Float64Array, n: number): void {
  for (let i = 0; i < n; i++) {
    if (P[i * n + i]! >= 0) continue;
    for (let j = 0; j < n; j++) {
      P[i * n + j] = 0;
      P[j * n + i] = 0;
    }
  }
}

/** Refuses an innovation covariance of which a pivot is nothing but rounding. */
function requireRegular(
  L: Float64Array,
  used: readonly number[],
  std: Float64Array,
  tolerance: number,
): void {
  const k = used.length;
  for (let j = 0; j < k; j++) {
    const channel = used[j]!;
    const pivot = Math.abs(L[j * k + j]!);
    if (!(pivot > tolerance * std[channel]! && pivot < Number.POSITIVE_INFINITY)) {
      throw new TwinError(
        'NUMERIC',
        `The innovation covariance S is not positive definite: given the channels before it, z[${channel}] has a standard deviation of ${pivot} beside ${std[channel]} alone, which is zero to rounding. Give it measurement noise, or leave out a channel that repeats others.`,
      );
    }
  }
}

function pickColumns(
  a: Float64Array,
  rows: number,
  cols: number,
  used: readonly number[],
  out: Float64Array,
): void {
  const k = used.length;
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < k; c++) out[r * k + c] = a[r * cols + used[c]!]!;
  }
}

function picked(values: Float64Array, used: readonly number[]): Float64Array {
  const out = new Float64Array(used.length);
  for (let i = 0; i < out.length; i++) out[i] = values[used[i]!]!;
  return out;
}

function correct(x: Float64Array, dx: Float64Array, space: Space | undefined): Float64Array {
  requireFinite(dx, 'The correction of x');
  const out = new Float64Array(x.length);
  if (space?.add !== undefined) space.add(x, dx, out);
  else for (let i = 0; i < x.length; i++) out[i] = x[i]! + dx[i]!;
  return out;
}
