import { TwinError } from '../../../core/index.js';
import { cholesky, choleskySolve } from '../../../kalman/index.js';
import { residualModelsAt } from '../bands/bands.js';
import type { Fit } from '../fitting/fit.js';
import { quadratic } from '../fitting/sources.js';
import { fitProblem } from '../least-squares/fit-problem.js';
import type { FitContext } from '../model/fit-context.js';
import type { ResidualModel } from '../residuals/residual-model.js';
import type { Coordinate } from '../unknowns/coordinates.js';
import { independentPrior } from '../unknowns/prior.js';
import {
  type CourseFrame,
  courseRoot,
  freeCoordinates,
  freeValues,
  moves,
  STEP_KIND,
  startOf,
  termsOf,
  type WearKind,
  type WearPrior,
} from './wear-course.js';
import {
  type StraightLikelihood,
  type StraightPosterior,
  straightLikelihood,
  straightPosterior,
} from './wear-evidence.js';
import { narrowest, type Part, partsOf, probabilities, widerAbout } from './wear-mixture.js';

/** Where wear is looked for in one record, and among which hypotheses. */
export interface Frame extends CourseFrame {
  priors: readonly WearPrior[];
  allowed: readonly WearKind[];
}

/** Difference step of the knots, as a share of the parameter's span. */
const DIFFERENCE = 1e-2;
/** Of a column's squares: so little is none. */
const NOTHING = 1e-9;
/** The hypothesis that residuals are told from disturbances under. */
const WIDE: WearKind = { name: 'wide', scale: 16, jump: 0.12, probability: 1 };

const isSame = (a: readonly WearKind[], b: readonly WearKind[]) =>
  a.every((kind, i) => kind === b[i]);
const isStep = (kind: WearKind) => (kind.step ?? 0) > 0;
/** Unknowns but wear. */
export const baseOf = (coordinates: readonly Coordinate[]) =>
  coordinates.filter((c) => c.kind !== 'wear');

/** What the hypotheses make of a record. */
export interface Found {
  kinds: WearKind[];
  gain: number;
  /** What residuals are made of where courses are free. */
  wide: readonly ResidualModel[];
  /** Unknowns but wear at the best hypothesis's mean. */
  base: Float64Array;
  /** Coordinates of wear there, of the parameters that move. */
  worn: Float64Array;
  /** Per unknown but wear: half the width of a 95 % band over all hypotheses against that of the best. */
  wider: Float64Array;
  /** Per wearing parameter: the same of its rate, where it moves under the best. */
  widerRate: Float64Array;
  /** Per wearing parameter: of its rate over all hypotheses, and mean square of their scales. */
  rateVariance: Float64Array;
  scaleSquare: Float64Array;
  /** Per wearing parameter: the share of the residuals' squares that its course alone takes where it is free. */
  taken: Float64Array;
}

/**
 * Weighs the hypotheses about a fit, from the ones that it was made under.
 *
 * @param settled whether the fit stays under the present ones, whatever is found
 */
export async function hypotheses(
  context: FitContext,
  fit: Fit,
  frame: Frame,
  present: readonly WearKind[],
  { settled = false }: { settled?: boolean } = {},
): Promise<Found> {
  const { priors, allowed } = frame;
  const { record } = fit;
  const K = freeValues(frame);
  const parameters = context.twin.definition.parameters.length;
  const base = baseOf(fit.coordinates).length;
  const columns = await columnsAtKnots(context, fit, frame);
  const at = placeAtKnots(fit, frame);
  const design = (kinds: readonly WearKind[]) => designOf(fit.coordinates, frame, kinds);
  const wide = frame.changeS === undefined ? WIDE : { ...WIDE, step: STEP_KIND.step! };
  const noises = noiseModels(context, fit, columns, design(priors.map(() => wide)));
  const likelihoods = noises.map((models) =>
    straightLikelihood(record, fit.prediction, columns, at, models),
  );
  const weigh = (kinds: readonly WearKind[]) => {
    const { T, width } = design(kinds);
    const of = (likelihood: StraightLikelihood) => straightPosterior(likelihood, T, width);
    const best = likelihoods.map(of).reduce((a, b) => (b.evidence > a.evidence ? b : a));
    const known = kinds.reduce((sum, kind) => sum + Math.log(kind.probability), 0);
    return { ...best, kinds, score: best.evidence + known, ...ofBase(best, T, base) };
  };
  const all = weighedAbout(allowed, present, weigh);
  const weights = probabilities(all);
  const best = settled
    ? all.find((h) => isSame(h.kinds, present))!
    : narrowest(all, weights, parameters);
  const rates = ratesOf(all, weights, frame, base);
  return {
    kinds: [...best.kinds],
    gain: best.score - all[0]!.score,
    wide: noises[1]!,
    base: best.base,
    worn: best.mean.slice(base),
    wider: Float64Array.from({ length: base }, (_, j) =>
      widerAbout(partsOf(all, weights, j), {
        mean: best.base[j]!,
        std: Math.sqrt(best.variance[j]!),
      }),
    ),
    widerRate: Float64Array.from(rates, (parts) => widerAbout(parts, parts[all.indexOf(best)]!)),
    rateVariance: Float64Array.from(rates, (parts) =>
      parts.reduce((sum, { weight, mean, std }) => sum + weight * (std ** 2 + mean ** 2), 0),
    ),
    scaleSquare: Float64Array.from(priors, (_, i) =>
      all.reduce((sum, h, k) => sum + weights[k]! * h.kinds[i]!.scale ** 2, 0),
    ),
    taken: Float64Array.from(priors, (_, i) =>
      takenBy(fit, [...columns.slice(0, base), ...columns.slice(base + i * K, base + (i + 1) * K)]),
    ),
  };
}

