import type { TwinParameter } from '../../../config/index.js';
import { type Force, forceBasis } from '../../disturbances/index.js';
import type { Twin } from '../../types.js';

/**
 * One unknown of a fit, on the scale on which it is searched: u = (T(value) − centre) / scale, T the
 * logarithm or nothing. The prior of every u is the standard normal, but for parameters that wear.
 *
 * @see priorOf
 */
export interface Coordinate {
  name: string;
  kind: 'parameter' | 'start-state' | 'wear' | 'force';
  transform: 'log' | 'linear';
  /** On the transformed scale. */
  centre: number;
  /** Prior standard deviation, on the transformed scale. */
  scale: number;
  /** Times as wide as it was stated, because the data contradict what was. */
  doubt: number;
  /** A length that the model's answer changes over, on the transformed scale: steps are shares of it. */
  span: number;
  /** Bounds of u; infinite where there is none. */
  lower: number;
  upper: number;
  /** Of wear: what one unit adds to a parameter, on its transformed scale. */
  course?: CourseTerm;
  /** Of a disturbance: what one unit adds to it. */
  force?: ForceTerm;
}

/** One shape of a disturbance's course. */
export interface ForceTerm {
  /** Index of the disturbance in the definition. */
  force: number;
  /** What is added at a time of the record. */
  at(timeS: number): number;
}

/** One term of a parameter's course: nothing at the record's end, where the parameter's own value is. */
export interface CourseTerm {
  /** Index of the parameter. */
  parameter: number;
  /** What is added at a time of the record. */
  at(timeS: number): number;
  /** Its slope at the record's end, per second. */
  rate: number;
  /** What is added at the record's start. */
  atStart: number;
  /** What it adds to the free values that courses are looked for with. */
  free: Float64Array;
}

/**
 * A parameter's coordinate. One that its bounds keep positive is fitted as its logarithm: wrong
 * by a factor is then what it means, and it cannot leave the positive numbers. The prior's standard
 * deviation becomes that of the log-normal with the same mean and deviation.
 */
export function parameterCoordinate(parameter: TwinParameter): Coordinate {
  const { variable, lower, upper } = parameter;
  const { mean, std } = parameter.prior;
  const log = lower !== undefined && lower >= 0 && mean > 0;
  const scale = log ? Math.sqrt(Math.log1p((std / mean) ** 2)) : std;
  const centre = log ? Math.log(mean) : mean;
  const toU = (value: number) => ((log ? Math.log(value) : value) - centre) / scale;
  return {
    name: variable,
    kind: 'parameter',
    transform: log ? 'log' : 'linear',
    centre,
    scale,
    doubt: 1,
    span: log ? 1 : scale,
    lower: lower === undefined ? Number.NEGATIVE_INFINITY : toU(lower),
    upper: upper === undefined ? Number.POSITIVE_INFINITY : toU(upper),
  };
}

/** The coordinates of a twin's parameters, in the definition's order. */
export const parameterCoordinates = ({ definition }: Pick<Twin, 'definition'>): Coordinate[] =>
  definition.parameters.map(parameterCoordinate);

/**
 * Nobody states where a hidden state was when the record began. What the model makes of the priors' means
 * says in which order of magnitude it moves, no more: taken as a prior it would pull the parameters.
 */
const START_STATE_RANGES = 3;

/**
 * The coordinate of a state at the record's start.
 *
 * @param value where the search begins
 * @param range how far the state moves along the record, by the priors' means
 */
export function startStateCoordinate(name: string, value: number, range: number): Coordinate {
  const span = Math.max(range, 1e-6 * Math.max(1, Math.abs(value)));
  return {
    name,
    kind: 'start-state',
    transform: 'linear',
    centre: value,
    scale: START_STATE_RANGES * span,
    doubt: 1,
    span,
    lower: Number.NEGATIVE_INFINITY,
    upper: Number.POSITIVE_INFINITY,
  };
}

/** The same with a prior so many times as wide. */
export const withDoubt = (c: Coordinate, by: number): Coordinate => ({
  ...c,
  scale: c.scale * by,
  doubt: c.doubt * by,
  lower: c.lower / by,
  upper: c.upper / by,
});

/** The value at u, on the FMU's scale. */
export function valueAt(c: Coordinate, u: number): number {
  const x = c.centre + c.scale * u;
  return c.transform === 'log' ? Math.exp(x) : x;
}

/** Where a value on the FMU's scale lies. */
export const uOf = (c: Coordinate, value: number): number =>
  ((c.transform === 'log' ? Math.log(value) : value) - c.centre) / c.scale;

