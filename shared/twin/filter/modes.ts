import type { TwinDefinition } from '../../config/index.js';

/** One way in which parameters may move, and sensors scatter, at a sample. */
export interface Mode {
  /** Factor on the standard deviation of the trends' noise. */
  trendScale: number;
  /** Share of its range by which each parameter may have jumped since the last sample. */
  jump: number;
  /** Factor on the sensors' standard deviations. */
  noiseScale: number;
}

/** Modes, and how one follows the other from sample to sample. */
export interface ModeSet {
  readonly modes: readonly Mode[];
  /** Probability of each before any sample. */
  readonly start: Float64Array;
  /** K × K: from the row's mode to the column's. */
  readonly transition: Float64Array;
}

/** Shares of the range by which parameters jump: a fault that begins, a part that is replaced. */
const JUMPS = [0.05, 0.4] as const;
/** Probability of a sample with a jump. */
const JUMP = 0.005;
/** Probability that trends move on another scale from one sample to the next. */
const OTHER_SCALE = 0.01;
/** Probability that sensors scatter otherwise from one sample to the next. */
const OTHER_NOISE = 0.002;
/** Probability that the noise is as stated, before any sample. */
const NOISE_AS_STATED = 0.5;

/**
 * The modes of a twin: trends of several scales and jumps that last one sample, each with the noise
 * as stated or some factors of it. Nothing that does not move has scales.
 *
 * @returns undefined where there is but one
 * @see Blom & Bar-Shalom, The interacting multiple model algorithm, IEEE Trans. Autom. Control 33
 *   (1988); Willsky & Jones, A generalized likelihood ratio approach to jumps, same 21 (1976)
 */
export function modesOf({ parameters, estimator }: TwinDefinition): ModeSet | undefined {
  const moves = parameters.some((p) => p.dynamics !== 'constant' && p.timeConstantS === undefined);
  const scales = moves ? estimator.trendScales : [1];
  const noises = estimator.noiseScales;
  const moving: Pick<Mode, 'trendScale' | 'jump'>[] = scales.map((s) => ({
    trendScale: s,
    jump: 0,
  }));
  const slowest = Math.min(...scales);
  if (scales.length > 1) moving.push(...JUMPS.map((jump) => ({ trendScale: slowest, jump })));
  if (moving.length * noises.length === 1) return undefined;

  const a = scales.length;
  const jumps = moving.length - a;
  const toMoving = (from: number, to: number): number => {
    if (to >= a) return JUMP / jumps;
    const calm = jumps > 0 ? 1 - JUMP : 1;
    if (from >= a) return calm / a;
    if (a === 1) return calm;
    return calm * (from === to ? 1 - OTHER_SCALE : OTHER_SCALE / (a - 1));
  };
  const f = noises.length;
  const toNoise = (from: number, to: number): number =>
    f === 1 ? 1 : from === to ? 1 - OTHER_NOISE : OTHER_NOISE / (f - 1);
  const stated = noises.reduce(
    (best, v, i) => (Math.abs(Math.log(v)) < Math.abs(Math.log(noises[best]!)) ? i : best),
    0,
  );
  const noiseStart = (i: number) =>
    f === 1 ? 1 : i === stated ? NOISE_AS_STATED : (1 - NOISE_AS_STATED) / (f - 1);

  const K = moving.length * f;
  const modes = moving.flatMap((m) => noises.map((noiseScale) => ({ ...m, noiseScale })));
  const start = Float64Array.from(modes, ({ jump }, k) => (jump > 0 ? 0 : noiseStart(k % f) / a));
  const transition = new Float64Array(K * K);
  for (let j = 0; j < K; j++) {
    for (let k = 0; k < K; k++) {
      transition[j * K + k] =
        toMoving(Math.floor(j / f), Math.floor(k / f)) * toNoise(j % f, k % f);
    }
  }
  return { modes, start, transition };
}
