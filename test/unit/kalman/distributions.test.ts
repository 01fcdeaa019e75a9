import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  chiSquareCdf,
  chiSquareQuantile,
  chiSquareSurvival,
  cholesky,
  gaussianLogLikelihood,
  logGamma,
  mahalanobisSquaredOf,
  mergeGaussians,
  normalCdf,
  normalQuantile,
} from '../../../shared/kalman/index.js';

const relative = (a: number, b: number) => Math.abs(a / b - 1);

describe('normal', () => {
  // Values to 16 digits from SciPy 1.17.1 (scipy.stats.norm.cdf).
  test.each([
    [-1, 0.15865525393145707],
    [-2.5, 0.006209665325776132],
    [-5, 2.866515718791933e-7],
    [-10, 7.61985302416047e-24],
    [-37, 5.7255712225239266e-300],
    [0.3, 0.6179114221889526],
  ])('cdf(%f)', (x, p) => {
    expect(relative(normalCdf(x), p)).toBeLessThan(1e-12);
  });

  test('quantile inverts the cdf, also far out', () => {
    fc.assert(
      fc.property(fc.double({ min: -30, max: 5, noNaN: true }), (x) => {
        expect(Math.abs(normalQuantile(normalCdf(x)) - x)).toBeLessThan(
          1e-12 + (x > 0 ? 1e-15 / Math.exp(-0.5 * x * x) : 1e-12 * Math.abs(x)),
        );
      }),
    );
    expect(normalQuantile(0.975)).toBeCloseTo(1.959963984540054, 14);
    expect(normalQuantile(0)).toBe(Number.NEGATIVE_INFINITY);
    expect(() => normalQuantile(1.1)).toThrow(/1\.1, expected a number from 0 to 1/);
  });
});

describe('chi-square', () => {
  // SciPy 1.17.1: scipy.stats.chi2.ppf(p, dof).
  test.each([
    [0.95, 1, 3.841458820694124],
    [0.95, 9, 16.918977604620448],
    [0.999, 9, 27.877164871256568],
    [0.025, 450, 393.1176878492301],
    [0.975, 450, 510.66971132454273],
    [0.01, 1, 0.00015708785790970184],
    [0.5, 0.5, 0.0873476047057468],
  ])('quantile(%f, %f)', (p, dof, x) => {
    expect(relative(chiSquareQuantile(p, dof), x)).toBeLessThan(1e-11);
  });

  test('quantile, cdf and survival agree', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 1e-6, max: 0.999999, noNaN: true }),
        fc.integer({ min: 1, max: 2000 }),
        (p, dof) => {
          const x = chiSquareQuantile(p, dof);
          expect(Math.abs(chiSquareCdf(x, dof) - p)).toBeLessThan(1e-10 * Math.max(p, 1e-3));
          expect(chiSquareCdf(x, dof) + chiSquareSurvival(x, dof)).toBeCloseTo(1, 13);
        },
      ),
    );
    expect(() => chiSquareQuantile(0.5, 0)).toThrow(/expected a positive number/);
  });

  test('log Γ at integers and halves', () => {
    expect(logGamma(1)).toBeCloseTo(0, 14);
    expect(logGamma(0.5)).toBeCloseTo(0.5 * Math.log(Math.PI), 13);
    expect(relative(logGamma(171), 706.5730622457874)).toBeLessThan(1e-14);
  });
});

describe('Gaussians', () => {
  test('log likelihood of two correlated values by hand', () => {
    const S = Float64Array.of(2, 1, 1, 2);
    const y = Float64Array.of(1, -1);
    const nis = mahalanobisSquaredOf(y, S);
    expect(nis).toBeCloseTo(2, 14);
    expect(gaussianLogLikelihood(y, cholesky(S, 2))).toBeCloseTo(
      -0.5 * (2 + Math.log(3) + 2 * Math.log(2 * Math.PI)),
      13,
    );
  });

  test('a mixture keeps mean and covariance', () => {
    const merged = mergeGaussians(
      [0.25, 0.75],
      [Float64Array.of(0), Float64Array.of(4)],
      [Float64Array.of(1), Float64Array.of(2)],
    );
    expect(merged.x[0]).toBe(3);
    expect(merged.P[0]).toBeCloseTo(0.25 * (1 + 9) + 0.75 * (2 + 1), 14);
  });
});
