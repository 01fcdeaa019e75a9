import { createRng } from '../../core/index.js';
import { predict } from '../filter/predict.js';
import type { FilterSettings } from '../filter/settings.js';
import type { CourseBelief } from './course-belief.js';
import { LawPaths } from './law-paths.js';

/** Courses that the parameters may take. */
export interface TrendPaths {
  /** Seconds ahead, from 0. */
  aheadS: Float64Array;
  count: number;
  /** By time, then path, then parameter; unconstrained, as the filter's state is. */
  values: readonly Float64Array[];
}

/**
 * Draws courses of the parameters. The random numbers are the same at every call, so that two
 * forecasts under different assumptions differ by those alone; paths come in antithetic pairs.
 *
 * A parameter whose readings tell of its wear goes on by a law that they bear, drawn once for the
 * path; all others by the filter's own trend model. What an error that stays has made of a parameter is
 * drawn once for the path, too.
 *
 * @param belief parameters and trends, and how they go on
 * @param count even
 */
export function drawTrendPaths(
  belief: CourseBelief,
  settings: FilterSettings,
  aheadS: Float64Array,
  count: number,
  seed = 1,
): TrendPaths {
  const n = settings.range.length;
  const N = 2 * n;
  const rng = createRng(seed);
  const pairs = Math.ceil(count / 2);
  const x = new Float64Array(2 * pairs * N);
  const w = new Float64Array(N);
  const laws = (belief.courses ?? []).map(
    (c, i) => c && new LawPaths(c, i, belief, settings, pairs, seed),
  );
  const values: Float64Array[] = [];
  const off = lastingOf(belief, pairs, n, seed);
  let before = 0;
  aheadS.forEach((ahead, k) => {
    // What moves is linear, so that the step's mean and noise follow from the filter's prediction.
    const step = transition(settings, ahead - before);
    for (const [i, law] of laws.entries()) law?.next(before, ahead, step[i]!);
    before = ahead;
    for (let pair = 0; pair < pairs; pair++) {
      for (let i = 0; i < N; i++) w[i] = rng.normal();
      for (const sign of [1, -1]) {
        const at = (2 * pair + (sign > 0 ? 0 : 1)) * N;
        if (k === 0) {
          for (let i = 0; i < N; i++) {
            x[at + i] = belief.x[i]!;
            for (let j = 0; j <= i; j++) x[at + i]! += sign * belief.S[i * N + j]! * w[j]!;
          }
        }
        for (let i = 0; i < n; i++) {
          const law = laws[i];
          if (law !== undefined) {
            const path = 2 * pair + (sign > 0 ? 0 : 1);
            if (k === 0) law.begin(path, x[at + i]!, sign * w[n + i]!);
            else law.move(path, sign * w[i]!, sign * w[n + i]!);
            x[at + i] = law.value[path]!;
          } else if (k > 0) {
            const { kept, drift, tau, l11, l21, l22 } = step[i]!;
            x[at + i] = drift + kept * x[at + i]! + tau * x[at + n + i]! + sign * l11 * w[i]!;
            x[at + n + i]! += sign * (l21 * w[i]! + l22 * w[n + i]!);
          }
        }
      }
    }
    const b = new Float64Array(2 * pairs * n);
    for (let p = 0; p < 2 * pairs; p++) b.set(x.subarray(p * N, p * N + n), p * n);
    off?.forEach((v, at) => {
      b[at]! += v;
    });
    values.push(b);
  });
  return { aheadS, count: 2 * pairs, values };
}

/** How far errors that stay have each path's parameters off, paths × n. */
function lastingOf(
  { lasting }: CourseBelief,
  pairs: number,
  n: number,
  seed: number,
): Float64Array | undefined {
  if (lasting === undefined || lasting.every((v) => v === 0)) return undefined;
  // Numbers of its own: courses without such errors stay what they are.
  const rng = createRng(7919 * seed + 1);
  const off = new Float64Array(2 * pairs * n);
  for (let pair = 0; pair < pairs; pair++) {
    for (let i = 0; i < n; i++) {
      off[2 * pair * n + i] = lasting[i]! * rng.normal();
      off[(2 * pair + 1) * n + i] = -off[2 * pair * n + i]!;
    }
  }
  return off;
}

/** How a parameter and its trend move over a time, and the factor of their noise. */
function transition(settings: FilterSettings, dtS: number) {
  const n = settings.range.length;
  const N = 2 * n;
  // From a state known exactly, the predicted covariance is the noise of the step alone.
  const zero = { x: new Float64Array(N), S: new Float64Array(N * N) };
  const { x, S } = predict(zero, dtS, settings);
  return Array.from({ length: n }, (_, i) => ({
    kept: Math.exp(-dtS / (settings.reversion[i]?.timeConstantS ?? Number.POSITIVE_INFINITY)),
    drift: x[i]!,
    tau: settings.trend[i] ? dtS / settings.horizonS[i]! : 0,
    l11: S[i * N + i]!,
    l21: S[(n + i) * N + i]!,
    l22: S[(n + i) * N + n + i]!,
  }));
}
