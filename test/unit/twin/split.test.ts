import { expect, test } from 'vitest';
import { noiseRootOf } from '../../../shared/twin/filter/gaussian-update.js';
import type { Linearisation } from '../../../shared/twin/filter/linearise.js';
import { splitUpdate } from '../../../shared/twin/filter/split.js';

const channels = [0, 1, 2, 3, 4, 5, 6, 7, 8];
const variance = new Float64Array(9).fill(1e-8);

test('a model that bends a billion times further than its sensors’ noise still has a likelihood', async () => {
  // Two parameters, one of which makes nine outputs leap where it is negative.
  const n = 2;
  const leap = (k: number) => 1e4 * (1 + k / 7);
  const h = (x: Float64Array) =>
    Float64Array.from(channels, (k) => x[1]! * (k + 1) + (x[0]! < 0 ? leap(k) * x[0]! : 0));
  const lin = {
    slope: Float64Array.from({ length: 9 * n }, (_, i) =>
      i % n === 1 ? (i - 1) / n + 1 : 0.5 * leap((i - (i % n)) / n),
    ),
    mean: h(new Float64Array(n)),
  } as Linearisation;
  const S = new Float64Array(16);
  for (const i of [0, 1, 2, 3]) S[i * 4 + i] = 1;
  const truth = Float64Array.of(0.4, 0.3);
  const { merged, modelRuns } = await splitUpdate(
    { x: new Float64Array(4), S },
    lin,
    0,
    channels,
    h(truth),
    variance,
    (points) => Promise.resolve(points.map(h)),
  );
  expect(modelRuns).toBe(13);
  const { x } = merged!;
  expect([...x].every(Number.isFinite)).toBe(true);
  // No output tells how far above zero the first is; that it is above, all do.
  expect(x[0]!).toBeGreaterThan(0);
  expect(Math.abs(x[1]! - 0.3)).toBeLessThan(0.01);
});

test('noise keeps its root where a linearisation’s error is of rank one and beyond it by sixteen digits', () => {
  const e = channels.map((k) => 1e4 * (1 + k / 7));
  const omega = Float64Array.from({ length: 81 }, (_, i) => e[Math.floor(i / 9)]! * e[i % 9]!);
  const root = noiseRootOf(omega, 9, variance, channels);
  for (const i of channels) {
    const sum = channels.reduce((s, k) => s + root[i * 9 + k]! ** 2, 0);
    expect(sum / e[i]! ** 2).toBeCloseTo(1, 12);
    expect(root[i * 9 + i]!).toBeGreaterThanOrEqual(1e-4);
  }
});
