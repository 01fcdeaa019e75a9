import type { Rng } from '../../../shared/core/index.js';
import type { RestingMachine } from './machines.js';

/** A shape of wear: from 0 at 0 to about 1 at 1, and on; the limit is passed where it first is 1. */
export interface WearShape {
  name: string;
  /** Shapes that the forecast was not aimed at while it was made. */
  heldBack?: true;
  worn(share: number): number;
}

const logistic = (x: number) => 1 / (1 + Math.exp(-8 * (x - 0.6)));
/** Between -1 and 1. */
const triangle = (x: number) => 1 - 4 * Math.abs(x - Math.floor(x) - 0.5);

const saturating = (x: number, by: number) => Math.expm1(-by * x) / Math.expm1(-by);

/** How far a root that goes on straight comes. */
const ROOT_TO = Math.sqrt(0.3) + 1.5 * 0.7;

/** The study's shapes. */
export const SHAPES: readonly WearShape[] = [
  { name: 'straight', worn: (x) => x },
  { name: 'accelerating, t²', worn: (x) => x * x },
  { name: 'accelerating, t³', worn: (x) => x ** 3 },
  { name: 'saturating', worn: (x) => saturating(x, 0.98) },
  { name: 'exponential growth', heldBack: true, worn: (x) => Math.expm1(2 * x) / Math.expm1(2) },
  { name: 'root of time', heldBack: true, worn: (x) => Math.sqrt(x) },
  { name: 't^1.5', heldBack: true, worn: (x) => x ** 1.5 },
  {
    name: 'twice as fast from half on',
    heldBack: true,
    worn: (x) => (x < 0.5 ? (2 / 3) * x : 1 / 3 + (4 / 3) * (x - 0.5)),
  },
  {
    name: 'straight, with a swing of 3 %',
    worn: (x) => x + 0.03 * Math.sin(40 * x) * Math.min(1, 4 * x),
  },
  {
    name: 'S-shaped',
    heldBack: true,
    worn: (x) => 1.5 * x * x - 0.5 * x * x * x,
  },
  {
    name: 'logistic',
    worn: (x) => (logistic(x) - logistic(0)) / (logistic(1) - logistic(0)),
  },
  {
    name: 'run in, then ever faster',
    heldBack: true,
    worn: (x) => 0.3 * saturating(x, 8) + (0.7 * Math.expm1(3 * x)) / Math.expm1(3),
  },
  {
    name: 'stop and go',
    worn: (x) => (Math.floor(10 * x) + Math.min(1, (10 * x - Math.floor(10 * x)) / 0.6)) / 10,
  },
  {
    name: 't^1.5, with a triangle of 2 %',
    worn: (x) => x ** 1.5 + 0.02 * triangle(7 * x + 0.25) * Math.min(1, 5 * x),
  },
  {
    name: 'half as fast from 40 % of the time on',
    worn: (x) => (Math.min(x, 0.4) + Math.max(0, x - 0.4) / 2) / 0.7,
  },
  {
    name: 'a root of time, then straight',
    worn: (x) => (Math.sqrt(Math.min(x, 0.3)) + 1.5 * Math.max(0, x - 0.3)) / ROOT_TO,
  },
  {
    name: 'straight, with a square wave of 3 %',
    worn: (x) => x + 0.015 * (Math.floor(11 * x + 0.3) % 2 === 0 ? -1 : 1) * Math.min(1, 5 * x),
  },
];

/** No wear: the limit stands where the others' does. */
export const RESTING: WearShape = { name: 'at rest', worn: () => 0 };

/** Steps of the search for where a shape first is 1. */
const FINE = 4096;

/** Where a shape first is 1: one that swings may be there before 1. */
function firstAtLimit({ worn }: WearShape): number {
  for (let k = 1; k < FINE; k++) {
    if (worn(k / FINE) >= 1) return k / FINE;
  }
  return 1;
}

/** Hours of a course, at most. */
const HOURS = 520;
/** Worn at the limit, in what wear at one times gains. */
const AT_LIMIT = 2;

/** A machine whose parameters all wear by a shape. */
export interface WearingCourse {
  truth: Float64Array[];
  inputs: Float64Array[];
  measured: Float64Array[];
  /** Of the first parameter. */
  limit: number;
  /** When the first parameter passes it, hours; of parts at rest, when the record ends. */
  passedAt: number;
}

/** Draws when the wear begins and how long it takes to the limit, and the noise. */
export function drawWear(m: RestingMachine, shape: WearShape, rng: Rng): WearingCourse {
  const begins = 30 + 30 * rng.uniform();
  const takes = 80 + 320 * rng.uniform();
  const [first] = m.parameters;
  const course: WearingCourse = {
    truth: [],
    inputs: [],
    measured: [],
    limit: first!.from + AT_LIMIT * (first!.to - first!.from),
    passedAt: begins + takes * firstAtLimit(shape),
  };
  for (let k = 0; k < HOURS && k <= course.passedAt; k++) {
    const worn = AT_LIMIT * shape.worn(Math.max(0, (k - begins) / takes));
    const truth = Float64Array.from(m.parameters, ({ from, to, lower, upper }) =>
      Math.min(upper, Math.max(lower, from + worn * (to - from))),
    );
    const inputs = m.inputs(k);
    const exact = m.atRest(truth, inputs);
    course.truth.push(truth);
    course.inputs.push(inputs);
    course.measured.push(Float64Array.from(m.noise, (std, i) => exact[i]! + std * rng.normal()));
  }
  return course;
}
