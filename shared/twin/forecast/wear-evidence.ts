import { cholesky, logDeterminant, solveLower } from '../../kalman/index.js';
import { chosenBy } from './chosen-by.js';
import {
  driftCovariance,
  type Straying,
  type StrayingCovariance,
  shownOfSwing,
  strayingAt,
  swingCovariance,
} from './straying.js';
import { rateNow, type WearLaw, wearAt, wearBy } from './wear-law.js';

/** Readings of one parameter, and what is known of it beforehand. */
export interface ParameterReadings {
  /** Seconds, ascending. */
  timeS: ArrayLike<number>;
  /** How long the samples took that are joined in each. */
  lengthS: ArrayLike<number>;
  value: ArrayLike<number>;
  /** Variances of their errors. */
  variance: ArrayLike<number>;
  /** Not before the last of them. */
  nowS: number;
  range: number;
  /** Seconds in which it may wear through its range. */
  horizonS: number;
  prior: { mean: number; std: number };
  /** Factor on the noise of all trends. */
  trendScale: number;
}

/**
 * Speeds of wear, in half a range per horizon, and how probable each is; the first is next to none, as of
 * most parts while they are watched.
 */
const SPEEDS = [
  { speed: 1 / 64, weight: 0.8 },
  { speed: 1, weight: 0.1 },
  { speed: 4, weight: 0.05 },
  { speed: 16, weight: 0.03 },
  { speed: 64, weight: 0.02 },
] as const;
/** Where wear begins: as new, in deviations of the prior; or, in half ranges, as the machine was found. */
const NEW = { deviations: 2, weight: 0.8 } as const;
/** Least share of half a range that a law's size is taken to have, so that its square is no zero. */
const LEAST_SHARE = 1e-60;
/** Least share of the range that a reading's error is taken to have. */
const LEAST_ERROR = 1e-9;

/** Where the course is now, as a Gaussian. */
export interface CourseNow {
  /** Value, what carries the straying on, the straying, and how far the law has come. */
  mean: readonly [value: number, carrier: number, stray: number, size: number];
  /** Lower factor of the covariance, 4 × 4. */
  factor: Float64Array;
}

/** Ways in which begin and size of the wear are distributed before any reading. */
const WAYS = [NEW.weight, 1 - NEW.weight].flatMap((weight, level) =>
  SPEEDS.map((s) => ({ level, speed: s.speed, weight: weight * s.weight })),
);

/** What readings say of the size under a law. */
interface Sums {
  /** Information: of begin and size together, of size. */
  i01: number;
  i11: number;
  /** What pulls the size. */
  h1: number;
}

/** What is at hand for one straying: readings in units of their joint error. */
interface Whitened {
  factor: Float64Array;
  /** Where no reading's error hangs together with another's: the factor's diagonal. */
  alone?: Float64Array;
  y: Float64Array;
  one: Float64Array;
  /** Sum of squares of y, and the logarithm of the errors' determinant. */
  yy: number;
  /** Information on the begin, and what pulls it. */
  i00: number;
  h0: number;
}

const dot = (a: Float64Array, b: Float64Array): number => {
  let sum = 0;
  for (let k = 0; k < a.length; k++) sum += a[k]! * b[k]!;
  return sum;
};

/** Covariance of what readings at some times stray by: its lower half, by rows. */
function jointly(at: Float64Array, { between }: StrayingCovariance): Float64Array {
  const K = at.length;
  const joint = new Float64Array(K * K);
  for (let r = 0; r < K; r++) {
    for (let c = 0; c <= r; c++) joint[r * K + c] = between(at[r]!, at[c]!);
  }
  return joint;
}

/** Judges laws of wear by readings of a parameter. */
export class WearEvidence {
  readonly #of: ParameterReadings;
  readonly #spanS: number;
  /** Times of the readings: 0 the first, 1 now. */
  readonly #at: Float64Array;
  /** Half the time that each took, likewise. */
  readonly #half: Float64Array;
  /** By the straying's place, once it was asked for. */
  readonly #whitened = new Map<number, Whitened>();
  /** By period and coherence. */
  readonly #swings = new Map<string, Float64Array>();
  /** The law's course at the readings, in units of their error. */
  readonly #g: Float64Array;
  #sums: Sums = { i01: 0, i11: 0, h1: 0 };
  /** Of all ways with the readings: to within a factor; and what they leave less of the squares. */
  readonly #weights = new Float64Array(WAYS.length);
  readonly #fits = new Float64Array(WAYS.length);
  /** Variances of begin by level. */
  readonly #levels: readonly number[];

