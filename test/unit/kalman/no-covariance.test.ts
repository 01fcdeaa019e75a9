import { describe, expect, test } from 'vitest';
import {
  kfPredict,
  kfUpdate,
  scaledSigmaPoints,
  ukfPredict,
  ukfUpdate,
} from '../../../shared/kalman/index.js';

describe('what is no covariance', () => {
  const x = () => Float64Array.of(0, 0);
  const eye = () => Float64Array.of(1, 0, 0, 1);
  const F = eye();
  const points = scaledSigmaPoints(2);
  const f = (a: Float64Array, out: Float64Array) => out.set(a);

  test.each([
    ['asymmetric', [1, 0.5, 0.9, 1], /symmetric/],
    ['with a negative variance', [1, 0, 0, -0.5], /\[1,1\], expected a variance/],
    ['with a correlation beyond one', [1, 2, 2, 1], /no covariance/],
  ] as const)('is refused: %s', (_what, values, message) => {
    const M = Float64Array.from(values);
    for (const run of [
      () => kfPredict({ x: x(), P: eye() }, { F, Q: M }),
      () => kfPredict({ x: x(), P: M }, { F, Q: eye() }),
      () => kfUpdate({ x: x(), P: eye() }, { H: eye(), R: M, z: x() }),
      () => ukfPredict({ x: x(), P: eye() }, { f, Q: M, points }),
      () => ukfPredict({ x: x(), P: M }, { f, Q: eye(), points }),
      () => ukfUpdate({ x: x(), P: eye() }, { h: f, R: M, z: x(), points }),
    ]) {
      expect(run).toThrow(message);
    }
  });

  test('never comes of a measurement without noise', () => {
    const h = (a: Float64Array, out: Float64Array) => {
      out[0] = a[0]!;
    };
    const zero = Float64Array.of(0);
    const { P } = ukfUpdate({ x: x(), P: eye() }, { h, R: zero, z: zero, points });
    expect(P[0]).toBeGreaterThanOrEqual(0);
    expect(P[0]).toBeLessThan(1e-12);
    expect(P[3]).toBeCloseTo(1, 12);
  });
});
