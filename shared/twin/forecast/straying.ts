import type { Rng } from '../../core/index.js';
import { chosenBy } from './chosen-by.js';

/**
 * How a course strays from its law of wear: by white noise on its trend, as the filter has it, so that it
 * is ever farther off; or by a swing that comes back, with day and night, shifts, load or season.
 */
export type Straying = Drifting | Swinging;

interface Drifting {
  kind: 'drifting';
  /** Factor on the noise of the trend. */
  scale: number;
}

interface Swinging {
  kind: 'swinging';
  /** Deviation, in half a range. */
  size: number;
  /** In times of the readings' span. */
  period: number;
  /** Periods over which it keeps its phase. */
  coherence: number;
  /** Deviation of what is white in it, in its own: a swing that is no sine. */
  rough: number;
  /** When it begins, 0 with the readings, 1 now: with the readings, or once the machine is worn or loaded otherwise. */
  from: number;
}

const SCALES = [
  { scale: 1 / 16, weight: 0.34 },
  { scale: 1 / 4, weight: 0.25 },
  { scale: 1, weight: 0.25 },
  { scale: 4, weight: 0.11 },
  { scale: 16, weight: 0.05 },
] as const;
/** A slower swing could not be told from wear, a faster one not from noise. */
const PERIODS = Array.from({ length: 25 }, (_, k) => 2 ** (-k / 6));
/** By weather and load; by the clock, as a sine, and in steps. */
const REGULARITIES = [
  { coherence: 1, rough: 0 },
  { coherence: 12, rough: 0.15 },
  { coherence: 12, rough: 0.5 },
] as const;
const SIZES = [2 ** -9, 2 ** -7.5, 2 ** -6, 2 ** -4.5, 2 ** -3] as const;
const SWINGS_FROM = [0, 0.25, 0.5] as const;

/** Strayings of a kind, which differ in some properties, each of a number of steps. */
interface Family {
  /** How probable it is before any reading that a course strays in this way. */
  weight: number;
  steps: readonly number[];
  /** The same for each step of the first property, among themselves. */
  weights: readonly number[];
  /** By the steps of the properties. */
  of(at: readonly number[]): Straying;
}

const FAMILIES: readonly Family[] = [
  // Not at all.
  {
    weight: 0.34,
    steps: [1],
    weights: [1],
    of: () => ({ kind: 'drifting', scale: 0 }),
  },
  {
    weight: 0.51,
    steps: [SCALES.length],
    weights: SCALES.map(({ weight }) => weight),
    of: ([scale]) => ({ kind: 'drifting', scale: SCALES[scale!]!.scale }),
  },
  {
    weight: 0.15,
    steps: [PERIODS.length, REGULARITIES.length, SIZES.length, SWINGS_FROM.length],
    weights: PERIODS.map(() => 1 / PERIODS.length),
    of: ([period, regularity, size, from]) => ({
      kind: 'swinging',
      period: PERIODS[period!]!,
      ...REGULARITIES[regularity!]!,
      size: SIZES[size!]!,
      from: SWINGS_FROM[from!]!,
    }),
  },
];

/** Everything of a family, first property first, one family after the other. */
const PLACES = FAMILIES.flatMap((family) => {
  const count = family.steps.reduce((a, b) => a * b, 1);
  const each = count / family.steps[0]!;
  return Array.from({ length: count }, (_, place) => {
    let rest = place;
    const at = family.steps.map((steps) => {
      const own = rest % steps;
      rest = (rest - own) / steps;
      return own;
    });
    const within = Math.log(family.weights[at[0]!]! / each);
    return { family, at, straying: family.of(at), within };
  });
});
const FIRST = FAMILIES.map((family) => PLACES.findIndex((place) => place.family === family));

/** A straying by its place among all. */
export const strayingAt = (place: number): Straying => PLACES[place]!.straying;

/** Logarithm of how probable a straying is before any reading, among its family. */
export const priorWithin = (place: number): number => PLACES[place]!.within;

/** Logarithm of how probable it is that a course strays as each family does, before any reading. */
export const FAMILY_PRIORS: readonly number[] = FAMILIES.map(({ weight }) => Math.log(weight));

/** Whether a family has but one straying. */
export const isLone = (family: number): boolean => FAMILIES[family]!.steps.every((n) => n === 1);

/** Draws one of a family as they are before any reading. */
export function drawStraying(family: number, rng: Rng): number {
  const { steps, weights } = FAMILIES[family]!;
  let [place, stride] = [FIRST[family]!, 1];
  steps.forEach((count, k) => {
    const u = rng.uniform();
    place += stride * (k === 0 ? chosenBy(weights, u) : Math.floor(count * u));
    stride *= count;
  });
  return place;
}

/** Steps of a property to one beside it, at most. */
const BESIDE = 3;

/** One that differs in one property by a few steps; undefined: none is there. Back is as probable. */
export function strayingBeside(place: number, rng: Rng): number | undefined {
  const { family, at } = PLACES[place]!;
  const { steps } = family;
  const which = Math.floor(steps.length * rng.uniform());
  const by = Math.ceil(BESIDE * rng.uniform()) * (rng.uniform() < 0.5 ? 1 : -1);
  const to = at[which]! + by;
  if (to < 0 || to >= steps[which]!) return undefined;
  return place + by * steps.slice(0, which).reduce((a, b) => a * b, 1);
}

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
 * @param coherence periods over which it keeps its phase
 * @param now in the readings' spans, as all times
 */
export function swingCovariance(
  variance: number,
  { period, coherence }: { period: number; coherence: number },
  now: number,
): StrayingCovariance {
  const kept = (d: number) => variance * Math.exp(-d / (period * coherence));
  const cos = (d: number) => kept(d) * Math.cos((2 * Math.PI * d) / period);
  const sin = (d: number) => kept(d) * Math.sin((2 * Math.PI * d) / period);
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