  constructor(of: ParameterReadings) {
    this.#of = of;
    const startS = of.timeS[0]!;
    this.#spanS = of.nowS - startS;
    this.#at = Float64Array.from(of.timeS, (t) => (t - startS) / this.#spanS);
    this.#half = Float64Array.from(of.lengthS, (l) => l / this.#spanS / 2);
    this.#g = new Float64Array(of.timeS.length);
    this.#levels = [(NEW.deviations * of.prior.std) ** 2, (of.range / 2) ** 2];
  }

  /** How readings stray: their covariance, and the share of it that each shows. */
  #strays(straying: Straying) {
    const { range, horizonS, trendScale } = this.#of;
    const half = range / 2;
    if (straying.kind === 'drifting') {
      // Spread of the trend's noise and of its beginning: see filter/predict.ts.
      const spread = (half * straying.scale * trendScale) ** 2;
      const tau = this.#spanS / horizonS;
      const covariance = driftCovariance(spread, tau);
      const at = this.#at.map((u) => u * tau);
      const together = jointly(at, covariance);
      return { at, shown: this.#at.map(() => 1), rough: 0, together, variance: 1, covariance };
    }
    const { size, period, rough, from } = straying;
    const variance = (half * size) ** 2;
    return {
      at: this.#at,
      together: this.#swingsTogether(straying),
      variance,
      shown: this.#half.map((h, k) => (this.#at[k]! < from ? 0 : shownOfSwing(2 * h, period))),
      rough: rough ** 2 * variance,
      covariance: swingCovariance(variance, straying, 1),
    };
  }

