import { describe, expect, it } from 'vitest';
import { createRng } from '../../../shared/core/index.js';
import {
  factorMoments,
  matMulTransposed,
  mergeFactored,
  mixFactored,
  mixMoments,
  type SquareRootGaussian,
} from '../../../shared/kalman/index.js';

const rng = createRng(3);

function drawn(n: number, scale: number, offset = 0): SquareRootGaussian {
  const S = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < i; j++) S[i * n + j] = scale * rng.normal();
    S[i * n + i] = scale * (0.5 + rng.uniform());
  }
  return { x: Float64Array.from({ length: n }, () => offset + scale * rng.normal()), S };
}

const covarianceOf = ({ x: { length: n }, S }: SquareRootGaussian) =>
  matMulTransposed(S, S, n, n, n);

function expectSame(a: SquareRootGaussian, b: SquareRootGaussian, tolerance: number): void {
  const n = a.x.length;
  const [P, Q] = [covarianceOf(a), covarianceOf(b)];
  for (let i = 0; i < n; i++) {
    const std = Math.sqrt(Q[i * n + i]!);
    expect(Math.abs(a.x[i]! - b.x[i]!)).toBeLessThanOrEqual(tolerance * std);
    for (let j = 0; j < n; j++) {
      const scale = std * Math.sqrt(Q[j * n + j]!);
      expect(Math.abs(P[i * n + j]! - Q[i * n + j]!)).toBeLessThanOrEqual(tolerance * scale);
    }
  }
}

describe('mixing Gaussians', () => {
  it('gives the sums that triangularisation gives', () => {
    const parts = [drawn(5, 1), drawn(5, 0.1, 3), drawn(5, 4)];
    const weights = [
      [0.2, 0.5, 0.3],
      [0.998, 0.001, 0.001],
      [0, 1, 0],
    ];
    const mixed = mixMoments(Float64Array.from(weights.flat()), parts);
    mixed.forEach((moments, s) => {
      expectSame(factorMoments(moments!)!, mergeFactored(weights[s]!, parts), 1e-12);
    });
  });

  it('keeps its digits where means are large beside deviations', () => {
    const parts = [drawn(4, 1e-6, 1000), drawn(4, 1e-6, 1000)];
    const weights = Float64Array.of(0.4, 0.6);
    expectSame(mixFactored(weights, parts), mergeFactored(weights, parts), 1e-6);
  });

  it('triangularises where a sum is as good as singular', () => {
    const narrow: SquareRootGaussian = {
      x: Float64Array.of(0, 0),
      S: Float64Array.of(1, 0, 1, 1e-7),
    };
    const weights = Float64Array.of(0.5, 0.5);
    const mixed = mixFactored(weights, [narrow, narrow]);
    expect(mixed.S[3]).toBeCloseTo(1e-7, 14);
    const [moments] = mixMoments(weights, [narrow, narrow]);
    expect(moments === undefined ? undefined : factorMoments(moments)).toBeUndefined();
  });

  it('leaves variables without variance without any', () => {
    const still = drawn(3, 1);
    for (let j = 0; j < 3; j++) still.S[3 + j] = 0;
    still.S[2 * 3 + 1] = 0;
    const mixed = mixFactored(Float64Array.of(0.5, 0.5), [still, still]);
    expect([...mixed.S.subarray(3, 6)]).toEqual([0, 0, 0]);
    expectSame(
      {
        x: mixed.x.filter((_, i) => i !== 1),
        S: Float64Array.of(mixed.S[0]!, 0, mixed.S[6]!, mixed.S[8]!),
      },
      {
        x: still.x.filter((_, i) => i !== 1),
        S: Float64Array.of(still.S[0]!, 0, still.S[6]!, still.S[8]!),
      },
      1e-12,
    );
  });
});
