import { cholesky, logDeterminant, solveLower } from '../../kalman/index.js';
import { rateNow, type WearLaw, wearBy } from './wear-law.js';

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
 * How much the course strays from its law: factors on the noise of the trend, and how probable each is
 * before any reading.
 */
export const STRAYING = [
  { scale: 0, weight: 0.4 },
  { scale: 1 / 16, weight: 0.2 },
  { scale: 1 / 4, weight: 0.15 },
  { scale: 1, weight: 0.15 },
  { scale: 4, weight: 0.07 },
  { scale: 16, weight: 0.03 },
] as const;
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

/** Value and trend now, and how far the law has come, as a Gaussian. */
export interface CourseNow {
  mean: readonly [b: number, v: number, a: number];
  /** Lower factor of the covariance, 3 × 3. */
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
  /** Covariance of each reading with the straying, and with its trend, now. */
  w: Float64Array;
  v: Float64Array;
  /** Of the straying and its trend now. */
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
    this.#whitened = STRAYING.map(({ scale }) => this.#whiten(scale * of.trendScale));
  }

  /** Spread of the trend's noise and of its beginning: see filter/predict.ts. */
  #spread(scale: number): number {
    return ((this.#of.range / 2) * scale) ** 2;
  }

  #whiten(scale: number): Whitened {
    const { variance, value, prior, range, horizonS } = this.#of;
    const K = this.#at.length;
    const tau = this.#at.map((u) => (u * this.#spanS) / horizonS);
    const now = this.#spanS / horizonS;
    const spread = this.#spread(scale);
    // White noise on the trend, integrated twice: 3·spread per horizon.
    const cov = (a: number, b: number) => {
      const [low, high] = a < b ? [a, b] : [b, a];
      return spread * (low * low * (1.5 * high - 0.5 * low) + a * b);
    };
    const C = new Float64Array(K * K);
    for (let r = 0; r < K; r++) {
      for (let c = 0; c <= r; c++) C[r * K + c] = cov(tau[r]!, tau[c]!);
      C[r * K + r]! += Math.max(variance[r]!, (LEAST_ERROR * range) ** 2);
    }
    const factor = cholesky(C, K);
    const whitened = (b: Float64Array) => solveLower(factor, b, K, 1, b);
    const y = whitened(Float64Array.from(value, (b) => b - prior.mean));
    const one = whitened(new Float64Array(K).fill(1));
    return {
      factor,
      y,
      one,
      w: whitened(tau.map((t) => cov(t, now))),
      v: whitened(tau.map((t) => spread * (1.5 * t * t + t))),
      ww: cov(now, now),
      wv: spread * (1.5 * now * now + now),
      vv: spread * (3 * now + 1),
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
  #wearIn(law: WearLaw, k: number): number {
    const at = this.#at[k]!;
    const half = this.#half[k]!;
    if (Math.abs(law.from - at) >= half) return wearBy(law, at);
    let sum = 0;
    for (const share of WITHIN) sum += wearBy(law, at + share * half);
    return sum / WITHIN.length;
  }

  /** Weighs all ways under a law. @returns the largest logarithm of a weight */
  #weigh(law: WearLaw, { factor, one, y, yy, i00, h0 }: Whitened): number {
    const g = this.#g;
    for (let k = 0; k < g.length; k++) g[k] = this.#wearIn(law, k);
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
    // The straying follows from the readings less begin and law: b = m0 + d·β + e.
    const { w, v, y, one } = at;
    const d = [1 - dot(w, one), 1 - dot(w, g)] as const;
    const e = [-dot(v, one), -dot(v, g)] as const;
    const b = this.#of.prior.mean + dot(w, y) + d[0] * f.begin + d[1] * f.size;
    const trend = dot(v, y) + e[0] * f.begin + e[1] * f.size;
    const by = (p: readonly [number, number], q: readonly [number, number]) =>
      p[0] * q[0] * f.c00 + (p[0] * q[1] + p[1] * q[0]) * f.c01 + p[1] * q[1] * f.c11;
    const law1 = [0, 1] as const;
    const P = [
      [at.ww - dot(w, w) + by(d, d)],
      [at.wv - dot(w, v) + by(d, e), at.vv - dot(v, v) + by(e, e)],
      [by(d, law1), by(e, law1), f.c11],
    ];
    return { mean: [b, trend, f.size], factor: semidefiniteRoot(P) };
  }
}

/** Lower factor of a 3 × 3 covariance, some directions of which may have vanished. */
function semidefiniteRoot(P: readonly (readonly number[])[]): Float64Array {
  const L = new Float64Array(9);
  for (let i = 0; i < 3; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = P[i]![j]!;
      for (let k = 0; k < j; k++) sum -= L[i * 3 + k]! * L[j * 3 + k]!;
      if (i === j) L[i * 4] = sum > 1e-12 * P[i]![i]! ? Math.sqrt(sum) : 0;
      else L[i * 3 + j] = L[j * 4]! > 0 ? sum / L[j * 4]! : 0;
    }
  }
  return L;
}
