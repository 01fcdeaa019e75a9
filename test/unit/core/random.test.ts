import { describe, expect, it } from 'vitest';
import { createRng } from '../../../shared/core/index.js';

describe('createRng', () => {
  it('repeats itself for a seed', () => {
    const draw = () => {
      const rng = createRng(42);
      return Array.from({ length: 5 }, () => rng.normal());
    };
    expect(draw()).toEqual(draw());
  });

  it('gives standard normals', () => {
    const rng = createRng(7);
    const n = 20_000;
    const x = Array.from({ length: n }, () => rng.normal());
    const mean = x.reduce((a, b) => a + b, 0) / n;
    const variance = x.reduce((a, b) => a + (b - mean) ** 2, 0) / n;
    const kurtosis = x.reduce((a, b) => a + (b - mean) ** 4, 0) / n / variance ** 2;
    // Four standard errors each: 1/√n, √(2/n), √(24/n).
    expect(Math.abs(mean)).toBeLessThan(4 / Math.sqrt(n));
    expect(Math.abs(variance - 1)).toBeLessThan(4 * Math.sqrt(2 / n));
    expect(Math.abs(kurtosis - 3)).toBeLessThan(4 * Math.sqrt(24 / n));
  });

  it('gives unrelated first draws for neighbouring seeds', () => {
    const n = 5000;
    const x = Array.from({ length: n }, (_, seed) => createRng(seed).normal());
    let product = 0;
    for (let i = 1; i < n; i++) product += x[i]! * x[i - 1]!;
    expect(Math.abs(product / n)).toBeLessThan(4 / Math.sqrt(n));
  });
});
