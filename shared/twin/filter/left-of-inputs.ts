import { cholesky, choleskySolve } from '../../kalman/index.js';
import type { Sample } from '../types.js';

/** Differences that each effect of inputs needs, so that it is told from noise. */
const PER_EFFECT = 10;
/** What keeps effects of inputs that move alike from cancelling each other, as a share of their variance. */
const RIDGE = 1e-8;

/**
 * What the differences of successive values are without what inputs did to them: residuals of their
 * regression on the differences of the inputs, and on those of these and of their squares and products,
 * each with as much variance as the noise has. Nothing where inputs stand or too few differences are there.
 *
 * @param values of one channel, a value of each sample
 * @param stands which values belong to a plateau: of these no difference counts
 */
export function leftOfInputs(
  values: readonly number[],
  samples: readonly Sample[],
  stands: readonly boolean[],
): number[][] {
  const courses = Array.from(samples[0]?.inputs ?? [], (_, j) =>
    centred(samples.map((s) => s.inputs[j]!)),
  ).filter((course) => course !== undefined);
  const isKnown = (k: number) =>
    !stands[k] && courses.every((course) => Number.isFinite(course[k]));
  const moving = values.flatMap((_, k) => (k > 0 && isKnown(k - 1) && isKnown(k) ? [k] : []));
  const differencesOf = (of: (k: number) => number) => moving.map((k) => of(k) - of(k - 1));
  const products = courses.flatMap((a, j) =>
    courses.slice(j).map((b) => a.map((v, k) => v * b[k]!)),
  );
  const y = differencesOf((k) => values[k]!);
  return [courses, [...courses, ...products]].flatMap((effects) => {
    const columns = effects
      .map((x) => differencesOf((k) => x[k]!))
      .filter((x) => x.some((v) => v !== 0));
    if (columns.length === 0 || y.length < PER_EFFECT * columns.length) return [];
    return [residualsOf(y, columns)];
  });
}

/** A course about its mean, in its standard deviation; blanks stay. Undefined where it stands. */
function centred(course: readonly number[]): number[] | undefined {
  const known = course.filter(Number.isFinite);
  const mean = known.reduce((sum, v) => sum + v, 0) / known.length;
  const std = Math.sqrt(known.reduce((sum, v) => sum + (v - mean) ** 2, 0) / known.length);
  return std > 0 && std < Number.POSITIVE_INFINITY
    ? course.map((v) => (v - mean) / std)
    : undefined;
}

/** Residuals of a least-squares regression, each larger by what its effects took of their variance. */
function residualsOf(y: readonly number[], columns: readonly (readonly number[])[]): number[] {
  const p = columns.length;
  const normed = columns.map((x) => {
    const length = Math.sqrt(x.reduce((sum, v) => sum + v * v, 0));
    return x.map((v) => v / length);
  });
  const gram = new Float64Array(p * p);
  normed.forEach((a, i) => {
    normed.forEach((b, j) => {
      gram[i * p + j] = a.reduce((sum, v, k) => sum + v * b[k]!, i === j ? RIDGE : 0);
    });
  });
  const moments = Float64Array.from(normed, (x) => x.reduce((sum, v, k) => sum + v * y[k]!, 0));
  const effects = choleskySolve(cholesky(gram, p), moments, p);
  const widened = Math.sqrt(y.length / (y.length - p));
  return y.map((v, k) => widened * normed.reduce((left, x, j) => left - effects[j]! * x[k]!, v));
}