/** Sensitivities of the unknowns but wear, then by the values at the knots of each course, by forward differences. */
async function columnsAtKnots(
  context: FitContext,
  fit: Fit,
  frame: Frame,
): Promise<readonly Float64Array[]> {
  const knots = frame.priors.flatMap(({ parameter }) => freeCoordinates(parameter, frame));
  const problem = fitProblem(context, [...fit.coordinates, ...knots], fit.record);
  const own = fit.coordinates.length;
  const steps = knots.map((c) => DIFFERENCE * fit.coordinates[c.course!.parameter]!.span);
  const runs = await problem.simulate(
    steps.map((h, k) => {
      const u = new Float64Array(own + knots.length);
      u.set(fit.u);
      u[own + k] = h;
      return u;
    }),
  );
  return [
    ...fit.columns.slice(0, baseOf(fit.coordinates).length),
    ...runs.map((run, k) => {
      if (run instanceof Error) throw new TwinError('NUMERIC', run.message, { cause: run });
      return run.map((v, i) => (v - fit.prediction[i]!) / steps[k]!);
    }),
  ];
}

/** Where a fit stands: its unknowns but wear, then its courses at the knots. */
function placeAtKnots({ coordinates, u }: Fit, frame: Frame): Float64Array {
  const K = freeValues(frame);
  const base = baseOf(coordinates).length;
  const at = new Float64Array(base + frame.priors.length * K);
  at.set(u.subarray(0, base));
  coordinates.forEach(({ course }, j) => {
    const i =
      course === undefined ? -1 : frame.priors.findIndex((p) => p.parameter === course.parameter);
    if (i < 0) return;
    for (let k = 0; k < K; k++) at[base + i * K + k]! += u[j]! * course!.free[k]!;
  });
  return at;
}

/** Per wearing parameter: its rate under each hypothesis. */
function ratesOf(
  all: readonly (StraightPosterior & { kinds: readonly WearKind[] })[],
  weights: ArrayLike<number>,
  frame: Frame,
  base: number,
): Part[][] {
  const rates = frame.priors.map((): Part[] => []);
  all.forEach(({ kinds, mean, covariance }, h) => {
    const weight = weights[h]!;
    let column = base;
    kinds.forEach((kind, i) => {
      const { rateStd } = courseRoot(frame.priors[i]!, kind, frame);
      const std = Math.sqrt(covariance[column * mean.length + column]!);
      rates[i]!.push(
        moves(kind)
          ? { weight, mean: rateStd * mean[column]!, std: rateStd * std }
          : { weight, mean: 0, std: 0 },
      );
      column += termsOf(frame, kind);
    });
  });
  return rates;
}

/** Parameters that may wear at once: each pair is weighed of so many that are likeliest to wear alone. */
const LIKELIEST = 4;

/**
 * The hypotheses that are weighed: none moves; one parameter does, or two; one otherwise than at
 * present. One step at a time: several at once explain what is none.
 */
function weighedAbout<W extends { kinds: readonly WearKind[]; score: number }>(
  allowed: readonly WearKind[],
  present: readonly WearKind[],
  weigh: (kinds: readonly WearKind[]) => W,
): W[] {
  const found = new Map<string, W>();
  const add = (kinds: readonly WearKind[]) => {
    const name = kinds.map((k) => k.name).join();
    if (kinds.filter(isStep).length <= 1 && !found.has(name)) found.set(name, weigh(kinds));
    return found.get(name)?.score ?? Number.NEGATIVE_INFINITY;
  };
  const [calm, ...moving] = allowed as [WearKind, ...WearKind[]];
  const still = present.map(() => calm);
  add(still);
  const alone = present.map((_, i) => ({
    i,
    score: Math.max(...moving.map((kind) => add(still.with(i, kind)))),
  }));
  const likeliest = alone.sort((a, b) => b.score - a.score).slice(0, LIKELIEST);
  likeliest.forEach(({ i }, k) => {
    for (const { i: j } of likeliest.slice(k + 1)) {
      for (const one of moving) for (const two of moving) add(still.with(i, one).with(j, two));
    }
  });
  add(present);
  present.forEach((_, i) => {
    for (const kind of allowed) add(present.with(i, kind));
  });
  return [...found.values()];
}

