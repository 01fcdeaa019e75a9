import { normalCdf } from '../../kalman/index.js';
import type { Estimate } from '../types.js';
import { truncatedEstimate } from './truncated.js';

/** Weights, means and deviations of Gaussians, as many of each. */
export interface Mixture {
  weights: ArrayLike<number>;
  means: ArrayLike<number>;
  stds: ArrayLike<number>;
}

/** Parts below this weight change no digit that is shown. */
const LEAST_WEIGHT = 5e-4;
/** Parts whose means and deviations differ by less than this share of a deviation are one. */
const ALIKE = 0.03;
/** Points at which the distribution is known. */
const GRID = 121;
/** Standard deviations of a part beyond which it has nothing. */
const REACH = 5;

/** Points of {@link CDF} per standard deviation. */
const FINE = 256;
/** The standard normal's distribution function from -REACH to REACH. */
const CDF = Float64Array.from({ length: 2 * REACH * FINE + 2 }, (_, k) =>
  normalCdf(k / FINE - REACH),
);

/** Distribution function of the standard normal to 5e-7, between the points of a table. */
function quickCdf(x: number): number {
  if (!(x > -REACH)) return 0;
  if (x >= REACH) return 1;
  const at = (x + REACH) * FINE;
  const k = Math.floor(at);
  return CDF[k]! + (at - k) * (CDF[k + 1]! - CDF[k]!);
}

interface Part {
  weight: number;
  mean: number;
  std: number;
}

/** The parts that count, those that are alike as one. */
function condensed({ weights, means, stds }: Mixture): Part[] {
  const parts: Part[] = [];
  for (let k = 0; k < weights.length; k++) {
    const [weight, mean, std] = [weights[k]!, means[k]!, stds[k]!];
    if (weight < LEAST_WEIGHT) continue;
    const like = parts.find(
      (p) => Math.abs(p.mean - mean) <= ALIKE * p.std && Math.abs(p.std - std) <= ALIKE * p.std,
    );
    if (like === undefined) {
      parts.push({ weight, mean, std });
      continue;
    }
    const share = weight / (like.weight + weight);
    like.mean += share * (mean - like.mean);
    like.std += share * (std - like.std);
    like.weight += weight;
  }
  const total = parts.reduce((sum, p) => sum + p.weight, 0);
  for (const p of parts) p.weight /= total;
  return parts;
}

/**
 * The shortest interval that holds 95 % of a sum of Gaussians truncated to physical bounds, with the
 * truncated mean and deviation.
 */
export function mixtureEstimate(
  mixture: Mixture,
  lower = Number.NEGATIVE_INFINITY,
  upper = Number.POSITIVE_INFINITY,
): Estimate {
  const parts = condensed(mixture);
  const [only] = parts;
  if (parts.length === 1) return truncatedEstimate(only!.mean, only!.std, lower, upper);
  const from = Math.max(lower, Math.min(...parts.map((p) => p.mean - REACH * p.std)));
  const to = Math.min(upper, Math.max(...parts.map((p) => p.mean + REACH * p.std)));
  const mean = parts.reduce((sum, p) => sum + p.weight * p.mean, 0);
  const variance = parts.reduce(
    (sum, p) => sum + p.weight * (p.std ** 2 + (p.mean - mean) ** 2),
    0,
  );
  if (!(to > from)) return truncatedEstimate(mean, Math.sqrt(variance), lower, upper);
  const step = (to - from) / (GRID - 1);
  const cdf = new Float64Array(GRID);
  for (const { weight, mean: m, std } of parts) {
    // Before a part begins it adds nothing, and after its end its weight.
    const begin = Math.max(0, Math.floor((m - REACH * std - from) / step));
    const end = (m + REACH * std - from) / step + 1;
    for (let i = begin; i < GRID; i++) {
      const z = from + i * step - m;
      cdf[i]! += i > end ? weight : weight * (std > 0 ? quickCdf(z / std) : z >= 0 ? 1 : 0);
    }
  }
  const mass = cdf[GRID - 1]! - cdf[0]!;
  // All of it far beyond a bound: what one Gaussian would say.
  if (mass < 1e-6) return truncatedEstimate(mean, Math.sqrt(variance), lower, upper);
  const wanted = 0.95 * mass;
  let best = { lower95: from, upper95: to };
  let end = 0;
  for (let i = 0; i < GRID; i++) {
    while (end < GRID && cdf[end]! - cdf[i]! < wanted) end++;
    if (end >= GRID) break;
    const rise = cdf[end]! - cdf[end - 1]!;
    const part = rise > 0 ? (wanted + cdf[i]! - cdf[end - 1]!) / rise : 1;
    const upper95 = from + (end - 1 + part) * step;
    const lower95 = from + i * step;
    if (upper95 - lower95 < best.upper95 - best.lower95) best = { lower95, upper95 };
  }
  // Moments within the bounds, from the masses between the points.
  let first = 0;
  let second = 0;
  for (let i = 1; i < GRID; i++) {
    const share = (cdf[i]! - cdf[i - 1]!) / mass;
    const at = from + (i - 0.5) * step;
    first += share * at;
    second += share * (at - mean) ** 2;
  }
  return { mean: first, std: Math.sqrt(Math.max(0, second - (first - mean) ** 2)), ...best };
}
