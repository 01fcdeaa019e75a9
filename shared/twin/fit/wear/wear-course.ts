import type { TwinParameter } from '../../../config/index.js';
import { type Coordinate, type CourseTerm, valueAt } from '../unknowns/coordinates.js';

/**
 * One hypothesis of how a parameter moves along a record: as fast as its definition says or so many
 * times faster, with a rate that changes on the way, or by jumps.
 */
export interface WearKind {
  name: string;
  /** Times the speed that the wear horizon allows. */
  scale: number;
  /** Standard deviation of jumps along the record, as a share of the parameter's range. */
  jump: number;
  /** Standard deviation of one step at a known time, likewise. */
  step?: number;
  /** Before any data. */
  probability: number;
}

/**
 * The hypotheses: the scales of the filter's bank, and a jump. A wear horizon is a guess, so scales are
 * nearly as probable as each other: where a record cannot tell wear from none, bands are as wide as that.
 */
export const WEAR_KINDS: readonly WearKind[] = [
  { name: 'none', scale: 0, jump: 0, probability: 0.35 },
  { name: '1×', scale: 1, jump: 0, probability: 0.15 },
  { name: '2×', scale: 2, jump: 0, probability: 0.12 },
  { name: '4×', scale: 4, jump: 0, probability: 0.1 },
  { name: '8×', scale: 8, jump: 0, probability: 0.08 },
  { name: '16×', scale: 16, jump: 0, probability: 0.06 },
  { name: '32×', scale: 32, jump: 0, probability: 0.05 },
  { name: '64×', scale: 64, jump: 0, probability: 0.04 },
  { name: 'jump', scale: 1, jump: 0.12, probability: 0.05 },
];

/** Whether a parameter moves under a hypothesis. */
export const moves = (kind: WearKind) => kind.scale > 0;

/** What is looked at besides where an event says when something changed. */
export const STEP_KIND: WearKind = {
  name: 'step',
  scale: 1,
  jump: 0,
  step: 0.15,
  probability: 0.2,
};

/** How far the rate's own changes carry a parameter along a record, as a share of what the rate does. */
export const BEND = 0.5;

/**
 * Factor on the noise of a trend that was not seen to wear: wear may begin at any time, and bands hold
 * until it is seen.
 */
export const CALM_TREND = 4;

/** How a parameter wears, on its transformed scale. */
export interface WearPrior {
  /** Index of the parameter. */
  parameter: number;
  /** Standard deviation of its rate at the record's end at scale 1, per second. */
  rateStd: number;
  /** Its range. */
  range: number;
}

/**
 * What is known before the data of the wear of a parameter; undefined where it does not wear.
 *
 * @param horizonS seconds in which it may wear through its range
 * @param at where its logarithm is taken
 */
export function wearPrior(
  parameter: number,
  definition: TwinParameter,
  c: Coordinate,
  horizonS: number,
  at: number,
): WearPrior | undefined {
  if (definition.dynamics === 'constant' || definition.dynamics === 'mean-reverting') {
    return undefined;
  }
  const { lower, upper, prior } = definition;
  const width =
    lower !== undefined && upper !== undefined
      ? upper - lower
      : Math.max(10 * prior.std, Math.abs(prior.mean));
  const range = width / (c.transform === 'log' ? Math.abs(at) : 1);
  return { parameter, rateStd: range / 2 / horizonS, range };
}

/** Where courses bend along a record: knots equally far apart, 0 at its end, and a step where one is known. */
export interface CourseFrame {
  knotsS: Float64Array;
  endS: number;
  /** When something changed. */
  changeS?: number | undefined;
}

/** The frame of a record. */
export function courseFrame(
  timesS: Float64Array,
  count: number,
  changeS: number | undefined,
): CourseFrame {
  const first = timesS[0]!;
  const endS = timesS.at(-1)!;
  const knotsS = Float64Array.from(
    { length: count },
    (_, k) => first + ((endS - first) * k) / count,
  );
  return { knotsS, endS, ...(changeS === undefined ? {} : { changeS }) };
}

/** Free values of a course: at its knots, and its step. */
export const freeValues = ({ knotsS, changeS }: CourseFrame): number =>
  knotsS.length + (changeS === undefined ? 0 : 1);

/** Unknowns of a course under a hypothesis. */
export const termsOf = ({ knotsS }: CourseFrame, kind: WearKind): number =>
  kind.scale === 0 ? 0 : knotsS.length + (kind.step === undefined ? 1 : 2);

/** What one free value adds at a time: a hat, straight to its neighbours, or all before the step. */
function freeAt({ knotsS, endS, changeS }: CourseFrame, k: number, timeS: number): number {
  const count = knotsS.length;
  if (k === count) return changeS !== undefined && timeS < changeS ? 1 : 0;
  const stepS = (endS - knotsS[0]!) / count;
  const t = Math.max(timeS, knotsS[0]!);
  return t >= endS ? 0 : Math.max(0, 1 - Math.abs(t - knotsS[k]!) / stepS);
}

