import { squareRootOfStack } from '../../kalman/index.js';
import type { Gaussian } from './gaussian-update.js';
import type { FilterSettings } from './settings.js';

/**
 * Variance of a parameter's own walk beside its trend over one wear horizon, as a share of its range
 * squared: so that no direction vanishes. On the web line of the study (docs/explanation/calibration.md)
 * it is 1e-12 a sample at a range of 0.5 and a horizon of 777 samples.
 */
const LEAST_WALK = 3.1e-9;

const CALM = { trendScale: 1, jump: 0 };

/**
 * Carries parameters and trends over a time: b moves by v, v drifts, or b reverts to its mean.
 * Trends are kept per wear horizon, so that all figures are of the parameters' size.
 *
 * @param state parameters and trends; states of the machine may follow, which stay as they are
 * @param dtS seconds since the state's sample; 0 leaves it as it is
 * @param how factor on the trends' noise beside the settings'; share of its range by which each
 *   parameter that is not constant may have jumped besides
 */
export function predict(
  state: Gaussian,
  dtS: number,
  settings: FilterSettings,
  how: { trendScale: number; jump: number } = CALM,
): Gaussian {
  const n = settings.range.length;
  const N = state.x.length;
  const x = state.x.slice();
  const rows = N + (how.jump > 0 ? 3 : 2) * n;
  const stack = new Float64Array(rows * N);
  const trendScale = settings.trendScale * how.trendScale;
  for (let k = 0; k < N; k++) {
    for (let i = 0; i < N; i++) stack[k * N + i] = state.S[i * N + k]!;
  }
  for (let i = 0; i < n; i++) {
    const reversion = settings.reversion[i];
    if (how.jump > 0 && !settings.constant[i]) {
      stack[(N + 2 * n + i) * N + i] = how.jump * settings.range[i]!;
    }
    if (reversion !== undefined) {
      // Exact over any time, as the process is linear.
      const kept = Math.exp(-dtS / reversion.timeConstantS);
      x[i] = reversion.mean + kept * (x[i]! - reversion.mean);
      for (let k = 0; k < N; k++) stack[k * N + i]! *= kept;
      stack[(N + 2 * i) * N + i] =
        reversion.std * Math.sqrt(-Math.expm1((-2 * dtS) / reversion.timeConstantS));
      continue;
    }
    const tau = dtS / settings.horizonS[i]!;
    if (tau === 0) continue;
    const range = settings.range[i]!;
    const walk = LEAST_WALK * range * range * tau;
    if (!settings.trend[i]) {
      // A random walk that covers half the range over the horizon.
      stack[(N + 2 * i) * N + i] = (range / 2) * trendScale * Math.sqrt(tau);
      continue;
    }
    x[i]! += tau * state.x[n + i]!;
    for (let k = 0; k < N; k++) stack[k * N + i]! += tau * stack[k * N + n + i]!;
    const q = 3 * ((range / 2) * trendScale) ** 2;
    const qbb = walk + (q * tau ** 3) / 3;
    const qbv = (q * tau * tau) / 2;
    const l11 = Math.sqrt(qbb);
    const l21 = qbv / l11;
    stack[(N + 2 * i) * N + i] = l11;
    stack[(N + 2 * i) * N + n + i] = l21;
    stack[(N + 2 * i + 1) * N + n + i] = Math.sqrt(Math.max(0, q * tau - l21 * l21));
  }
  return { x, S: squareRootOfStack(stack, rows, N) };
}
