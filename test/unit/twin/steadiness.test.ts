import { describe, expect, it } from 'vitest';
import { createRng } from '../../../shared/core/index.js';
import { steadiness } from '../../../shared/twin/index.js';

/** A window of samples from a course, with noise. */
function windowOf(
  samples: number,
  channels: number,
  course: (k: number, channel: number) => number,
  rng: ReturnType<typeof createRng>,
  options: { sigma?: number; known?: boolean; missing?: number } = {},
) {
  const { sigma = 0.1, known = true, missing = 0 } = options;
  const values = Array.from({ length: samples * channels }, (_, i) => {
    const value = course(Math.floor(i / channels), i % channels) + sigma * rng.normal();
    return rng.uniform() < missing ? Number.NaN : value;
  });
  return {
    timeS: Array.from({ length: samples }, (_, k) => 1e9 + k),
    values,
    noiseStd: new Array<number>(channels).fill(known ? sigma : Number.NaN),
  };
}

/** Share of windows that are taken for moving. */
function movingShare(
  trials: number,
  make: (rng: ReturnType<typeof createRng>) => Parameters<typeof steadiness>[0],
  alpha = 0.01,
) {
  const rng = createRng(11);
  let moving = 0;
  for (let i = 0; i < trials; i++) if (!steadiness(make(rng), alpha).steady) moving++;
  return moving / trials;
}

describe('steadiness', () => {
  it.each([
    [8, 1, 0],
    [8, 9, 0],
    [32, 9, 0.2],
    [3, 4, 0],
  ])('keeps its rate of false alarms: %i samples, %i channels, %d missing', (n, m, missing) => {
    const share = movingShare(3000, (rng) => windowOf(n, m, (_, c) => 20 + c, rng, { missing }));
    // 3000 trials at 1 %: a standard deviation of 0.18 %; the correction makes it smaller.
    expect(share).toBeLessThan(0.0155);
    expect(share).toBeGreaterThan(0.001);
  });

  it('keeps it about where the noise has to be found in the window', () => {
    for (const samples of [5, 8, 30]) {
      const share = movingShare(3000, (rng) =>
        windowOf(samples, 2, () => 1, rng, { known: false }),
      );
      expect(share).toBeLessThan(0.02);
    }
  });

  it('sees a slope, a step at the newest sample, and an oscillation', () => {
    const sigma = 0.1;
    const slope = movingShare(300, (rng) =>
      windowOf(16, 3, (k, c) => (c === 1 ? 0.05 * k : 0), rng, { sigma }),
    );
    expect(slope).toBeGreaterThan(0.99);
    const step = movingShare(300, (rng) =>
      windowOf(16, 3, (k, c) => (c === 1 && k === 15 ? 0.6 : 0), rng, { sigma }),
    );
    expect(step).toBeGreaterThan(0.95);
    const wave = movingShare(300, (rng) =>
      windowOf(16, 3, (k, c) => (c === 1 ? 0.3 * Math.sin(k) : 0), rng, { sigma }),
    );
    expect(wave).toBeGreaterThan(0.99);
  });

  it('sees together what no channel shows alone', () => {
    const all = movingShare(300, (rng) => windowOf(16, 9, (k) => 0.017 * k, rng));
    const one = movingShare(300, (rng) =>
      windowOf(16, 9, (k, c) => (c === 0 ? 0.017 * k : 0), rng),
    );
    expect(all).toBeGreaterThan(one + 0.2);
  });

  it('takes any change of a set-point for one of the machine', () => {
    const at = (values: number[]) =>
      steadiness({ timeS: values.map((_, k) => k), values, noiseStd: [Number.NaN] }, 0.01).steady;
    expect(at([1, 1, 1, 1, 1, 1])).toBe(true);
    expect(at([1, 1, 1, 1, 1, 1.0001])).toBe(false);
    expect(at([1, 1, 1.0001, 1.0001, 1.0001, 1.0001])).toBe(false);
  });

  it('names the channel that moves, and says nothing of what it cannot test', () => {
    const rng = createRng(3);
    const moving = steadiness(
      windowOf(12, 4, (k, c) => (c === 2 ? k : 0), rng),
      0.01,
    );
    expect(moving).toMatchObject({ steady: false, channel: 2 });
    expect(steadiness({ timeS: [0], values: [1], noiseStd: [0.1] }, 0.01)).toEqual({
      steady: true,
      pValue: 1,
      channel: -1,
    });
  });
});