/** Mean and variance of the unknowns but wear, from the posterior of z in x = T z. */
function ofBase(
  { mean, covariance }: StraightPosterior,
  T: Float64Array,
  count: number,
): { base: Float64Array; variance: Float64Array } {
  const m = mean.length;
  const base = new Float64Array(count);
  const variance = new Float64Array(count);
  for (let j = 0; j < count; j++) {
    const row = T.subarray(j * m, (j + 1) * m);
    row.forEach((t, k) => {
      base[j]! += t * mean[k]!;
    });
    variance[j] = quadratic(covariance, row);
  }
  return { base, variance };
}

/** Share of the residuals' squares that columns take where nothing holds them. */
function takenBy({ record, prediction, noiseStd }: Fit, columns: readonly Float64Array[]): number {
  const n = columns.length;
  const A = new Float64Array(n * n);
  const b = new Float64Array(n);
  let squares = 0;
  prediction.forEach((v, i) => {
    const std = noiseStd[i % record.channels]!;
    const e = (record.data[i]! - v) / std;
    if (Number.isNaN(e)) return;
    squares += e * e;
    for (let j = 0; j < n; j++) {
      const g = columns[j]![i]! / std;
      b[j]! += g * e;
      for (let k = 0; k < n; k++) A[j * n + k]! += (g * columns[k]![i]!) / std;
    }
  });
  // Columns that do nothing, or the same as others, take nothing more.
  for (let j = 0; j < n; j++) A[j * n + j]! += NOTHING * (1 + A[j * n + j]!);
  const x = choleskySolve(cholesky(A, n), b, n);
  return squares > 0 ? x.reduce((sum, v, j) => sum + v * b[j]!, 0) / squares : 0;
}

/** x = T z: unknowns but wear by their priors, free values of courses by their hypotheses. */
function designOf(
  coordinates: readonly Coordinate[],
  frame: Frame,
  kinds: readonly WearKind[],
): { T: Float64Array; width: number } {
  const base = baseOf(coordinates).length;
  const K = freeValues(frame);
  const rows = base + kinds.length * K;
  const width = kinds.reduce((sum, kind) => sum + termsOf(frame, kind), base);
  const T = new Float64Array(rows * width);
  for (let j = 0; j < base; j++) T[j * width + j] = 1;
  let column = base;
  kinds.forEach((kind, i) => {
    const terms = termsOf(frame, kind);
    const { root } = courseRoot(frame.priors[i]!, kind, frame);
    for (let k = 0; k < K; k++) {
      T.set(root.subarray(k * terms, (k + 1) * terms), (base + i * K + k) * width + column);
    }
    // A prior tells of the record's start: its end is that less what the course adds there.
    const { parameter } = frame.priors[i]!;
    for (let j = 0; j < terms; j++) {
      const atStart = startOf(frame, (k) => root[k * terms + j]!);
      T[parameter * width + column + j] = -atStart / coordinates[parameter]!.scale;
    }
    column += terms;
  });
  return { T, width };
}

/** What residuals are made of if nothing wears that was not fitted, and if anything might. */
function noiseModels(
  context: FitContext,
  fit: Fit,
  columns: readonly Float64Array[],
  { T, width }: { T: Float64Array; width: number },
): [readonly ResidualModel[], readonly ResidualModel[]] {
  const { record, prediction, noiseStd } = fit;
  const rows = columns.length;
  const free = Array.from({ length: width }, (_, j) => {
    const out = new Float64Array(prediction.length);
    for (let i = 0; i < rows; i++) {
      const t = T[i * width + j]!;
      if (t === 0) continue;
      const column = columns[i]!;
      for (let k = 0; k < out.length; k++) out[k]! += t * column[k]!;
    }
    return out;
  });
  const u = new Float64Array(width);
  const base = baseOf(fit.coordinates).length;
  u.set(fit.u.subarray(0, base));
  const problem = fitProblem(context, fit.coordinates, record);
  const point = { u, prediction, noiseStd };
  const wide = residualModelsAt(problem, record.timesS, free, point, independentPrior(width));
  return [fit.residualModels, wide];
}
