import { type Moments, squareRootOfStack } from '../../kalman/index.js';
import type { Gaussian } from './gaussian-update.js';
import type { FilterSettings } from './settings.js';

/**
 * Variance of a parameter's own walk beside its trend over one wear horizon, as a share of its range
 * squared: so that no direction vanishes. On the web line of the study (docs/explanation/calibration.md)
 * it is 1e-12 a sample at a range of 0.5 and a horizon of 777 samples.
 */
const LEAST_WALK = 3.1e-9;

const CALM: Motion = { trendScale: 1, jump: 0 };

/** How the trends' noise is scaled, and how far parameters may have jumped besides. */
export interface Motion {
  /** Factor on the trends' noise beside the settings', for all parameters or for each. */
  trendScale: number | Float64Array;
  /** Share of its range by which each parameter that is not constant may have jumped. */
  jump: number;
}

const scaleOf = ({ trendScale }: Motion, i: number): number =>
  typeof trendScale === 'number' ? trendScale : trendScale[i]!;

/** How one parameter and its trend move over a time. */
interface Step {
  /** Its value and trend after it: mean + kept·(b − mean) + tau·v. */
  mean: number;
  kept: number;
  tau: number;
  /** Covariance of what is added to value and trend. */
  qbb: number;
  qbv: number;
  qvv: number;
}

function stepOf(settings: FilterSettings, i: number, dtS: number, scale: number): Step {
  const still: Step = { mean: 0, kept: 1, tau: 0, qbb: 0, qbv: 0, qvv: 0 };
  const reversion = settings.reversion[i];
  if (reversion !== undefined) {
    // Exact over any time, as the process is linear.
    const { mean, std, timeConstantS } = reversion;
    const qbb = -(std ** 2) * Math.expm1((-2 * dtS) / timeConstantS);
    return { ...still, mean, kept: Math.exp(-dtS / timeConstantS), qbb };
  }
  const tau = dtS / settings.horizonS[i]!;
  if (tau === 0) return still;
  const range = settings.range[i]!;
  const spread = ((range / 2) * scale) ** 2;
  // A random walk covers half the range over the horizon.
  if (!settings.trend[i]) return { ...still, qbb: spread * tau };
  const q = 3 * spread;
  const qbb = LEAST_WALK * range * range * tau + (q * tau ** 3) / 3;
  return { ...still, tau, qbb, qbv: (q * tau * tau) / 2, qvv: q * tau };
}

/**
 * Carries parameters and trends over a time: b moves by v, v drifts, or b reverts to its mean.
 * Trends are kept per wear horizon, so that all figures are of the parameters' size.
 *
 * @param state parameters and trends; states of the machine may follow, which stay as they are
 * @param dtS seconds since the state's sample; 0 leaves it as it is
 */
export function predict(
  state: Gaussian,
  dtS: number,
  settings: FilterSettings,
  how: Motion = CALM,
): Gaussian {
  const n = settings.range.length;
  const N = state.x.length;
  const x = state.x.slice();
  const rows = N + (how.jump > 0 ? 3 : 2) * n;
  const stack = new Float64Array(rows * N);
  for (let k = 0; k < N; k++) {
    for (let i = 0; i < N; i++) stack[k * N + i] = state.S[i * N + k]!;
  }
  for (let i = 0; i < n; i++) {
    const { mean, kept, tau, qbb, qbv, qvv } = stepOf(
      settings,
      i,
      dtS,
      settings.trendScale * scaleOf(how, i),
    );
    if (how.jump > 0 && !settings.constant[i]) {
      stack[(N + 2 * n + i) * N + i] = how.jump * settings.range[i]!;
    }
    x[i] = mean + kept * (x[i]! - mean) + tau * state.x[n + i]!;
    for (let k = 0; k < N; k++) {
      stack[k * N + i] = kept * stack[k * N + i]! + tau * stack[k * N + n + i]!;
    }
    if (qbb === 0) continue;
    const l11 = Math.sqrt(qbb);
    const l21 = qbv / l11;
    stack[(N + 2 * i) * N + i] = l11;
    stack[(N + 2 * i) * N + n + i] = l21;
    stack[(N + 2 * i + 1) * N + n + i] = Math.sqrt(Math.max(0, qvv - l21 * l21));
  }
  return { x, S: squareRootOfStack(stack, rows, N) };
}

/**
 * What errors of parameters and trends come to over a time, as {@link predict} carries them.
 *
 * @param error rows × k: parameters, trends, and whatever stays as it is behind them
 */
export function predictError(
  error: Float64Array,
  k: number,
  dtS: number,
  settings: FilterSettings,
): Float64Array {
  const n = settings.range.length;
  const after = error.slice();
  for (let i = 0; i < n; i++) {
    const { kept, tau } = stepOf(settings, i, dtS, 1);
    for (let e = 0; e < k; e++) {
      after[i * k + e] = kept * error[i * k + e]! + tau * error[(n + i) * k + e]!;
    }
  }
  return after;
}

/** {@link predict} of a mean and covariance, in place. */
export function predictMoments(
  { x, P }: Moments,
  dtS: number,
  settings: FilterSettings,
  how: Motion = CALM,
): void {
  const n = settings.range.length;
  const N = x.length;
  for (let i = 0; i < n; i++) {
    const { mean, kept, tau, qbb, qbv, qvv } = stepOf(
      settings,
      i,
      dtS,
      settings.trendScale * scaleOf(how, i),
    );
    const v = n + i;
    x[i] = mean + kept * (x[i]! - mean) + tau * x[v]!;
    if (kept !== 1 || tau !== 0) {
      for (let c = 0; c < N; c++) P[i * N + c] = kept * P[i * N + c]! + tau * P[v * N + c]!;
      for (let c = 0; c < N; c++) P[c * N + i] = kept * P[c * N + i]! + tau * P[c * N + v]!;
    }
    P[i * N + i]! += qbb + (settings.constant[i] ? 0 : (how.jump * settings.range[i]!) ** 2);
    P[i * N + v]! += qbv;
    P[v * N + i]! += qbv;
    P[v * N + v]! += qvv;
  }
}
