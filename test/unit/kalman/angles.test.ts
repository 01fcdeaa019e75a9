import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  angularSpace,
  createWorkspace,
  cubatureSigmaPoints,
  drawSigmaPoints,
  type Gaussian,
  type SquareRootGaussian,
  scaledSigmaPoints,
  srUkfPredict,
  srUkfUpdate,
  ukfPredict,
  ukfUpdate,
  type VectorFunction,
  wrapAngle,
} from '../../../shared/kalman/index.js';

const stay: VectorFunction = (x, out) => out.set(x);

describe('angles', () => {
  test('wrapping', () => {
    expect(wrapAngle(Math.PI)).toBeCloseTo(Math.PI, 15);
    expect(wrapAngle(-Math.PI)).toBeCloseTo(Math.PI, 15);
    expect(wrapAngle(7)).toBeCloseTo(7 - 2 * Math.PI, 14);
    fc.assert(
      fc.property(fc.double({ min: -1e6, max: 1e6, noNaN: true }), (a) => {
        const w = wrapAngle(a);
        expect(w).toBeGreaterThan(-Math.PI - 1e-9);
        expect(w).toBeLessThanOrEqual(Math.PI + 1e-9);
        expect(Math.cos(w)).toBeCloseTo(Math.cos(a), 8);
      }),
    );
  });

  test('a heading near ±π: state and measurement wrapped, in both forms', () => {
    const space = angularSpace(1, [0]);
    const points = scaledSigmaPoints(1);
    const common = { points, stateSpace: space, measurementSpace: space };
    const f: VectorFunction = (x, out) => {
      out[0] = x[0]! + 0.2;
    };
    let standard: Gaussian = { x: Float64Array.of(3.1), P: Float64Array.of(0.01) };
    let root: SquareRootGaussian = { x: standard.x, S: Float64Array.of(0.1) };
    for (let k = 1; k <= 100; k++) {
      const z = Float64Array.of(wrapAngle(3.05 + 0.2 * k));
      standard = ukfPredict(standard, { f, Q: Float64Array.of(1e-6), ...common });
      standard = ukfUpdate(standard, { h: stay, R: Float64Array.of(0.01), z, ...common });
      root = srUkfPredict(root, { f, rootQ: Float64Array.of(1e-3), ...common });
      root = srUkfUpdate(root, { h: stay, rootR: Float64Array.of(0.1), z, ...common });
      expect(Math.abs(wrapAngle(root.x[0]! - standard.x[0]!))).toBeLessThan(1e-12);
    }
    expect(Math.abs(wrapAngle(standard.x[0]! - 3.05 - 0.2 * 100))).toBeLessThan(0.01);
  });

  test('points are drawn on the circle', () => {
    const rule = cubatureSigmaPoints(1);
    const rows = createWorkspace().rows('p', 2, 1);
    drawSigmaPoints(
      rule,
      Float64Array.of(Math.PI),
      Float64Array.of(0.1),
      rows,
      angularSpace(1, [0]),
    );
    expect(rows.data[0]).toBeCloseTo(0.1 - Math.PI, 14);
    expect(rows.data[1]).toBeCloseTo(Math.PI - 0.1, 14);
  });
});
