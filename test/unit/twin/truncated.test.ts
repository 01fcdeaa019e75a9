import fc from 'fast-check';
import { expect, it } from 'vitest';
import { truncatedEstimate } from '../../../shared/twin/index.js';
import { boundLines } from '../../../shared/twin/report/bound-text.js';
import { smallTwin } from './fixtures.js';

it('keeps the mean inside its interval and the interval inside the bounds', () => {
  fc.assert(
    fc.property(
      fc.double({ min: -3, max: 3, noNaN: true }),
      fc.double({ min: 1e-3, max: 10, noNaN: true }),
      (mean, std) => {
        const e = truncatedEstimate(mean, std, 0, 1);
        expect(e.lower95).toBeGreaterThanOrEqual(0);
        expect(e.upper95).toBeLessThanOrEqual(1);
        expect(e.mean).toBeGreaterThanOrEqual(e.lower95 - 1e-9);
        expect(e.mean).toBeLessThanOrEqual(e.upper95 + 1e-9);
      },
    ),
  );
});

it('is the half-normal at a bound', () => {
  const e = truncatedEstimate(0, 1, 0);
  expect(e.lower95).toBe(0);
  expect(e.upper95).toBeCloseTo(1.959964, 4);
  expect(e.mean).toBeCloseTo(Math.sqrt(2 / Math.PI), 4);
  expect(e.std).toBeCloseTo(Math.sqrt(1 - 2 / Math.PI), 4);
});

it('is told in words where its value is the mean of what lies within bounds', () => {
  const at = (variable: string, more: object) => ({
    ...{ variable, alias: `/m/${variable}`, prior: { mean: 0.05, std: 0.066 } },
    ...more,
  });
  const { definition } = smallTwin({
    parameters: [
      at('k1', { lower: 0 }),
      at('k2', { lower: 0 }),
      at('k3', { upper: 0.06 }),
      at('k4', {}),
    ],
  });
  const prior = truncatedEstimate(0.05, 0.066, 0);
  expect(prior.mean).toBeCloseTo(0.0755, 3);
  const estimates = {
    k1: prior,
    k2: truncatedEstimate(0.05, 0.001, 0),
    k3: truncatedEstimate(0.05, 0.066, -Infinity, 0.06),
    k4: truncatedEstimate(0.05, 0.066),
  };
  expect(boundLines(definition, estimates)).toEqual([
    'Of k1 (0), k3 (0.06) bands end at a bound: values are means of what lies within, which need not be the most probable.',
  ]);
  expect(boundLines(definition, { ...estimates, k1: estimates.k2, k3: estimates.k4 })).toEqual([]);
});

/** The truncated Gaussian's mean, deviation and the mass of an interval, by Simpson's rule. */
function integrated(mean: number, std: number, lower: number, upper: number) {
  const steps = 20_000;
  const mode = Math.min(upper, Math.max(lower, mean));
  const density = (x: number) =>
    Math.exp(-0.5 * (((x - mean) / std) ** 2 - ((mode - mean) / std) ** 2));
  const integral = (f: (x: number) => number, from: number, to: number) => {
    const h = (to - from) / steps;
    let sum = f(from) + f(to);
    for (let k = 1; k < steps; k++) sum += (k % 2 === 1 ? 4 : 2) * f(from + k * h);
    return (sum * h) / 3;
  };
  const mass = integral(density, lower, upper);
  const m = integral((x) => x * density(x), lower, upper) / mass;
  const v = integral((x) => (x - m) ** 2 * density(x), lower, upper) / mass;
  return {
    mean: m,
    std: Math.sqrt(v),
    share: (from: number, to: number) => integral(density, from, to) / mass,
  };
}

it.each([
  [0.5, 0.2],
  [0.1, 0.3],
  [0.9, 0.3],
  [-0.4, 0.1],
  [1.6, 0.1],
  [-1, 0.1],
  [2, 0.1],
  [-1.2, 0.05],
])('agrees with numerical integration over [0, 1] at mean %d, deviation %d', (mean, std) => {
  const e = truncatedEstimate(mean, std, 0, 1);
  const exact = integrated(mean, std, 0, 1);
  expect(Math.abs(e.mean - exact.mean)).toBeLessThan(1e-6 * std);
  expect(Math.abs(e.std / exact.std - 1)).toBeLessThan(1e-6);
  expect(exact.share(e.lower95, e.upper95)).toBeCloseTo(0.95, 7);
});

it('goes over into an exponential far outside', () => {
  for (const [mean, lower, upper] of [
    [-3, 0, Number.POSITIVE_INFINITY],
    [4, Number.NEGATIVE_INFINITY, 1],
  ] as const) {
    const e = truncatedEstimate(mean, 0.1, lower, upper);
    const exact = integrated(-3, 0.1, 0, 0.1);
    const beyond = mean < 0 ? e.mean : 1 - e.mean;
    expect(Math.abs(beyond / exact.mean - 1)).toBeLessThan(5e-3);
    expect(Math.abs(e.std / exact.std - 1)).toBeLessThan(5e-3);
  }
});
