import { cholesky, invertFromCholesky, solveLower } from '../../kalman/index.js';
import { noiseRootOf } from './gaussian-update.js';
import type { FilterSettings } from './settings.js';
import type { FilterStep } from './step.js';

/**
 * What the samples themselves said of each parameter, without what was believed before them: readings
 * of the course of its wear, whose errors do not depend on each other. Old ones are joined.
 */
export interface Readings {
  /** Time of the first sample, seconds; none before it. */
  readonly startS: Float64Array;
  /** Time of the newest sample in each, seconds, ascending. */
  readonly timeS: Float64Array;
  /** What it says of each parameter, and of which time: means by precision; by reading, then parameter. */
  readonly meanTimeS: Float64Array;
  readonly value: Float64Array;
  /** Reciprocal of the variance of its error, 0 where nothing was said; by reading, then parameter. */
  readonly precision: Float64Array;
  /** Since when the course of each parameter has had no break, seconds. */
  readonly sinceS: Float64Array;
}

/** Readings that are kept: the older they are, the more samples in each. */
const MOST = 32;
/** Share of all the time over which readings are as dense as the newest. */
const RECENT = 1 / 4;
/** A sample that moved a parameter by so many deviations was a break of its course. */
const BREAK = 3;
/** Precision of a parameter before a sample, per range squared. */
const VAGUE = 4;
/** Less than this, likewise, is nothing. */
const LEAST = 0.01;

/** Nothing was said. */
const noReadings = (n: number): Readings => ({
  startS: new Float64Array(),
  timeS: new Float64Array(),
  meanTimeS: new Float64Array(),
  value: new Float64Array(),
  precision: new Float64Array(),
  sinceS: new Float64Array(n).fill(Number.NEGATIVE_INFINITY),
});

/**
 * What a sample says of each parameter by itself, all of them being unknown within half their ranges.
 *
 * @returns value and precision of each; undefined where no channel counts
 */
function readingOf(
  { linearisation: lin, active, gated, noiseScale = 1 }: FilterStep,
  measured: Float64Array,
  noiseStd: Float64Array,
  range: Float64Array,
): { value: Float64Array; precision: Float64Array } | undefined {
  const n = range.length;
  const used = active.filter((o) => !gated.includes(o));
  const m = used.length;
  if (m === 0) return undefined;
  const variance = noiseStd.map((v) => (noiseScale * v) ** 2);
  // In units of the error: rows of slopes per range, and the residual at the line's centre.
  const width = n + 1;
  const rows = new Float64Array(m * width);
  used.forEach((o, r) => {
    for (let i = 0; i < n; i++) rows[r * width + i] = lin.slope[o * n + i]! * range[i]!;
    rows[r * width + n] = measured[o]! - lin.mean[o]!;
  });
  solveLower(noiseRootOf(lin.omega, lin.mean.length, variance, used), rows, m, width, rows);
  const information = new Float64Array(n * n);
  const pull = new Float64Array(n);
  for (let r = 0; r < m; r++) {
    for (let i = 0; i < n; i++) {
      pull[i]! += rows[r * width + i]! * rows[r * width + n]!;
      for (let j = 0; j < n; j++) {
        information[i * n + j]! += rows[r * width + i]! * rows[r * width + j]!;
      }
    }
  }
  for (let i = 0; i < n; i++) information[i * n + i]! += VAGUE;
  const covariance = invertFromCholesky(cholesky(information, n), n);
  const value = new Float64Array(n);
  const precision = new Float64Array(n);
  for (let i = 0; i < n; i++) {
    let shift = 0;
    for (let j = 0; j < n; j++) shift += covariance[i * n + j]! * pull[j]!;
    const posterior = covariance[i * n + i]!;
    // Less what was taken for known of it beforehand, about the centre.
    const own = 1 / posterior - VAGUE;
    if (!(own > LEAST)) continue;
    value[i] = lin.centre[i]! + (range[i]! * (shift / posterior)) / own;
    precision[i] = own / range[i]! ** 2;
  }
  return { value, precision };
}

