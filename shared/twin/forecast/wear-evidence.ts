import { cholesky, logDeterminant, solveLower } from '../../kalman/index.js';
import {
  driftCovariance,
  STRAYINGS,
  type Straying,
  shownOfSwing,
  swingCovariance,
} from './straying.js';
import { rateNow, type WearLaw, wearCourse } from './wear-law.js';

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

/** Speeds of wear now, in half a range per horizon, and how probable each is; the first is next to none. */
const SPEEDS = [
  { speed: 1 / 64, weight: 0.5 },
  { speed: 1, weight: 0.25 },
  { speed: 4, weight: 0.12 },
  { speed: 16, weight: 0.08 },
  { speed: 64, weight: 0.05 },
] as const;
/** Where wear begins: as new, in deviations of the prior; or, in half ranges, as the machine was found. */
const NEW = { deviations: 2, weight: 0.8 } as const;
/** Least share of the range that a reading's error is taken to have. */
const LEAST_ERROR = 1e-9;

/** Places within a reading, in halves of its time. */
const WITHIN = [-0.75, -0.25, 0.25, 0.75] as const;

/** Where the course is now, as a Gaussian. */
export interface CourseNow {
  /** Value, what carries the straying on, the straying, and how far the law has come. */
  mean: readonly [value: number, carrier: number, stray: number, size: number];
  /** Lower factor of the covariance, 4 × 4. */
  factor: Float64Array;
}

