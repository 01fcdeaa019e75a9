import { TwinError } from '../core/index.js';
import { requireLength, requireShape } from './checks.js';
import { cholesky } from './cholesky.js';
import { chiSquareQuantile, chiSquareSurvival } from './distributions.js';
import { mahalanobisSquared } from './gaussian.js';
import type { Space } from './space.js';
import type { Gaussian } from './types.js';

/** A statistic with the interval it should lie in. */
export interface ConsistencyTest {
  readonly statistic: number;
  readonly lower: number;
  readonly upper: number;
  readonly consistent: boolean;
}

/**
 * Normalised estimation error squared, (x̂ − x)ᵀ P⁻¹ (x̂ − x): χ² with n degrees of freedom when the
 * filter knows how wrong it is. Needs the truth: for simulations.
 *
 * @throws TwinError `NUMERIC` when P is not positive definite
 */
export function nees(truth: Float64Array, belief: Gaussian, space?: Space): number {
  const n = belief.x.length;
  requireShape(truth, n, 1, 'truth');
  const error = new Float64Array(n);
  if (space?.residual !== undefined) space.residual(belief.x, truth, error);
  else for (let i = 0; i < n; i++) error[i] = belief.x[i]! - truth[i]!;
  return mahalanobisSquared(error, cholesky(belief.P, n, undefined, 'P'), n);
}

/**
 * Tests the mean of independent NIS (or NEES) values: their sum is χ² with the summed degrees of
 * freedom. Above the interval, noise is assumed too small or the model is off; below, noise is
 * assumed too large.
 *
 * @param values one NIS per step
 * @param dof degrees of freedom: one number for all, or one per step where channels were missing
 * @param probability of lying inside when all is well, default 0.95
 * @see Bar-Shalom, Li & Kirubarajan 2001, section 5.4
 */
export function meanNisTest(
  values: ArrayLike<number>,
  dof: number | ArrayLike<number>,
  probability = 0.95,
): ConsistencyTest {
  let sum = 0;
  let total = 0;
  let count = 0;
  for (let k = 0; k < values.length; k++) {
    const d = typeof dof === 'number' ? dof : dof[k]!;
    if (d === 0) continue;
    sum += values[k]!;
    total += d;
    count++;
  }
  if (count === 0) throw tooShort('meanNisTest', 0, 1);
  const tail = (1 - probability) / 2;
  return interval(
    sum / count,
    chiSquareQuantile(tail, total) / count,
    chiSquareQuantile(1 - tail, total) / count,
  );
}

/**
 * Autocorrelations ρ₁…ρ_lags of a series about its mean. For white noise each is within ±1.96/√N
 * at 95 %.
 *
 * @throws TwinError `VALUE_INVALID` when the series is not longer than the lags
 */
export function autocorrelation(series: ArrayLike<number>, lags: number): Float64Array {
  const N = series.length;
  if (!(Number.isInteger(lags) && lags >= 1 && N > lags)) {
    throw tooShort('autocorrelation', N, lags + 1);
  }
  let mean = 0;
  for (let k = 0; k < N; k++) mean += series[k]! / N;
  let variance = 0;
  for (let k = 0; k < N; k++) variance += (series[k]! - mean) ** 2;
  const out = new Float64Array(lags);
  if (variance === 0) return out;
  for (let lag = 1; lag <= lags; lag++) {
    let sum = 0;
    for (let k = lag; k < N; k++) sum += (series[k]! - mean) * (series[k - lag]! - mean);
    out[lag - 1] = sum / variance;
  }
  return out;
}

/** A portmanteau test of whiteness. */
export interface WhitenessTest {
  readonly statistic: number;
  readonly dof: number;
  /** Probability of so large a statistic from white noise: small means correlated innovations. */
  readonly pValue: number;
  readonly white: boolean;
}

/**
 * Ljung–Box test of one whitened innovation channel: correlated innovations mean that the model's
 * dynamics or Q are wrong, whatever the NIS says.
 *
 * @param series at least lags + 1 values in order of time
 * @param significance default 0.05
 * @see Ljung & Box 1978, On a measure of lack of fit in time series models
 */
export function ljungBox(series: ArrayLike<number>, lags = 10, significance = 0.05): WhitenessTest {
  const rho = autocorrelation(series, lags);
  const N = series.length;
  let statistic = 0;
  for (let lag = 1; lag <= lags; lag++) statistic += rho[lag - 1]! ** 2 / (N - lag);
  statistic *= N * (N + 2);
  const pValue = chiSquareSurvival(statistic, lags);
  return { statistic, dof: lags, pValue, white: pValue >= significance };
}

/**
 * Normalised autocorrelation of whole whitened innovation vectors at one lag; for a consistent filter
 * it is normal with mean 0 and variance 1/(N m).
 *
 * @param innovations N vectors of one length, in order of time
 * @returns the statistic with its two-sided interval
 * @see Bar-Shalom, Li & Kirubarajan 2001, eq. 5.4.2-11
 */
export function innovationAutocorrelation(
  innovations: readonly Float64Array[],
  lag = 1,
  probability = 0.95,
): ConsistencyTest {
  const N = innovations.length - lag;
  if (!(Number.isInteger(lag) && lag >= 1 && N >= 1)) {
    throw tooShort('innovationAutocorrelation', innovations.length, lag + 1);
  }
  let cross = 0;
  let early = 0;
  let late = 0;
  for (let k = 0; k < N; k++) {
    const a = innovations[k]!;
    const b = innovations[k + lag]!;
    requireLength(b, a.length, `innovations[${k + lag}]`, 'as the others');
    for (let i = 0; i < a.length; i++) {
      cross += a[i]! * b[i]!;
      early += a[i]! * a[i]!;
      late += b[i]! * b[i]!;
    }
  }
  const m = innovations[0]!.length;
  const bound = Math.sqrt(chiSquareQuantile(probability, 1) / (N * m));
  return interval(cross / (Math.sqrt(early * late) || 1), -bound, bound);
}

function interval(statistic: number, lower: number, upper: number): ConsistencyTest {
  return { statistic, lower, upper, consistent: statistic >= lower && statistic <= upper };
}

function tooShort(what: string, found: number, expected: number): TwinError {
  return new TwinError(
    'VALUE_INVALID',
    `${what} got ${found} values, expected at least ${expected}. Collect a longer series or use fewer lags.`,
  );
}
