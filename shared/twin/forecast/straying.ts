/**
 * How a course strays from its law of wear: by white noise on its trend, as the filter has it, so that it
 * is ever farther off; or by a swing that comes back, with day and night, load or season.
 */
export type Straying = Drifting | Swinging;

interface Drifting {
  kind: 'drifting';
  /** Factor on the noise of the trend. */
  scale: number;
  /** How probable it is before any reading. */
  weight: number;
}

interface Swinging {
  kind: 'swinging';
  /** Deviation, in half a range. */
  size: number;
  /** In times of the readings' span; it keeps its phase about as long. */
  period: number;
  /** When it begins, likewise: with the readings, or once the machine is worn or loaded otherwise. */
  from: number;
  weight: number;
}

/** How probable it is before any reading that a course swings. */
const SWINGS = 0.15;
const DRIFTS = [
  { scale: 0, weight: 0.4 },
  { scale: 1 / 16, weight: 0.2 },
  { scale: 1 / 4, weight: 0.15 },
  { scale: 1, weight: 0.15 },
  { scale: 4, weight: 0.07 },
  { scale: 16, weight: 0.03 },
] as const;
/** A slower one could not be told from wear, a faster one not from noise. */
const PERIODS = [1, 0.7, 0.5, 0.35, 0.25, 0.175, 0.125, 0.0875, 0.0625] as const;
const BEGINS = [0, 0.125, 0.25, 0.375, 0.5] as const;
const SIZES = [1 / 512, 1 / 128, 1 / 32, 1 / 8] as const;

/** All that are weighed by the readings. */
export const STRAYINGS: readonly Straying[] = [
  ...DRIFTS.map(({ scale, weight }): Straying => {
    return { kind: 'drifting', scale, weight: weight * (1 - SWINGS) };
  }),
  ...PERIODS.flatMap((period) =>
    SIZES.flatMap((size) =>
      BEGINS.map((from): Straying => {
        const weight = SWINGS / PERIODS.length / SIZES.length / BEGINS.length;
        return { kind: 'swinging', size, period, from, weight };
      }),
    ),
  ),
];

/** Where a course is beside its law, and what carries that on: its trend, or the swing a quarter later. */
export interface StrayingCovariance {
  /** Of what readings at two times stray by. */
  between(a: number, b: number): number;
  /** Of a reading's with the straying, and what carries it on, now. */
  withNow(at: number): readonly [stray: number, carrier: number];
  /** Of both now: variances, and covariance between. */
  now: readonly [strays: number, both: number, carriers: number];
}

/**
 * White noise on a trend, integrated twice: 3·spread per horizon.
 *
 * @param spread variance of the trend at first
 * @param now in horizons, as all times
 */
export function driftCovariance(spread: number, now: number): StrayingCovariance {
  const between = (a: number, b: number) => {
    const [low, high] = a < b ? [a, b] : [b, a];
    return spread * (low * low * (1.5 * high - 0.5 * low) + a * b);
  };
  return {
    between,
    withNow: (at) => [between(at, now), spread * (1.5 * at * at + at)],
    now: [between(now, now), spread * (1.5 * now * now + now), spread * (3 * now + 1)],
  };
}

/**
 * A harmonic oscillation driven by white noise, at rest in its distribution.
 *
 * @param now in the readings' spans, as all times
 */
export function swingCovariance(variance: number, period: number, now: number): StrayingCovariance {
  const cos = (d: number) =>
    variance * Math.exp(-d / period) * Math.cos((2 * Math.PI * d) / period);
  const sin = (d: number) =>
    variance * Math.exp(-d / period) * Math.sin((2 * Math.PI * d) / period);
  return {
    between: (a, b) => cos(Math.abs(a - b)),
    withNow: (at) => [cos(now - at), sin(now - at)],
    now: [variance, 0, variance],
  };
}

/** Share of a swing that a mean over a time shows. */
export function shownOfSwing(length: number, period: number): number {
  const half = (Math.PI * length) / period;
  return half < 1e-6 ? 1 : Math.sin(half) / half;
}