/** Ways in which begin and size of the wear are distributed before any reading. */
const WAYS = [NEW.weight, 1 - NEW.weight].flatMap((weight, level) =>
  SPEEDS.map((s) => ({ level, speed: s.speed, logWeight: Math.log(weight * s.weight) })),
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
  y: Float64Array;
  one: Float64Array;
  /** Covariance of each reading with the straying, and with what carries it on, now. */
  w: Float64Array;
  v: Float64Array;
  /** Of the two now. */
  ww: number;
  wv: number;
  vv: number;
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

/**
 * Which of some weights a share of their sum falls to.
 *
 * @param u between 0 and 1
 */
export function chosenBy(weights: ArrayLike<number>, u: number): number {
  let total = 0;
  for (let k = 0; k < weights.length; k++) total += weights[k]!;
  let reached = 0;
  for (let k = 0; k < weights.length; k++) {
    reached += weights[k]!;
    if (reached > u * total) return k;
  }
  return weights.length - 1;
}

/** Judges laws of wear by readings of a parameter. */
export class WearEvidence {
  readonly #of: ParameterReadings;
  readonly #spanS: number;
  /** Times of the readings: 0 the first, 1 now. */
  readonly #at: Float64Array;
  /** Half the time that each took, likewise. */
  readonly #half: Float64Array;
  readonly #whitened: readonly Whitened[];
  /** The law's course at the readings, in units of their error. */
  readonly #g: Float64Array;
  readonly #sums: Sums = { i01: 0, i11: 0, h1: 0 };
  /** Logarithms of the weights of all ways with the readings. */
  readonly #logWeights = new Float64Array(WAYS.length);
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
    this.#whitened = STRAYINGS.map((straying) => this.#whiten(straying));
  }

  /** How readings stray: their covariance, and the share of it that each shows. */
  #strays(straying: Straying) {
    const { range, horizonS, trendScale } = this.#of;
    if (straying.kind === 'drifting') {
      // Spread of the trend's noise and of its beginning: see filter/predict.ts.
      const spread = ((range / 2) * straying.scale * trendScale) ** 2;
      const tau = this.#spanS / horizonS;
      return {
        at: this.#at.map((u) => u * tau),
        shown: this.#at.map(() => 1),
        covariance: driftCovariance(spread, tau),
      };
    }
    const { size, period, from } = straying;
    return {
      at: this.#at,
      shown: this.#half.map((half, k) =>
        this.#at[k]! < from ? 0 : shownOfSwing(2 * half, period),
      ),
      covariance: swingCovariance(((range / 2) * size) ** 2, period, 1),
    };
  }

  #whiten(straying: Straying): Whitened {
    const { variance, value, prior, range } = this.#of;
    const K = this.#at.length;
    const { at, shown, covariance } = this.#strays(straying);
    const C = new Float64Array(K * K);
    for (let r = 0; r < K; r++) {
      for (let c = 0; c <= r; c++) {
        C[r * K + c] = shown[r]! * shown[c]! * covariance.between(at[r]!, at[c]!);
      }
      C[r * K + r]! += Math.max(variance[r]!, (LEAST_ERROR * range) ** 2);
    }
    const factor = cholesky(C, K);
    const whitened = (b: Float64Array) => solveLower(factor, b, K, 1, b);
    const y = whitened(Float64Array.from(value, (b) => b - prior.mean));
    const one = whitened(new Float64Array(K).fill(1));
    const withNow = (part: 0 | 1) =>
      whitened(at.map((t, k) => shown[k]! * covariance.withNow(t)[part]));
    const [ww, wv, vv] = covariance.now;
    return {
      factor,
      y,
      one,
      w: withNow(0),
      v: withNow(1),
      ww,
      wv,
      vv,
      yy: dot(y, y) + logDeterminant(factor, K),
      i00: dot(one, one),
      h0: dot(one, y),
    };
  }

  /** Variance of the size under a law, by the speed of wear now. */
  #sizeVariance(law: WearLaw, speed: number): number {
    const { range, horizonS } = this.#of;
    const perHorizon = (rateNow(law) * horizonS) / this.#spanS;
    return (range / 2) ** 2 * Math.min(1, speed / perHorizon) ** 2;
  }

  /** What a reading shows of a law: where the wear begins within it, the mean over its time. */
  #wearIn(worn: (at: number) => number, from: number, k: number): number {
    const at = this.#at[k]!;
    const half = this.#half[k]!;
    if (Math.abs(from - at) >= half) return worn(at);
    let sum = 0;
    for (const share of WITHIN) sum += worn(at + share * half);
    return sum / WITHIN.length;
  }

  /** Weighs all ways under a law. @returns the largest logarithm of a weight */
  #weigh(law: WearLaw, { factor, one, y, yy, i00, h0 }: Whitened): number {
    const g = this.#g;
    const worn = wearCourse(law);
    for (let k = 0; k < g.length; k++) g[k] = this.#wearIn(worn, law.from, k);
    solveLower(factor, g, g.length, 1, g);
    const sums = this.#sums;
    sums.i01 = dot(one, g);
    sums.i11 = dot(g, g);
    sums.h1 = dot(g, y);
    const { i01, i11, h1 } = sums;
    let top = Number.NEGATIVE_INFINITY;
    for (let k = 0; k < WAYS.length; k++) {
      const { level, speed, logWeight } = WAYS[k]!;
      const p0 = this.#levels[level]!;
      const p1 = this.#sizeVariance(law, speed);
      const a00 = i00 + 1 / p0;
      const a11 = i11 + 1 / p1;
      const det = a00 * a11 - i01 * i01;
      const fit = (a11 * h0 * h0 - 2 * i01 * h0 * h1 + a00 * h1 * h1) / det;
      const log = det > 0 ? logWeight - 0.5 * (yy - fit + Math.log(det * p0 * p1)) : -Infinity;
      this.#logWeights[k] = log;
      if (log > top) top = log;
    }
    return top;
  }

  /** Logarithm of how probable the readings are under a law and a straying. */
  logLikelihood(law: WearLaw, straying: number): number {
    const top = this.#weigh(law, this.#whitened[straying]!);
    if (!Number.isFinite(top)) return Number.NEGATIVE_INFINITY;
    let sum = 0;
    for (const log of this.#logWeights) sum += Math.exp(log - top);
    return top + Math.log(sum);
  }

  /**
   * What is known of the course now under a law and a straying.
   *
   * @param u between 0 and 1: which of the ways that begin and size are distributed
   */
  now(law: WearLaw, straying: number, u: number): CourseNow {
    const at = this.#whitened[straying]!;
    const top = this.#weigh(law, at);
    const weights = this.#logWeights.map((log) => Math.exp(log - top));
    const way = WAYS[chosenBy(weights, u)]!;
    const { i00, h0 } = at;
    const { i01, i11, h1 } = this.#sums;
    const [a00, a11] = [
      i00 + 1 / this.#levels[way.level]!,
      i11 + 1 / this.#sizeVariance(law, way.speed),
    ];
    const det = a00 * a11 - i01 * i01;
    const [c00, c01, c11] = [a11 / det, -i01 / det, a00 / det];
    const f = { begin: c00 * h0 + c01 * h1, size: c01 * h0 + c11 * h1, c00, c01, c11 };
    const g = this.#g;
    // The straying follows from the readings less begin and law: each is m0 + d·β + e.
    const { w, v, y, one } = at;
    const strays = [-dot(w, one), -dot(w, g)] as const;
    const carries = [-dot(v, one), -dot(v, g)] as const;
    const value = [1 + strays[0], 1 + strays[1]] as const;
    const size = [0, 1] as const;
    const stray = dot(w, y) + strays[0] * f.begin + strays[1] * f.size;
    const carrier = dot(v, y) + carries[0] * f.begin + carries[1] * f.size;
    const by = (p: readonly [number, number], q: readonly [number, number]) =>
      p[0] * q[0] * f.c00 + (p[0] * q[1] + p[1] * q[0]) * f.c01 + p[1] * q[1] * f.c11;
    const ww = at.ww - dot(w, w);
    const wv = at.wv - dot(w, v);
    const vv = at.vv - dot(v, v);
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
