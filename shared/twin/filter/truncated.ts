import { normalCdf, normalPdf, Z95 } from '../../kalman/index.js';
import type { Estimate } from '../types.js';

/** Standard deviations beyond a bound at which squares of the mass still are normal numbers. */
const FAR_OUTSIDE = -25;

/**
 * The shortest interval that holds a share of a Gaussian truncated to its physical bounds, with
 * the truncated mean and deviation. What is reported is bounded; what the filter carries is not.
 *
 * @param share e.g. 0.95
 */
export function truncatedEstimate(
  mean: number,
  std: number,
  lower = Number.NEGATIVE_INFINITY,
  upper = Number.POSITIVE_INFINITY,
  share = 0.95,
): Estimate {
  if (!(std > 0)) {
    const value = Math.min(upper, Math.max(lower, mean));
    return { mean: value, std: 0, lower95: value, upper95: value };
  }
  const a = (lower - mean) / std;
  const b = (upper - mean) / std;
  if (a < -8 && b > 8 && share === 0.95) {
    return { mean, std, lower95: mean - Z95 * std, upper95: mean + Z95 * std };
  }
  // The distribution function is accurate to its last digits in the lower tail only.
  if (a > 0) {
    const mirrored = truncatedEstimate(-mean, std, -upper, -lower, share);
    return {
      mean: -mirrored.mean,
      std: mirrored.std,
      lower95: -mirrored.upper95,
      upper95: -mirrored.lower95,
    };
  }
  // So far outside the density falls off like an exponential from the bound (to 2/b²).
  if (b < FAR_OUTSIDE) {
    const scale = Math.min(std / -b, upper - lower);
    const reach = Math.min(upper - lower, -Math.log(1 - share) * scale);
    return { mean: upper - scale, std: scale, lower95: upper - reach, upper95: upper };
  }
  const mass = normalCdf(b) - normalCdf(a);
  const pdf = (z: number) => (Number.isFinite(z) ? normalPdf(z) : 0);
  const shift = (pdf(a) - pdf(b)) / mass;
  const edge = (z: number) => (Number.isFinite(z) ? z * pdf(z) : 0);
  const variance = Math.max(1e-12, 1 + (edge(a) - edge(b)) / mass - shift * shift);
  // Highest density: centred on the mode where both ends fit, else from the nearer bound on.
  let low = 0;
  let high = 40 + Math.max(Math.abs(a < -8 ? 0 : a), Math.abs(b > 8 ? 0 : b));
  const mode = Math.min(b, 0);
  const ends = (half: number): [number, number] =>
    mode === 0 ? [Math.max(a, -half), Math.min(b, half)] : [Math.max(a, b - half), b];
  for (let i = 0; i < 60; i++) {
    const half = (low + high) / 2;
    const [from, to] = ends(half);
    if ((normalCdf(to) - normalCdf(from)) / mass < share) low = half;
    else high = half;
  }
  const [from, to] = ends(high);
  return {
    mean: mean + std * shift,
    std: std * Math.sqrt(variance),
    lower95: Math.min(upper, Math.max(lower, mean + std * from)),
    upper95: Math.min(upper, Math.max(lower, mean + std * to)),
  };
}
