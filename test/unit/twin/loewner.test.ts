import { describe, expect, it } from 'vitest';
import { createRng } from '../../../shared/core/index.js';
import { symmetricEigen } from '../../../shared/kalman/index.js';
import {
  capAtPrior,
  larger,
  safeCholesky,
  widenBy,
  widened,
} from '../../../shared/twin/fit/bands/loewner.js';
import { independentPrior } from '../../../shared/twin/fit/unknowns/prior.js';

/** Two unknowns: along their difference data tell 0.01, along their sum `sum` only. */
function ridge(sum: number): Float64Array {
  const [wide, narrow] = [sum ** 2 / 2, 0.01 ** 2 / 2];
  return Float64Array.of(wide + narrow, wide - narrow, wide - narrow, wide + narrow);
}
/** Deviation of what data tell. */
const told = (C: Float64Array) => Math.sqrt((C[0]! + C[3]! - C[1]! - C[2]!) / 2);

/** A random covariance. */
function drawn(seed: number, n: number): Float64Array {
  const rng = createRng(seed);
  const half = Float64Array.from({ length: n * n }, () => rng.normal());
  return Float64Array.from({ length: n * n }, (_, i) => {
    let sum = 0;
    for (let k = 0; k < n; k++) sum += half[Math.floor(i / n) * n + k]! * half[(i % n) * n + k]!;
    return sum;
  });
}
/** Least eigenvalue of the difference: not below 0 where a is nowhere narrower than b. */
const leastOver = (a: Float64Array, b: Float64Array, n: number) =>
  symmetricEigen(
    a.map((v, i) => v - b[i]!),
    n,
  ).values.at(-1)!;

describe('covariances in every direction', () => {
  it('keeps what data tell of a ridge that the prior cuts', () => {
    const C = ridge(3);
    // One of the two is known better beforehand.
    capAtPrior(C, 2, { variance: Float64Array.of(1, 0.25) });
    expect(told(C)).toBeLessThanOrEqual(0.01);
    expect(C[3]!).toBeCloseTo(0.25, 9);
    expect(C[0]!).toBeCloseTo(0.25, 3);
  });

  it('bears what rounding leaves of a ridge that goes far beyond the prior', () => {
    const C = ridge(1e6);
    capAtPrior(C, 2, { variance: Float64Array.of(1, 1) });
    expect(C.every(Number.isFinite)).toBe(true);
    const L = safeCholesky(C, 2);
    expect(L[0]!).toBeCloseTo(1, 3);
    const wider = larger(C, Float64Array.of(2, 0, 0, 2), 2);
    expect(leastOver(wider, Float64Array.of(2, 0, 0, 2), 2)).toBeGreaterThan(-1e-2);
    expect(() => safeCholesky(Float64Array.of(1, 2, 2, 1), 2)).toThrow(/not positive definite/);
  });

  it('leaves a covariance within the prior alone', () => {
    const C = ridge(0.5);
    capAtPrior(C, 2, independentPrior(2));
    expect(C).toEqual(ridge(0.5));
  });

  it('widens one unknown along what hangs together with it', () => {
    const C = widenBy(ridge(0.4), 2, Float64Array.of(2, 1), independentPrior(2));
    expect(C[0]!).toBeCloseTo(4 * ridge(0.4)[0]!, 12);
    expect(told(C)).toBeLessThan(2 * 0.01);
  });

  it('finds the smallest that is nowhere below either', () => {
    for (let seed = 1; seed <= 20; seed++) {
      const [a, b] = [drawn(seed, 4), drawn(100 + seed, 4)];
      const most = larger(a, b, 4);
      expect(leastOver(most, a, 4)).toBeGreaterThan(-1e-9);
      expect(leastOver(most, b, 4)).toBeGreaterThan(-1e-9);
      // Along some direction it touches each.
      expect(leastOver(most, a, 4)).toBeLessThan(1e-9);
      expect(leastOver(most, b, 4)).toBeLessThan(1e-9);
    }
    expect(larger(drawn(1, 3), new Float64Array(9), 3)).toEqual(drawn(1, 3));
    // What rounding has left of a direction that is known all but exactly.
    const flat = Float64Array.of(1, 1, 1, 1 - 1e-16);
    expect(larger(flat, Float64Array.of(2, 2, 2, 2), 2)[0]!).toBeCloseTo(2, 9);
  });

  it('leaves what is added within the prior, but nothing narrower than it was', () => {
    const C = Float64Array.of(3.7, 0.3, 0.3, 0.25);
    const more = Float64Array.of(1, 0, 0, 8);
    const wider = widened(C, more, 2, independentPrior(2));
    expect(leastOver(wider, C, 2)).toBeGreaterThan(-1e-9);
    expect(wider[3]!).toBeLessThan(1.1);
  });
});