/** Joins the two neighbours that matter least where there are too many. */
function thinned(of: Readings, n: number): Readings {
  const { timeS, meanTimeS, value, precision } = of;
  const K = timeS.length;
  if (K <= MOST) return of;
  const now = timeS[K - 1]!;
  const recent = RECENT * (now - of.startS[0]!);
  let least = Number.POSITIVE_INFINITY;
  let at = 0;
  for (let k = 0; k + 1 < K; k++) {
    const span = timeS[k + 1]! - (timeS[k - 1] ?? of.startS[0]!);
    const broken = of.sinceS.some((s) => s > timeS[k]! && s <= timeS[k + 1]!);
    const cost = span / (now - timeS[k + 1]! + recent) + (broken ? 1 : 0);
    if (cost >= least) continue;
    least = cost;
    at = k;
  }
  const without = (a: Float64Array, width: number) => {
    const kept = new Float64Array(a.length - width);
    kept.set(a.subarray(0, (at + 1) * width));
    kept.set(a.subarray((at + 2) * width), (at + 1) * width);
    return kept;
  };
  const joined = {
    timeS: without(timeS, 1),
    meanTimeS: without(meanTimeS, n),
    value: without(value, n),
    precision: without(precision, n),
  };
  joined.timeS[at] = timeS[at + 1]!;
  for (let i = 0; i < n; i++) {
    const [a, b] = [at * n + i, (at + 1) * n + i];
    const [p, q] = [precision[a]!, precision[b]!];
    joined.precision[a] = p + q;
    if (!(p + q > 0)) continue;
    joined.value[a] = (p * value[a]! + q * value[b]!) / (p + q);
    joined.meanTimeS[a] = (p * meanTimeS[a]! + q * meanTimeS[b]!) / (p + q);
  }
  return { ...of, ...joined };
}

/**
 * Adds what a sample of rest says.
 *
 * @param prior means of parameters and trends before it, with their factor
 */
export function updateReadings(
  before: Readings | undefined,
  sample: {
    prior: { x: Float64Array; S: Float64Array };
    filtered: FilterStep;
    measured: Float64Array;
    timeS: number;
  },
  noiseStd: Float64Array,
  { range }: FilterSettings,
): Readings {
  const n = range.length;
  const { filtered, timeS, prior } = sample;
  const of = before ?? noReadings(n);
  if (filtered.mismatch) return of;
  const found = readingOf(filtered, sample.measured, noiseStd, range);
  if (found === undefined) return of;
  const N = 2 * n;
  const moved = (i: number) =>
    Math.abs(filtered.posterior.x[i]! - prior.x[i]!) >
    BREAK * Math.hypot(...prior.S.subarray(i * N, i * N + N));
  const sinceS = filtered.regimeChange
    ? of.sinceS.map((s, i) => (moved(i) ? timeS : s))
    : of.sinceS;
  const added = (a: Float64Array, b: ArrayLike<number>) => {
    const all = new Float64Array(a.length + b.length);
    all.set(a);
    all.set(b, a.length);
    return all;
  };
  return thinned(
    {
      startS: of.startS.length > 0 ? of.startS : Float64Array.of(timeS),
      timeS: added(of.timeS, [timeS]),
      meanTimeS: added(
        of.meanTimeS,
        range.map(() => timeS),
      ),
      value: added(of.value, found.value),
      precision: added(of.precision, found.precision),
      sinceS,
    },
    n,
  );
}

/** Without what was said after a time: a sensor had a part in it that was off. */
export function readingsUntil(of: Readings | undefined, timeS: number): Readings | undefined {
  if (of === undefined) return undefined;
  const K = of.timeS.filter((t) => t <= timeS).length;
  const n = of.sinceS.length;
  return {
    startS: K > 0 ? of.startS : new Float64Array(),
    timeS: of.timeS.slice(0, K),
    meanTimeS: of.meanTimeS.slice(0, K * n),
    value: of.value.slice(0, K * n),
    precision: of.precision.slice(0, K * n),
    sinceS: of.sinceS.map((s) => (s <= timeS ? s : Number.NEGATIVE_INFINITY)),
  };
}
