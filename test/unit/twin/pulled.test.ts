import { describe, expect, it } from 'vitest';
import type { Fit } from '../../../shared/twin/fit/fitting/fit.js';
import { widenPulled } from '../../../shared/twin/fit/shape/pulled.js';
import type { Coordinate } from '../../../shared/twin/fit/unknowns/coordinates.js';

const coordinate = (name: string, kind: Coordinate['kind']): Coordinate => ({
  name,
  kind,
  transform: 'linear',
  centre: 0,
  scale: 1,
  doubt: 1,
  span: 1,
  lower: Number.NEGATIVE_INFINITY,
  upper: Number.POSITIVE_INFINITY,
});

/** A fit of two parameters and a start state: where it stands, its covariance, and that of white residuals. */
function fitAt(u: number[], C: number[], white: number[]): Fit {
  const covariance = { covariance: Float64Array.from(C), white: Float64Array.from(white) };
  const coordinates = [
    coordinate('a', 'parameter'),
    coordinate('b', 'parameter'),
    coordinate('x', 'start-state'),
  ];
  return { coordinates, u: Float64Array.from(u), covariance } as unknown as Fit;
}
const diagonal = (...d: number[]) => d.flatMap((v, j) => d.map((_, k) => (j === k ? v : 0)));

describe('parameters pulled further than the record is worth', () => {
  it('stay as they are where residuals are white, however far they are', () => {
    const fit = fitAt([3, -3, 9], diagonal(0.2, 0.9, 0.5), diagonal(0.2, 0.9, 0.5));
    expect(widenPulled(fit)).toEqual([]);
    expect([...fit.covariance.covariance]).toEqual(diagonal(0.2, 0.9, 0.5));
  });

  it('take the way back to the prior into their bands, and are named', () => {
    const fit = fitAt([-2.5, 0.2, 9], diagonal(1, 0.04, 0.5), diagonal(0.01, 0.01, 0.5));
    const pulled = widenPulled(fit);
    expect(pulled.map(({ name }) => name)).toEqual(['a']);
    expect(pulled[0]!.by).toBeCloseTo(0.99 * 2.5, 9);
    const C = fit.covariance.covariance;
    // The prior's mean is one deviation away.
    expect(Math.sqrt(C[0]!)).toBeCloseTo(Math.hypot(1, 0.99 * 2.5), 9);
    expect(Math.sqrt(C[4]!)).toBeCloseTo(0.2, 2);
    expect(C[8]).toBe(0.5);
  });

  it('go no further back than to the prior, along ridges as well', () => {
    // Capped variances with a full correlation: twice the prior's along the ridge.
    const C = [1, 0.99, 0, 0.99, 1, 0, 0, 0, 0.5];
    const fit = fitAt([-2, -2, 0], C, diagonal(0, 0, 0.5));
    for (const { by } of widenPulled(fit)) expect(by).toBeLessThanOrEqual(2 + 1e-9);
  });

  it('take the states along with which they hang together', () => {
    // Of a and x data tell the difference, to 0.1.
    const C = [1, 0, 1, 0, 0.04, 0, 1, 0, 1.01];
    const fit = fitAt([-2.5, 0.2, 9], C, diagonal(0.01, 0.01, 0.01));
    widenPulled(fit);
    const [aa, , ax, , , , , , xx] = fit.covariance.covariance;
    expect(Math.sqrt(aa!)).toBeGreaterThan(2);
    expect(Math.sqrt(aa! + xx! - 2 * ax!)).toBeCloseTo(0.1, 6);
  });
});
