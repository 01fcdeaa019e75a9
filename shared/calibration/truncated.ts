import type { Estimate } from './types.js';

/** Standard normal distribution function (complementary error function, Chebyshev fit, 1.2e-7). */
function erfc(x: number): number {
  const a = Math.abs(x);
  const t = 1 / (1 + a / 2);
  const coefficients = [
    0.17087277, -0.82215223, 1.48851587, -1.13520398, 0.27886807, -0.18628806, 0.09678418,
    0.37409196, 1.00002368, -1.26551223,
  ];
  let sum = 0;
  for (const c of coefficients) sum = sum * t + c;
  const y = t * Math.exp(-a * a + sum);
  return x >= 0 ? y : 2 - y;
}

/** Standard normal distribution function, relative error below 2e-7 in both tails. */
export function normalCdf(z: number): number {
  return 0.5 * erfc(-z / Math.SQRT2);
}

const Z95 = 1.959963984540054;

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
  // Far outside one bound the density falls off like an exponential from that bound.
  if (a > 5 || b < -5) {
    const distance = a > 5 ? a : -b;
    const scale = Math.min(std / distance, upper - lower);
    const reach = Math.min(upper - lower, -Math.log(1 - share) * scale);
    return a > 5
      ? { mean: lower + scale, std: scale, lower95: lower, upper95: lower + reach }
      : { mean: upper - scale, std: scale, lower95: upper - reach, upper95: upper };
  }
  const cdfA = a === Number.NEGATIVE_INFINITY ? 0 : normalCdf(a);
  const cdfB = b === Number.POSITIVE_INFINITY ? 1 : normalCdf(b);
  const mass = cdfB - cdfA;
  const pdf = (z: number) =>
    Number.isFinite(z) ? Math.exp(-0.5 * z * z) / Math.sqrt(2 * Math.PI) : 0;
  const shift = (pdf(a) - pdf(b)) / mass;
  const edge = (z: number) => (Number.isFinite(z) ? z * pdf(z) : 0);
  const variance = Math.max(1e-12, 1 + (edge(a) - edge(b)) / mass - shift * shift);
  // Highest density: centred on the mode where both ends fit, else from the nearer bound on.
  let low = 0;
  let high = 40 + Math.max(Math.abs(a < -8 ? 0 : a), Math.abs(b > 8 ? 0 : b));
  const mode = Math.min(b, Math.max(a, 0));
  const ends = (half: number): [number, number] =>
    mode === 0
      ? [Math.max(a, -half), Math.min(b, half)]
      : mode === a
        ? [a, Math.min(b, a + half)]
        : [Math.max(a, b - half), b];
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
