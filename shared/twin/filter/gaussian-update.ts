import {
  cholesky,
  solveLower,
  solveLowerTransposed,
  squareRootOfStack,
} from '../../kalman/index.js';
import type { Linearisation } from './linearise.js';

/** A Gaussian over parameters and trends: mean and lower factor of the covariance. */
export interface Gaussian {
  x: Float64Array;
  S: Float64Array;
}

/** What an update says about the data. */
export interface UpdateResult extends Gaussian {
  /** Innovations of the channels used. */
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

/**
 * Measurement update in square-root form.
 *
 * @param prior N states; the factor N × K, with K ≥ N columns of any shape
 * @param hs m × K: the observation's slope times the prior's factor
 * @param noise m × m covariance of measurement and linearisation
 * @see Särkkä, Bayesian Filtering and Smoothing (2013), 5.4; leave-one-out residuals from the
 *   inverse innovation covariance as in Rasmussen & Williams (2006), 5.12
 */
export function squareRootUpdate(
  prior: Gaussian,
  hs: Float64Array,
  innovation: Float64Array,
  noise: Float64Array,
): UpdateResult {
  const m = innovation.length;
  const N = prior.x.length;
  const K = prior.S.length / N;
  const w = m + N;
  const c = cholesky(noise, m);
  const stack = new Float64Array((m + K) * w);
  for (let k = 0; k < m; k++) for (let i = k; i < m; i++) stack[k * w + i] = c[i * m + k]!;
  for (let k = 0; k < K; k++) {
    const row = (m + k) * w;
    for (let i = 0; i < m; i++) stack[row + i] = hs[i * K + k]!;
    for (let i = 0; i < N; i++) stack[row + m + i] = prior.S[i * K + k]!;
  }
  const joint = squareRootOfStack(stack, m + K, w);
  const sy = new Float64Array(m * m);
  for (let i = 0; i < m; i++) for (let j = 0; j <= i; j++) sy[i * m + j] = joint[i * w + j]!;
  const S = new Float64Array(N * N);
  for (let i = 0; i < N; i++) {
    for (let j = 0; j <= i; j++) S[i * N + j] = joint[(m + i) * w + m + j]!;
  }
  const e = solveLower(sy, innovation, m);
  const x = prior.x.slice();
  for (let i = 0; i < N; i++) {
    for (let j = 0; j < m; j++) x[i]! += joint[(m + i) * w + j]! * e[j]!;
  }
  let nis = 0;
  let logDet = 0;
  for (let i = 0; i < m; i++) {
    nis += e[i]! ** 2;
    logDet += 2 * Math.log(Math.abs(sy[i * m + i]!));
  }
  const weighted = solveLowerTransposed(sy, e, m);
  const z = new Float64Array(m);
  const precision = new Float64Array(m);
  const own = innovation.map((v, i) => v / Math.hypot(...sy.subarray(i * m, i * m + m)));
  for (let i = 0; i < m; i++) {
    const unit = new Float64Array(m);
    unit[i] = 1;
    const column = solveLower(sy, unit, m);
    for (const v of column) precision[i]! += v * v;
    z[i] = weighted[i]! / Math.sqrt(precision[i]!);
  }
  return {
    x,
    S,
    innovation,
    z,
    precision,
    own,
    nis,
    logLikelihood: -0.5 * (nis + logDet + m * Math.log(2 * Math.PI)),
  };
}

/** One Gaussian with the mean and covariance of a weighted sum of them. */
export function mergeGaussians(parts: readonly Gaussian[], weights: readonly number[]): Gaussian {
  const N = parts[0]!.x.length;
  const x = new Float64Array(N);
  parts.forEach((p, k) => {
    for (let i = 0; i < N; i++) x[i]! += weights[k]! * p.x[i]!;
  });
  const rows: Float64Array[] = [];
  parts.forEach((p, k) => {
    const w = Math.sqrt(weights[k]!);
    if (w < 1e-9) return;
    rows.push(p.x.map((v, i) => w * (v - x[i]!)));
    for (let c = 0; c < N; c++) {
      rows.push(Float64Array.from({ length: N }, (_, i) => w * p.S[i * N + c]!));
    }
  });
  const stack = new Float64Array(rows.length * N);
  rows.forEach((row, r) => {
    stack.set(row, r * N);
  });
  return { x, S: squareRootOfStack(stack, rows.length, N) };
}

/** Slope times factor for the chosen outputs: m × N. */
export function slopeTimesFactor(
  lin: Linearisation,
  S: Float64Array,
  active: readonly number[],
  n: number,
): Float64Array {
  const N = 2 * n;
  const hs = new Float64Array(active.length * N);
  active.forEach((o, r) => {
    for (let j = 0; j < n; j++) {
      const a = lin.slope[o * n + j]!;
      for (let k = 0; k < N; k++) hs[r * N + k]! += a * S[j * N + k]!;
    }
  });
  return hs;
}

/** Covariance of measurement and linearisation for the chosen outputs: m × m. */
export function noiseOf(
  omega: Float64Array,
  outputs: number,
  variance: Float64Array,
  active: readonly number[],
): Float64Array {
  const m = active.length;
  const noise = new Float64Array(m * m);
  active.forEach((o, i) => {
    active.forEach((p, j) => {
      noise[i * m + j] = omega[o * outputs + p]!;
    });
    noise[i * m + i]! += variance[o]!;
  });
  return noise;
}