  #whitenedBy(place: number): Whitened {
    const known = this.#whitened.get(place);
    if (known !== undefined) return known;
    const made = this.#whiten(strayingAt(place));
    this.#whitened.set(place, made);
    return made;
  }

  #whiten(straying: Straying): Whitened {
    const { variance, value, prior, range } = this.#of;
    const K = this.#at.length;
    const { shown, rough, together, variance: spread } = this.#strays(straying);
    const C = new Float64Array(K * K);
    for (let r = 0; r < K; r++) {
      for (let c = 0; c <= r; c++)
        C[r * K + c] = shown[r]! * shown[c]! * spread * together[r * K + c]!;
      C[r * K + r]! += Math.max(variance[r]!, (LEAST_ERROR * range) ** 2) + shown[r]! ** 2 * rough;
    }
    const factor = cholesky(C, K, C);
    const whitened = (b: Float64Array) => solveLower(factor, b, K, 1, b);
    const y = whitened(Float64Array.from(value, (b) => b - prior.mean));
    const one = whitened(new Float64Array(K).fill(1));
    const isAlone = straying.kind === 'drifting' && straying.scale === 0;
    return {
      factor,
      ...(isAlone ? { alone: factor.filter((_, place) => place % (K + 1) === 0) } : {}),
      y,
      one,
      yy: dot(y, y) + logDeterminant(factor, K),
      i00: dot(one, one),
      h0: dot(one, y),
    };
  }

  /** How two readings swing together, for a swing of 1 that all of them show; drawn up once. */
  #swingsTogether(straying: Straying & { kind: 'swinging' }): Float64Array {
    const key = `${straying.period} ${straying.coherence}`;
    const known = this.#swings.get(key);
    if (known !== undefined) return known;
    const together = jointly(this.#at, swingCovariance(1, straying, 1));
    this.#swings.set(key, together);
    return together;
  }

  /** A law's speed now, per horizon, for a wear of 1 by now. */
  #perHorizon(law: WearLaw): number {
    return (rateNow(law) * this.#of.horizonS) / this.#spanS;
  }

  /**
   * Variance of the size under a law, by the speed of wear: so large that half a range is worn by as many
   * horizons since it began, and no faster now. Of the two, the former tells where wear that speeds up
   * has just begun: however slow now, it would soon be through.
   */
  #sizeVariance(law: WearLaw, perHorizon: number, speed: number): number {
    const { horizonS, range } = this.#of;
    const through = wearBy(law, law.from + horizonS / speed / this.#spanS);
    const share = Math.max(LEAST_SHARE, Math.min(1, speed / perHorizon, 1 / through));
    return (range / 2) ** 2 * share ** 2;
  }

  /** Weighs all ways under a law. @returns logarithm of how probable the readings are */
  #weigh(law: WearLaw, { factor, alone, one, y, yy, i00, h0 }: Whitened): number {
    const g = this.#g;
    wearAt(law, this.#at, this.#half, g);
    if (alone === undefined) solveLower(factor, g, g.length, 1, g);
    let [i01, i11, h1] = [0, 0, 0];
    for (let k = 0; k < g.length; k++) {
      if (alone !== undefined) g[k]! /= alone[k]!;
      i01 += one[k]! * g[k]!;
      i11 += g[k]! * g[k]!;
      h1 += g[k]! * y[k]!;
    }
    this.#sums = { i01, i11, h1 };
    const perHorizon = this.#perHorizon(law);
    const weights = this.#weights;
    const fits = this.#fits;
    let best = Number.NEGATIVE_INFINITY;
    for (let k = 0; k < WAYS.length; k++) {
      const { level, speed, weight } = WAYS[k]!;
      const p0 = this.#levels[level]!;
      const p1 = this.#sizeVariance(law, perHorizon, speed);
      const a00 = i00 + 1 / p0;
      const a11 = i11 + 1 / p1;
      const det = a00 * a11 - i01 * i01;
      const isOne = det > 0;
      weights[k] = isOne ? weight / Math.sqrt(det * p0 * p1) : 0;
      fits[k] = isOne
        ? (a11 * h0 * h0 - 2 * i01 * h0 * h1 + a00 * h1 * h1) / det
        : Number.NEGATIVE_INFINITY;
      if (fits[k]! > best) best = fits[k]!;
    }
    if (!Number.isFinite(best)) return Number.NEGATIVE_INFINITY;
    let sum = 0;
    for (let k = 0; k < WAYS.length; k++) {
      weights[k]! *= Math.exp((fits[k]! - best) / 2);
      sum += weights[k]!;
    }
    return (best - yy) / 2 + Math.log(sum);
  }

  /** Logarithm of how probable the readings are under a law and a straying. */
  logLikelihood(law: WearLaw, straying: number): number {
    return this.#weigh(law, this.#whitenedBy(straying));
  }

  /**
   * What is known of the course now under a law and a straying.
   *
   * @param u between 0 and 1: which of the ways that begin and size are distributed
   */
  now(law: WearLaw, straying: number, u: number): CourseNow {
    const at = this.#whitenedBy(straying);
    this.#weigh(law, at);
    const way = WAYS[chosenBy(this.#weights, u)]!;
    const { i00, h0 } = at;
    const { i01, i11, h1 } = this.#sums;
    const [a00, a11] = [
      i00 + 1 / this.#levels[way.level]!,
      i11 + 1 / this.#sizeVariance(law, this.#perHorizon(law), way.speed),
    ];
    const det = a00 * a11 - i01 * i01;
    const [c00, c01, c11] = [a11 / det, -i01 / det, a00 / det];
    const f = { begin: c00 * h0 + c01 * h1, size: c01 * h0 + c11 * h1, c00, c01, c11 };
    const g = this.#g;
    // The straying follows from the readings less begin and law: each is m0 + d·β + e.
    const { y, one, factor } = at;
    const { shown, covariance, at: times } = this.#strays(strayingAt(straying));
    const withNow = (part: 0 | 1) => {
      const b = times.map((t, k) => shown[k]! * covariance.withNow(t)[part]);
      return solveLower(factor, b, b.length, 1, b);
    };
    const [w, v] = [withNow(0), withNow(1)];
    const strays = [-dot(w, one), -dot(w, g)] as const;
    const carries = [-dot(v, one), -dot(v, g)] as const;
    const value = [1 + strays[0], 1 + strays[1]] as const;
    const size = [0, 1] as const;
    const stray = dot(w, y) + strays[0] * f.begin + strays[1] * f.size;
    const carrier = dot(v, y) + carries[0] * f.begin + carries[1] * f.size;
    const by = (p: readonly [number, number], q: readonly [number, number]) =>
      p[0] * q[0] * f.c00 + (p[0] * q[1] + p[1] * q[0]) * f.c01 + p[1] * q[1] * f.c11;
    const [ww0, wv0, vv0] = covariance.now;
    const ww = ww0 - dot(w, w);
    const wv = wv0 - dot(w, v);
    const vv = vv0 - dot(v, v);
    const P = [
      [ww + by(value, value)],
      [wv + by(value, carries), vv + by(carries, carries)],
      [ww + by(value, strays), wv + by(carries, strays), ww + by(strays, strays)],
      [by(value, size), by(carries, size), by(strays, size), f.c11],
    ];
    const b = this.#of.prior.mean + f.begin + f.size + stray;
    return { mean: [b, carrier, stray, f.size], factor: semidefiniteRoot(P) };
  }
}

/** Lower factor of a small covariance, some directions of which may have vanished. */
function semidefiniteRoot(P: readonly (readonly number[])[]): Float64Array {
  const n = P.length;
  const L = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = P[i]![j]!;
      for (let k = 0; k < j; k++) sum -= L[i * n + k]! * L[j * n + k]!;
      const pivot = L[j * (n + 1)]!;
      if (i !== j) L[i * n + j] = pivot > 0 ? sum / pivot : 0;
      else L[i * (n + 1)] = sum > 1e-12 * P[i]![i]! ? Math.sqrt(sum) : 0;
    }
  }
  return L;
}
