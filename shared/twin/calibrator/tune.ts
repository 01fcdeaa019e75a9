import { initialNoise } from '../filter/initial-noise.js';
import type { Sample, Twin, TwinModel } from '../types.js';
import { createCalibrator } from './calibrator.js';
import { runSamples } from './run.js';

/** A value that was tried. */
export interface Trial {
  /** Factor on the trends' noise. */
  trendScale: number;
  /** Factor on the noise first estimated of channels without a `noiseStd`. */
  noiseScale: number;
  /** Sum over the recording. */
  logLikelihood: number;
  meanNisPerChannel: number;
}

/** What suits a recording best. */
export interface TuneResult {
  twin: string;
  /** Every value tried, in the order of the search. */
  tried: Trial[];
  best: Trial;
  /** Lowest and highest of the `trendScale`s tried that the recording does not speak against. */
  plausibleTrendScale: [number, number];
  /** What to put into the twin definition: `estimator`, … */
  estimator: { trendScale: number };
  /** … and the noise of the channels that had none. */
  measured: { variable: string; noiseStd: number }[];
}

/** Between these the factors are sought. */
const TREND_SCALES = [1e-2, 1e2] as const;
const NOISE_SCALES = [0.1, 10] as const;
const GRID = 5;
/** Golden sections after the grid: the factor is then known to about a tenth. */
const SECTIONS = 7;
const GOLDEN = (Math.sqrt(5) - 1) / 2;
/** Half the 95 % quantile of χ² with one degree of freedom: fits within it are as good. */
const PLAUSIBLE = 1.92;
/** Samples that noise is first estimated from. */
const NOISE_SAMPLES = 200;

/**
 * Finds the largest value of a function of a positive number: a coarse grid, then golden sections
 * about its best, both in the logarithm.
 *
 * @see Kiefer, Sequential minimax search for a maximum, Proc. AMS 4 (1953)
 */
async function maximise(
  f: (x: number) => Promise<number>,
  [low, high]: readonly [number, number],
): Promise<number> {
  const from = Math.log(low);
  const step = (Math.log(high) - from) / (GRID - 1);
  const at = (u: number) => f(Math.exp(u));
  let best = 0;
  let highest = Number.NEGATIVE_INFINITY;
  for (let k = 0; k < GRID; k++) {
    const value = await at(from + k * step);
    if (value > highest) {
      highest = value;
      best = k;
    }
  }
  let a = from + Math.max(0, best - 1) * step;
  let b = from + Math.min(GRID - 1, best + 1) * step;
  let left = b - GOLDEN * (b - a);
  let right = a + GOLDEN * (b - a);
  let atLeft = await at(left);
  let atRight = await at(right);
  for (let k = 0; k < SECTIONS - 2; k++) {
    if (atLeft > atRight) {
      b = right;
      right = left;
      atRight = atLeft;
      left = b - GOLDEN * (b - a);
      atLeft = await at(left);
    } else {
      a = left;
      left = right;
      atLeft = atRight;
      right = a + GOLDEN * (b - a);
      atRight = await at(right);
    }
  }
  return Math.exp(atLeft > atRight ? left : right);
}

/** How many runs over the recording a search takes, at most. */
export function tuneRuns(twin: Twin): number {
  const once = GRID + SECTIONS;
  return twin.definition.measured.some((m) => m.noiseStd === undefined) ? 3 * once : once;
}

/**
 * Tunes the trends' noise, and that of channels whose `noiseStd` is left out, to a recording by
 * maximising the likelihood of its innovations. The wear horizon stays: a shorter one has the effect
 * of a larger `trendScale`.
 *
 * @param options.onSample called after each sample of each run, with the number of all so far
 * @see Schweppe, Evaluation of likelihood functions for Gaussian signals, IEEE Trans. Inf. Theory 11
 *   (1965)
 * @throws TwinError as the calibrator's steps
 */
export async function tuneEstimator(options: {
  twin: Twin;
  model: TwinModel;
  samples: readonly Sample[];
  onSample?: (done: number) => void;
  signal?: AbortSignal;
}): Promise<TuneResult> {
  const { twin, model, samples, onSample, signal } = options;
  const { definition } = twin;
  const noise = initialNoise(definition, samples.slice(0, NOISE_SAMPLES));
  const open = definition.measured.some((m) => m.noiseStd === undefined);
  const noiseAt = (i: number, scale: number) =>
    definition.measured[i]!.noiseStd ?? noise[i]! * scale;
  const tried: Trial[] = [];
  let done = 0;
  const attempt = async (trendScale: number, noiseScale: number): Promise<number> => {
    const variant: Twin = {
      ...twin,
      definition: {
        ...definition,
        measured: definition.measured.map((m, i) => ({ ...m, noiseStd: noiseAt(i, noiseScale) })),
        // Noise that follows the innovations would make every value fit in the end.
        // So would modes that compete.
        estimator: {
          ...definition.estimator,
          trendScale,
          trendScales: [1],
          noiseScales: [1],
          adaptNoise: false,
        },
      },
    };
    const calibrator = createCalibrator({ twin: variant, model });
    const before = done;
    const { steps } = await runSamples(
      calibrator,
      calibrator.initialState(),
      samples,
      (k) => {
        done = before + k;
        onSample?.(done);
      },
      signal,
    );
    let logLikelihood = 0;
    let nis = 0;
    let channels = 0;
    for (const step of steps) {
      if (step.skipped !== undefined) continue;
      logLikelihood += step.logLikelihood;
      nis += step.nis;
      channels += step.channels;
    }
    tried.push({ trendScale, noiseScale, logLikelihood, meanNisPerChannel: nis / channels });
    return logLikelihood;
  };
  if (open) {
    const first = await maximise((s) => attempt(definition.estimator.trendScale, s), NOISE_SCALES);
    const trend = await maximise((s) => attempt(s, first), TREND_SCALES);
    await maximise((s) => attempt(trend, s), NOISE_SCALES);
  } else await maximise((s) => attempt(s, 1), TREND_SCALES);
  const best = tried.reduce((a, b) => (b.logLikelihood > a.logLikelihood ? b : a));
  const plausible = tried
    .filter((t) => best.logLikelihood - t.logLikelihood <= PLAUSIBLE)
    .map((t) => t.trendScale);
  return {
    twin: definition.name,
    tried,
    best,
    plausibleTrendScale: [Math.min(...plausible), Math.max(...plausible)],
    estimator: { trendScale: Number(best.trendScale.toPrecision(3)) },
    measured: definition.measured.flatMap(({ variable, noiseStd }, i) =>
      noiseStd === undefined
        ? [{ variable, noiseStd: Number(noiseAt(i, best.noiseScale).toPrecision(3)) }]
        : [],
    ),
  };
}
