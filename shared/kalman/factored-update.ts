import { logDeterminant } from './cholesky.js';
import { conditionSquareRoot } from './condition.js';
import { matVec, transpose } from './matrix.js';
import { squareRootOfStack } from './qr.js';
import { invertLower, solveLower, solveLowerTransposed } from './triangular.js';
import type { SquareRootGaussian } from './types.js';
import { createWorkspace } from './workspace.js';

const LOG_2PI = Math.log(2 * Math.PI);
/** Parts of a mixture below this weight change no digit. */
const LEAST_WEIGHT = 1e-18;

/** What an update says about the data. */
export interface FactoredUpdate extends SquareRootGaussian {
  /** Innovations of the channels, m. */
  innovation: Float64Array;
  /** Each channel's innovation against what all others predict, in standard deviations. */
  z: Float64Array;
  /** Of each channel's innovation when all others are known: the inverse of its variance. */
  precision: Float64Array;
  /** Each innovation against its own predicted deviation. */
  own: Float64Array;
  nis: number;
  logLikelihood: number;
}

/** The two roots that an update leads to: of the innovation covariance, and of the posterior. */
interface Conditioned {
  /** m × m lower triangular. */
  Sz: Float64Array;
  /** N × m: Pxz Sz⁻ᵀ. */
  W: Float64Array;
  /** N × N lower triangular. */
  S: Float64Array;
}

function isLowerTriangular(S: Float64Array, n: number): boolean {
  if (S.length !== n * n) return false;
  for (let i = 0; i < n; i++) for (let j = i + 1; j < n; j++) if (S[i * n + j] !== 0) return false;
  return true;
}

/** Between the calls of one update, which nothing interrupts. */
const scratch = createWorkspace();

/** Of a triangular factor, which stays one: the kernel of the square-root filters. */
function conditionTriangular(
  S: Float64Array,
  hs: Float64Array,
  rootNoise: Float64Array,
  n: number,
  m: number,
): Conditioned {
  const rootR = transpose(rootNoise, m, m, scratch.array('rootR', m * m));
  const rootP = transpose(S, n, n, scratch.array('rootP', n * n));
  const B = transpose(hs, m, n, scratch.array('B', m * n));
  const Wt = scratch.array('Wt', m * n);
  conditionSquareRoot(rootR, B, rootP, Wt, n, m);
  return { Sz: transpose(rootR, m, m), W: transpose(Wt, m, n), S: transpose(rootP, n, n) };
}

/** Of a factor of any shape: one triangularisation of noise and factor together. */
function conditionAny(
  factor: Float64Array,
  hs: Float64Array,
  rootNoise: Float64Array,
  n: number,
  m: number,
): Conditioned {
  const K = factor.length / n;
  const w = m + n;
  const stack = new Float64Array((m + K) * w);
  for (let k = 0; k < m; k++) {
    for (let i = k; i < m; i++) stack[k * w + i] = rootNoise[i * m + k]!;
  }
  for (let k = 0; k < K; k++) {
    const row = (m + k) * w;
    for (let i = 0; i < m; i++) stack[row + i] = hs[i * K + k]!;
    for (let i = 0; i < n; i++) stack[row + m + i] = factor[i * K + k]!;
  }
  const joint = squareRootOfStack(stack, m + K, w);
  const Sz = new Float64Array(m * m);
  const W = new Float64Array(n * m);
  const S = new Float64Array(n * n);
  for (let i = 0; i < m; i++) Sz.set(joint.subarray(i * w, i * w + i + 1), i * m);
  for (let i = 0; i < n; i++) {
    const row = (m + i) * w;
    W.set(joint.subarray(row, row + m), i * m);
    S.set(joint.subarray(row + m, row + m + i + 1), i * n);
  }
  return { Sz, W, S };
}

/**
 * The measurement update of a Gaussian that is given by a factor of any width, with what each
 * channel says beside the others.
 *
 * @param prior N states; `S` is N × K with K ≥ N columns of any shape
 * @param hs m × K: the observation's slope times the prior's factor
 * @param innovation m
 * @param rootNoise m × m lower triangular: the square root of the covariance of the noise and of
 *   what the linearisation misses
 * @see Särkkä, Bayesian Filtering and Smoothing (2013), 5.4; leave-one-out residuals from the
 *   inverse innovation covariance as in Rasmussen & Williams, Gaussian Processes (2006), 5.12
 */
