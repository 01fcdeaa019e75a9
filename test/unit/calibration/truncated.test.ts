import fc from 'fast-check';
import { expect, it } from 'vitest';
import { truncatedEstimate } from '../../../shared/calibration/index.js';

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