/**
 * What a hypothesis says of a parameter's course: at the knots it is L z, z standard normal, the
 * first of them the rate at the record's end in its own deviations.
 *
 * An integrated random walk backwards from the end, with jumps as a walk: at distances d the
 * covariance is v² d d' + q (d² d'/2 − d³/6) + w d, d ≤ d'.
 *
 * @returns free values × terms, row-major, and the rate's deviation per second
 */
export function courseRoot(
  prior: WearPrior,
  kind: WearKind,
  frame: CourseFrame,
): { root: Float64Array; rateStd: number } {
  const { knotsS, endS } = frame;
  const count = knotsS.length;
  const terms = termsOf(frame, kind);
  const spanS = endS - knotsS[0]!;
  const rateStd = prior.rateStd * kind.scale;
  const q = (3 * (BEND * rateStd) ** 2) / spanS;
  const walk = (kind.jump * prior.range) ** 2 / spanS;
  const root = new Float64Array(freeValues(frame) * terms);
  if (terms === 0) return { root, rateStd };
  // From the knot nearest to the end on, so that the factor follows the course.
  const away = Float64Array.from(knotsS, (t) => endS - t).reverse();
  const factor = new Float64Array(count * count);
  const covariance = (i: number, j: number) => {
    const [d, e] = [Math.min(away[i]!, away[j]!), Math.max(away[i]!, away[j]!)];
    return q * ((d * d * e) / 2 - d ** 3 / 6) + walk * d;
  };
  for (let i = 0; i < count; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = covariance(i, j);
      for (let k = 0; k < j; k++) sum -= factor[i * count + k]! * factor[j * count + k]!;
      factor[i * count + j] =
        i === j ? Math.sqrt(Math.max(sum, 0)) : sum / Math.max(factor[j * count + j]!, 1e-300);
    }
  }
  for (let i = 0; i < count; i++) {
    const row = (count - 1 - i) * terms;
    root[row] = -rateStd * away[i]!;
    for (let k = 0; k <= i; k++) root[row + 1 + k] = factor[i * count + k]!;
  }
  if (kind.step !== undefined) root[count * terms + terms - 1] = kind.step * prior.range;
  return { root, rateStd };
}

/** What free values add at the record's start: the first knot's, and all of a step. */
export function startOf({ knotsS, changeS }: CourseFrame, free: (i: number) => number): number {
  const count = knotsS.length;
  return (count > 0 ? free(0) : 0) + (changeS === undefined ? 0 : free(count));
}

const coordinateOf = (name: string, span: number, course: CourseTerm): Coordinate => ({
  name,
  kind: 'wear',
  transform: 'linear',
  centre: 0,
  scale: 1,
  doubt: 1,
  span,
  lower: Number.NEGATIVE_INFINITY,
  upper: Number.POSITIVE_INFINITY,
  course,
});

/** The coordinates of a parameter's course under a hypothesis. */
export function wearCoordinates(
  name: string,
  prior: WearPrior,
  kind: WearKind,
  frame: CourseFrame,
): Coordinate[] {
  const { endS } = frame;
  const { root, rateStd } = courseRoot(prior, kind, frame);
  const terms = termsOf(frame, kind);
  const free = freeValues(frame);
  return Array.from({ length: terms }, (_, k): Coordinate => {
    const course: CourseTerm = {
      parameter: prior.parameter,
      rate: k === 0 ? rateStd : 0,
      atStart: startOf(frame, (i) => root[i * terms + k]!),
      free: Float64Array.from({ length: free }, (_, i) => root[i * terms + k]!),
      at(timeS) {
        // Beyond the end the rate goes on.
        if (timeS >= endS) return k === 0 ? rateStd * (timeS - endS) : 0;
        let sum = 0;
        for (let i = 0; i < free; i++) sum += root[i * terms + k]! * freeAt(frame, i, timeS);
        return sum;
      },
    };
    return coordinateOf(k === 0 ? `rate of ${name}` : `course ${k} of ${name}`, 3, course);
  });
}

/** The coordinates of a course whose values are free. */
export function freeCoordinates(parameter: number, frame: CourseFrame): Coordinate[] {
  return Array.from({ length: freeValues(frame) }, (_, k) =>
    coordinateOf(`value ${k} of parameter ${parameter}`, 1, {
      parameter,
      rate: 0,
      atStart: startOf(frame, (i) => Number(i === k)),
      free: Float64Array.from({ length: freeValues(frame) }, (_, i) => (i === k ? 1 : 0)),
      at: (timeS) => freeAt(frame, k, timeS),
    }),
  );
}

/** A rate on the transformed scale as one of the parameter itself. */
export const rateAt = (c: Coordinate, u: number, rate: number): number =>
  c.transform === 'log' ? rate * valueAt(c, u) : rate;
