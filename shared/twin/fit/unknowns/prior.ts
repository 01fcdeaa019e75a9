import type { Coordinate } from './coordinates.js';

/**
 * What is known of a fit's unknowns before the data, in their own units: a Gaussian about 0.
 *
 * A parameter that wears is fitted as what it is at the record's end, and its prior tells of what it was
 * when the record began: v = R u is standard normal, R the identity but for what courses add at the start.
 */
export interface Prior {
  /** RᵀR, n × n. */
  precision: Float64Array;
  /** Of each unknown: 1, and what its course adds along the record. */
  variance: Float64Array;
  /** Of parameters that wear: their place, and what one unit of each unknown adds to them at the start. */
  worn: readonly { parameter: number; atStart: Float64Array }[];
}

const known = new WeakMap<readonly Coordinate[], Prior>();

/** The prior of a fit's unknowns. */
export function priorOf(coordinates: readonly Coordinate[]): Prior {
  const before = known.get(coordinates);
  if (before !== undefined) return before;
  const n = coordinates.length;
  const courses = new Map<number, Float64Array>();
  coordinates.forEach(({ course }, k) => {
    if (course === undefined) return;
    const row = courses.get(course.parameter) ?? new Float64Array(n);
    row[k] = course.atStart / coordinates[course.parameter]!.scale;
    courses.set(course.parameter, row);
  });
  const { precision, variance } = independentPrior(n);
  const worn = [...courses].map(([parameter, atStart]) => ({ parameter, atStart }));
  for (const { parameter: j, atStart } of worn) {
    for (let k = 0; k < n; k++) {
      if (atStart[k] === 0) continue;
      variance[j]! += atStart[k]! ** 2;
      precision[j * n + k]! += atStart[k]!;
      precision[k * n + j]! += atStart[k]!;
      for (let i = 0; i < n; i++) precision[k * n + i]! += atStart[k]! * atStart[i]!;
    }
  }
  const prior = { precision, variance, worn };
  known.set(coordinates, prior);
  return prior;
}

/** A prior under which each unknown is standard normal by itself. */
export function independentPrior(n: number): Prior {
  const precision = new Float64Array(n * n);
  for (let j = 0; j < n; j++) precision[j * n + j] = 1;
  return { precision, variance: new Float64Array(n).fill(1), worn: [] };
}

/** v = R u: how far each unknown stands from its prior, in deviations of it. */
export function fromPrior({ worn }: Prior, u: Float64Array): Float64Array {
  const v = u.slice();
  for (const { parameter, atStart } of worn) {
    for (let k = 0; k < u.length; k++) v[parameter]! += atStart[k]! * u[k]!;
  }
  return v;
}

/** uᵀ RᵀR u: the square of the distance from the prior. */
export const priorSquare = (prior: Prior, u: Float64Array): number =>
  fromPrior(prior, u).reduce((sum, v) => sum + v * v, 0);

/** Adds a prior to normal equations: its precision to their matrix, its pull on u to their right side. */
export function addPrior(
  { information, gradient }: { information: Float64Array; gradient?: Float64Array },
  prior: Prior,
  u?: Float64Array,
): void {
  const { precision } = prior;
  precision.forEach((v, i) => {
    information[i]! += v;
  });
  if (gradient === undefined || u === undefined) return;
  const n = u.length;
  for (let j = 0; j < n; j++) {
    for (let k = 0; k < n; k++) gradient[j]! -= precision[j * n + k]! * u[k]!;
  }
}