export function updateFactored(
  prior: SquareRootGaussian,
  hs: Float64Array,
  innovation: Float64Array,
  rootNoise: Float64Array,
): FactoredUpdate {
  const m = innovation.length;
  const n = prior.x.length;
  const condition = isLowerTriangular(prior.S, n) ? conditionTriangular : conditionAny;
  const { Sz, W, S } = condition(prior.S, hs, rootNoise, n, m);
  const white = solveLower(Sz, innovation, m);
  const x = matVec(W, white, n, m);
  for (let i = 0; i < n; i++) x[i] = prior.x[i]! + x[i]!;
  return { x, S, ...whatDataSay(innovation, Sz, white) };
}

/**
 * The measurement update that leaves the first variables as they are: their uncertainty is counted,
 * in the innovations and in what it does to the others, but the data do not change them
 * (Schmidt's filter). In Joseph's form P⁺ = (I − KH) P (I − KH)ᵀ + K R Kᵀ, which holds for any gain,
 * the optimal one with the first rows of K set to zero.
 *
 * @param considered how many variables, from the first, are left as they are
 * @see Schmidt, Application of State-Space Methods to Navigation Problems (1966); Jazwinski,
 *   Stochastic Processes and Filtering Theory (1970), 8.4
 */
export function updateConsidering(
  prior: SquareRootGaussian,
  hs: Float64Array,
  innovation: Float64Array,
  rootNoise: Float64Array,
  considered: number,
): FactoredUpdate {
  const m = innovation.length;
  const n = prior.x.length;
  const K = prior.S.length / n;
  const { Sz, W } = conditionAny(prior.S, hs, rootNoise, n, m);
  const x = prior.x.slice();
  const stack = new Float64Array((K + m) * n);
  for (let i = 0; i < n; i++) {
    const row = prior.S.subarray(i * K, (i + 1) * K);
    for (let k = 0; k < K; k++) stack[k * n + i] = row[k]!;
    if (i < considered) continue;
    const gain = solveLowerTransposed(Sz, W.slice(i * m, (i + 1) * m), m);
    for (let c = 0; c < m; c++) {
      const g = gain[c]!;
      x[i]! += g * innovation[c]!;
      for (let k = 0; k < K; k++) stack[k * n + i]! -= g * hs[c * K + k]!;
      for (let r = 0; r <= c; r++) stack[(K + r) * n + i]! += g * rootNoise[c * m + r]!;
    }
  }
  return { x, S: squareRootOfStack(stack, K + m, n), ...whatDataSay(innovation, Sz) };
}

/** What innovations say, from the root of their covariance, and themselves divided by it. */
function whatDataSay(
  innovation: Float64Array,
  Sz: Float64Array,
  white: Float64Array = solveLower(Sz, innovation, innovation.length),
): Omit<FactoredUpdate, keyof SquareRootGaussian> {
  const m = innovation.length;
  const weighted = solveLowerTransposed(Sz, white, m, 1, scratch.array('weighted', m));
  const inverse = invertLower(Sz, m, scratch.array('inverse', m * m));
  const z = new Float64Array(m);
  const precision = new Float64Array(m);
  const own = new Float64Array(m);
  let nis = 0;
  for (let i = 0; i < m; i++) {
    nis += white[i]! * white[i]!;
    for (let r = i; r < m; r++) precision[i]! += inverse[r * m + i]! ** 2;
    z[i] = weighted[i]! / Math.sqrt(precision[i]!);
    let variance = 0;
    for (let k = i * m; k <= i * m + i; k++) variance += Sz[k]! ** 2;
    own[i] = innovation[i]! / Math.sqrt(variance);
  }
  return {
    innovation,
    z,
    precision,
    own,
    nis,
    logLikelihood: -0.5 * (nis + logDeterminant(Sz, m) + m * LOG_2PI),
  };
}

/**
 * One Gaussian with the mean and covariance of a weighted sum of them, in square-root form.
 *
 * @param weights k, summing to 1; parts of less than 1e-18 are left out
 * @param parts k Gaussians of n states
 */
export function mergeFactored(
  weights: ArrayLike<number>,
  parts: readonly SquareRootGaussian[],
): SquareRootGaussian {
  const n = parts[0]?.x.length ?? 0;
  const x = new Float64Array(n);
  for (const [k, part] of parts.entries()) {
    for (let i = 0; i < n; i++) x[i]! += weights[k]! * part.x[i]!;
  }
  const counted = [...parts.entries()].filter(([k]) => weights[k]! > LEAST_WEIGHT);
  const stack = new Float64Array(counted.length * (n + 1) * n);
  let row = 0;
  for (const [k, part] of counted) {
    const root = Math.sqrt(weights[k]!);
    for (let i = 0; i < n; i++) stack[row * n + i] = root * (part.x[i]! - x[i]!);
    row++;
    for (let c = 0; c < n; c++, row++) {
      for (let i = 0; i < n; i++) stack[row * n + i] = root * part.S[i * n + c]!;
    }
  }
  return { x, S: squareRootOfStack(stack, row, n) };
}