/** How many unknowns are the definition's parameters; these come first. */
export const parameterCount = (coordinates: readonly Coordinate[]): number =>
  coordinates.filter((c) => c.kind === 'parameter').length;

/** Whether a disturbance is among the unknowns. */
export const isDisturbed = (coordinates: readonly Coordinate[]): boolean =>
  coordinates.some((c) => c.kind === 'force');

/** The nearest u inside the bounds. */
export const clampU = (c: Coordinate, u: number) => Math.min(c.upper, Math.max(c.lower, u));

/** Factors of the starts on the priors' means, in turn over the parameters. */
const START_FACTORS: readonly (readonly number[])[] = [
  [1],
  [0.5, 0.8, 1.5, 0.5, 1],
  [2, 1.2, 0.6, 0.7, 1],
  [0.4, 1, 1.5, 0.4, 1.3],
  [1.4, 0.5, 0.5, 2, 0.8],
  [0.7, 2, 1, 0.6, 1.6, 0.4],
];

/**
 * Where the searches begin: at the prior's mean, and at up to five points from 0.4 to 2 times it
 * (of linear parameters: that many prior standard deviations off it).
 *
 * @see Ljung, System Identification (2nd ed., 1999), section 10.5: output error has local minima
 */
export function startPoints(coordinates: readonly Coordinate[], count: number): Float64Array[] {
  return START_FACTORS.slice(0, Math.max(1, count)).map((factors) => {
    let parameter = 0;
    return Float64Array.from(coordinates, (c) => {
      if (c.kind !== 'parameter') return 0;
      const ln = Math.log(factors[parameter++ % factors.length]!);
      return clampU(c, c.transform === 'log' ? ln / c.scale : 1.5 * ln);
    });
  });
}

type Term = Pick<CourseTerm, 'at'>;
const along = new WeakMap<Term, WeakMap<Float64Array, Float64Array>>();

/** A term at each time; a search asks for the same ones again and again. */
function alongOf(course: Term, timesS: Float64Array): Float64Array {
  const known = along.get(course) ?? new WeakMap<Float64Array, Float64Array>();
  along.set(course, known);
  const values = known.get(timesS) ?? timesS.map((t) => course.at(t));
  known.set(timesS, values);
  return values;
}

/**
 * What each sample sees of the parameters that wear along a record.
 *
 * @returns a course per wearing parameter, on the FMU's scale, bounds kept
 */
export function coursesAt(
  coordinates: readonly Coordinate[],
  u: Float64Array,
  timesS: Float64Array,
): { parameter: number; values: Float64Array }[] {
  const added = new Map<number, Float64Array>();
  coordinates.forEach(({ course }, k) => {
    if (course === undefined) return;
    const sum = added.get(course.parameter) ?? new Float64Array(timesS.length);
    const values = u[k] === 0 ? new Float64Array() : alongOf(course, timesS);
    for (let row = 0; row < values.length; row++) sum[row]! += u[k]! * values[row]!;
    added.set(course.parameter, sum);
  });
  return [...added].map(([parameter, sum]) => {
    const c = coordinates[parameter]!;
    const values = sum.map((add) => valueAt(c, clampU(c, u[parameter]! + add / c.scale)));
    return { parameter, values };
  });
}

/** The coordinates of disturbances along a record. */
export function forceCoordinates(
  forces: readonly Force[],
  fromS: number,
  toS: number,
): Coordinate[] {
  return forces.flatMap((force, i) =>
    forceBasis(force, fromS, toS).terms.map(
      (at, k): Coordinate => ({
        name: `${force.name} ${k + 1}`,
        kind: 'force',
        transform: 'linear',
        centre: 0,
        scale: 1,
        doubt: 1,
        span: 1,
        lower: Number.NEGATIVE_INFINITY,
        upper: Number.POSITIVE_INFINITY,
        force: { force: i, at },
      }),
    ),
  );
}

/** What each sample sees of the disturbances: a course per disturbance, in the definition's order. */
export function forcesAlong(
  coordinates: readonly Coordinate[],
  u: Float64Array,
  timesS: Float64Array,
): Float64Array[] {
  const courses: Float64Array[] = [];
  coordinates.forEach(({ force }, k) => {
    if (force === undefined) return;
    courses[force.force] ??= new Float64Array(timesS.length);
    const sum = courses[force.force]!;
    const values = u[k] === 0 ? new Float64Array() : alongOf(force, timesS);
    for (let row = 0; row < values.length; row++) sum[row]! += u[k]! * values[row]!;
  });
  return courses;
}
