import { describe, expect, test } from 'vitest';
import {
  augmentedUkfPredict,
  augmentedUkfUpdate,
  kfPredict,
  kfUpdate,
  linearSmootherStep,
  rtsSmoother,
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
    const C = eye();
    const noisy = scaledSigmaPoints(4);
    const f2 = (a: Float64Array, _w: Float64Array, out: Float64Array) => out.set(a);
    for (const run of [
      () => kfPredict({ x: x(), P: eye() }, { F, Q: M }),
      () => kfPredict({ x: x(), P: M }, { F, Q: eye() }),
      () => kfUpdate({ x: x(), P: eye() }, { H: eye(), R: M, z: x() }),
      () => ukfPredict({ x: x(), P: eye() }, { f, Q: M, points }),
      () => ukfPredict({ x: x(), P: M }, { f, Q: eye(), points }),
      () => ukfUpdate({ x: x(), P: eye() }, { h: f, R: M, z: x(), points }),
      () => augmentedUkfPredict({ x: x(), P: eye() }, { f: f2, Q: M, points: noisy }),
      () => augmentedUkfUpdate({ x: x(), P: eye() }, { h: f2, R: M, z: x(), points: noisy }),
      () => linearSmootherStep({ x: x(), P: M }, { F, Q: eye() }),
      () => linearSmootherStep({ x: x(), P: eye() }, { F, Q: M }),
      () =>
        rtsSmoother(
          [
            { x: x(), P: eye() },
            { x: x(), P: eye() },
          ],
          [{ predicted: { x: x(), P: M }, crossCovariance: C }],
        ),
    ]) {
      expect(run).toThrow(message);
    }
  });

  describe('of three, whose correlations are possible by pairs and not together', () => {
    const correlations = Float64Array.of(1, 0.9, 0.9, 0.9, 1, -0.9, 0.9, -0.9, 1);
    const of3 = (variance: number) =>
      Float64Array.of(variance, 0, 0, 0, variance, 0, 0, 0, variance);
    const zero = () => new Float64Array(3);
    const I = of3(1);
    const rule = scaledSigmaPoints(3);
    const belief = { x: zero(), P: of3(5) };

    test.each([
      ['P of kfPredict', () => kfPredict({ x: zero(), P: correlations }, { F: I, Q: of3(0) })],
      ['Q of kfPredict', () => kfPredict(belief, { F: I, Q: correlations })],
      [
        'P of kfUpdate',
        () => kfUpdate({ x: zero(), P: correlations }, { H: I, R: of3(9), z: zero() }),
      ],
      ['R of kfUpdate', () => kfUpdate(belief, { H: I, R: correlations, z: zero() })],
      ['Q of ukfPredict', () => ukfPredict(belief, { f, Q: correlations, points: rule })],
      [
        'R of ukfUpdate',
        () => ukfUpdate(belief, { h: f, R: correlations, z: zero(), points: rule }),
      ],
      [
        'P of ukfUpdate with its points',
        () =>
          ukfUpdate(
            { x: zero(), P: correlations },
            { h: f, R: of3(1), z: zero(), points: rule, propagated: new Float64Array(21) },
          ),
      ],
      [
        'P of a smoother’s step',
        () => linearSmootherStep({ x: zero(), P: correlations }, { F: I, Q: I }),
      ],
      ['Q of a smoother’s step', () => linearSmootherStep(belief, { F: I, Q: correlations })],
    ])('is refused: %s', (_what, run) => {
      expect(run).toThrow(/^[PQR] has a negative eigenvalue/);
    });

    test('nor is anything refused that is singular only, on whatever scale', () => {
      // v vᵀ of three sizes: two eigenvalues are 0 to rounding.
      const v = [1e-9, 3, 7e8];
      const single = Float64Array.from(v.flatMap((a) => v.map((b) => a * b)));
      for (const Q of [single, of3(0)]) {
        const { P } = kfPredict({ x: zero(), P: single }, { F: I, Q });
        expect(P[4]).toBeCloseTo(single[4]! + Q[4]!, 9);
      }
    });
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
