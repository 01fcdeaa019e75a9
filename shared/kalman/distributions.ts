import { TwinError } from '../core/index.js';

const SQRT_2 = Math.SQRT2;
const LOG_SQRT_2PI = 0.5 * Math.log(2 * Math.PI);
const EPSILON = Number.EPSILON;

/** The standard normal's density at x. */
export function normalPdf(x: number): number {
  return Math.exp(-0.5 * x * x - LOG_SQRT_2PI);
}

/** The 97.5 % quantile of the standard normal: 95 % lie within so many deviations of the mean. */
export const Z95 = 1.959963984540054;

/** The standard normal's distribution function at x, with relative accuracy in the lower tail. */
export function normalCdf(x: number): number {
  return 0.5 * erfc(-x / SQRT_2);
}

/**
 * The complementary error function: a series of positive terms below 2, a continued fraction above.
 *
 * @see Abramowitz & Stegun, 7.1.6 and 7.1.14
 */
export function erfc(x: number): number {
  if (Number.isNaN(x)) return Number.NaN;
  if (x < 0) return 2 - erfc(-x);
  if (x < 2) {
    let term = x;
    let sum = x;
    for (let k = 1; Math.abs(term) > EPSILON * 0.1 * sum; k++) {
      term *= (2 * x * x) / (2 * k + 1);
      sum += term;
    }
    return 1 - (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
  }
  if (x > 28) return 0;
  // x + (1/2)/(x + 1/(x + (3/2)/(x + …))), from the tail; 60 terms suffice from x = 2 on.
  let fraction = x;
  for (let k = 60; k >= 1; k--) fraction = x + k / 2 / fraction;
  return Math.exp(-x * x) / (Math.sqrt(Math.PI) * fraction);
}

/**
 * The standard normal's quantile: a rational first guess, refined by Halley's method to full
 * precision.
 *
 * @param p probability in [0, 1]; 0 and 1 give the infinities
 * @throws TwinError `VALUE_INVALID` outside
 * @see Abramowitz & Stegun, 26.2.23 (first guess)
 */
export function normalQuantile(p: number): number {
  requireProbability(p);
  if (p === 0) return Number.NEGATIVE_INFINITY;
  if (p === 1) return Number.POSITIVE_INFINITY;
  if (p === 0.5) return 0;
  if (p > 0.5) return -normalQuantile(1 - p);
  const t = Math.sqrt(-2 * Math.log(p));
  let x =
    (2.515517 + t * (0.802853 + t * 0.010328)) /
      (1 + t * (1.432788 + t * (0.189269 + t * 0.001308))) -
    t;
  for (let i = 0; i < 4; i++) {
    const e = (normalCdf(x) - p) / normalPdf(x);
    if (!Number.isFinite(e)) break;
    const step = e / (1 + 0.5 * x * e);
    x -= step;
    if (Math.abs(step) <= EPSILON * Math.abs(x)) break;
  }
  return x;
}

/** log Γ(x) for x > 0 by Stirling's series, shifted up to where it is exact to rounding. */
export function logGamma(x: number): number {
  let shift = 0;
  let y = x;
  while (y < 12) {
    shift += Math.log(y);
    y++;
  }
  const r = 1 / (y * y);
  const series =
    (1 / 12 -
      r * (1 / 360 - r * (1 / 1260 - r * (1 / 1680 - r * (1 / 1188 - (r * 691) / 360360))))) /
    y;
  return (y - 0.5) * Math.log(y) - y + LOG_SQRT_2PI + series - shift;
}

/** The regularised incomplete gamma functions P(a, x) and Q(a, x) = 1 − P, each accurate. */
function incompleteGamma(a: number, x: number): { lower: number; upper: number } {
  if (x <= 0) return { lower: 0, upper: 1 };
  if (x === Number.POSITIVE_INFINITY) return { lower: 1, upper: 0 };
  const front = Math.exp(a * Math.log(x) - x - logGamma(a));
  if (x < a + 1) {
    let term = 1 / a;
    let sum = term;
    for (let k = 1; term > EPSILON * 0.1 * sum && k < 100_000; k++) {
      term *= x / (a + k);
      sum += term;
    }
    const lower = front * sum;
    return { lower, upper: 1 - lower };
  }
  // Lentz's method for the continued fraction of Q.
  const tiny = 1e-300;
  let b = x + 1 - a;
  let c = 1 / tiny;
  let d = 1 / b;
  let h = d;
  for (let k = 1; k < 100_000; k++) {
    const an = -k * (k - a);
    b += 2;
    d = an * d + b;
    if (Math.abs(d) < tiny) d = tiny;
    c = b + an / c;
    if (Math.abs(c) < tiny) c = tiny;
    d = 1 / d;
    const delta = d * c;
    h *= delta;
    if (Math.abs(delta - 1) <= EPSILON) break;
  }
  const upper = front * h;
  return { lower: 1 - upper, upper };
}

/** P(χ² ≤ x) with `dof` degrees of freedom. */
export function chiSquareCdf(x: number, dof: number): number {
  requireDof(dof);
  return incompleteGamma(dof / 2, x / 2).lower;
}

/** P(χ² > x) with `dof` degrees of freedom: the p-value of a NIS or a Ljung–Box statistic. */
export function chiSquareSurvival(x: number, dof: number): number {
  requireDof(dof);
  return incompleteGamma(dof / 2, x / 2).upper;
}

/**
 * The x with P(χ² ≤ x) = p: Wilson and Hilferty's approximation, refined by Newton's method within
 * a bracket.
 *
 * @param p probability in [0, 1]
 * @throws TwinError `VALUE_INVALID` for a probability outside or a `dof` that is not positive
 * @see Wilson & Hilferty 1931
 */
export function chiSquareQuantile(p: number, dof: number): number {
  requireProbability(p);
  requireDof(dof);
  if (p === 0) return 0;
  if (p === 1) return Number.POSITIVE_INFINITY;
  const c = 2 / (9 * dof);
  let x = dof * Math.max(1 - c + normalQuantile(p) * Math.sqrt(c), 0) ** 3;
  // Near zero the density behaves like x^(dof/2 − 1), where the leading term inverts exactly.
  const small = 2 * Math.exp((Math.log(p) + logGamma(dof / 2 + 1)) * (2 / dof));
  if (!(x > small)) x = small;
  let low = 0;
  let high = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 200; i++) {
    const { lower, upper } = incompleteGamma(dof / 2, x / 2);
    const error = p < 0.5 ? lower - p : 1 - p - upper;
    if (error === 0) return x;
    if (error > 0) high = x;
    else low = x;
    const density = Math.exp((dof / 2 - 1) * Math.log(x / 2) - x / 2 - logGamma(dof / 2)) / 2;
    let next = x - error / density;
    if (!(next > low && next < high)) {
      next = high === Number.POSITIVE_INFINITY ? 2 * x : (low + high) / 2;
    }
    if (Math.abs(next - x) <= 2 * EPSILON * x) return next;
    x = next;
  }
  return x;
}

function requireProbability(p: number): void {
  if (!(p >= 0 && p <= 1)) {
    throw new TwinError('VALUE_INVALID', `The probability is ${p}, expected a number from 0 to 1.`);
  }
}

function requireDof(dof: number): void {
  if (!(dof > 0 && dof < Number.POSITIVE_INFINITY)) {
    throw new TwinError(
      'VALUE_INVALID',
      `The degrees of freedom are ${dof}, expected a positive number.`,
    );
  }
}
