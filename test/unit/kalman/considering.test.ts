import { describe, expect, it } from 'vitest';
import { createRng } from '../../../shared/core/index.js';
import { updateConsidering, updateFactored } from '../../../shared/kalman/index.js';

/** Two considered parameters and two states, two channels. */
function problem(seed: number) {
  const rng = createRng(seed);
  const S = new Float64Array(16);
  for (let i = 0; i < 4; i++) for (let j = 0; j <= i; j++) S[i * 4 + j] = rng.normal();
  const H = Float64Array.from({ length: 8 }, () => rng.normal());
  const hs = new Float64Array(8);
  for (let c = 0; c < 2; c++) {
    for (let k = 0; k < 4; k++)
      for (let i = 0; i < 4; i++) hs[c * 4 + k]! += H[c * 4 + i]! * S[i * 4 + k]!;
  }
  return {
    prior: { x: Float64Array.of(1, 2, 3, 4), S },
    hs,
    innovation: Float64Array.of(rng.normal(), rng.normal()),
    rootNoise: Float64Array.of(0.5, 0, 0.2, 0.7),
  };
}

const covariance = (S: Float64Array, i: number, j: number) => {
  let sum = 0;
  for (let k = 0; k < 4; k++) sum += S[i * 4 + k]! * S[j * 4 + k]!;
  return sum;
};

describe('an update that considers parameters', () => {
  it('is the usual one where it considers none', () => {
    const { prior, hs, innovation, rootNoise } = problem(1);
    const a = updateFactored(prior, hs, innovation, rootNoise);
    const b = updateConsidering(prior, hs, innovation, rootNoise, 0);
    for (let i = 0; i < 4; i++) {
      expect(b.x[i]).toBeCloseTo(a.x[i]!, 10);
      for (let j = 0; j < 4; j++) {
        expect(covariance(b.S, i, j)).toBeCloseTo(covariance(a.S, i, j), 10);
      }
    }
    expect(b.nis).toBeCloseTo(a.nis, 10);
    expect(b.logLikelihood).toBeCloseTo(a.logLikelihood, 10);
  });

  it('leaves what it considers to the last bit of its mean and keeps its variance', () => {
    const { prior, hs, innovation, rootNoise } = problem(2);
    const b = updateConsidering(prior, hs, innovation, rootNoise, 2);
    expect([...b.x.subarray(0, 2)]).toEqual([1, 2]);
    for (let i = 0; i < 2; i++) {
      expect(covariance(b.S, i, i)).toBeCloseTo(covariance(prior.S, i, i), 10);
    }
    // The states are known better than before, and worse than where parameters are learnt as well.
    const a = updateFactored(prior, hs, innovation, rootNoise);
    for (let i = 2; i < 4; i++) {
      expect(covariance(b.S, i, i)).toBeLessThan(covariance(prior.S, i, i));
      expect(covariance(b.S, i, i)).toBeGreaterThanOrEqual(covariance(a.S, i, i) - 1e-12);
    }
  });
});
