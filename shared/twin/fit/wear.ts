import { TwinError } from '../../core/index.js';
import type { Twin } from '../types.js';
import { absorbedBy, widenBy } from './bands.js';
import { type Coordinate, coursesAt, valueAt } from './coordinates.js';
import { type Fit, type FitContext, fitProblem, fitRecordFrom, residualsOf } from './fit.js';
import type { FitRecord } from './record.js';
import { fitResidualModel, type ResidualModel } from './residual-model.js';
import type { WearCourse } from './types.js';
import {
  BEND,
  CALM_TREND,
  type CourseFrame,
  courseFrame,
  courseRoot,
  freeCoordinates,
  freeValues,
  rateAt,
  STEP_KIND,
  termsOf,
  WEAR_KINDS,
  type WearKind,
  type WearPrior,
  wearCoordinates,
  wearPrior,
} from './wear-course.js';
import { type StraightLikelihood, straightLikelihood, straightPosterior } from './wear-evidence.js';

/** How parameters wear along a record, in the definition's order; 0 where they do not. */
export interface Wear {
  /** The hypothesis that each is fitted under. */
  kinds: readonly string[];
  /** Rate at the record's end that the fit itself does not carry: its standard deviation, per second. */
  rateStd: Float64Array;
  /** Factor on the noise of each trend that goes on as it went along the record. */
  trendScale: Float64Array;
  /** Nats that the fitted hypotheses gain over parameters that stay. */
  gain: number;
}

/** Knots of a course at most, and samples for each at the least. */
const KNOTS = 6;
const SAMPLES_PER_KNOT = 8;
const LEAST_KNOTS = 2;
/** Wear along the record that no band of a parameter can show, as a share of the prior's deviation. */
const NEGLIGIBLE = 1e-3;
/** Difference step of the knots, as a share of the parameter's span. */
const DIFFERENCE = 1e-2;
/** Fits at most, each under the hypotheses that the one before speaks for. */
const ROUNDS = 3;
/** Nats that a further hypothesis must gain. */
const LEAST_GAIN = 0.5;
/** The same of wear as slow as its definition says: below, the bands hold it without another fit. */
const SLOW_GAIN = 3;
/** Correlation of neighbouring residuals that nothing is missing in, at most. */
const MOST_LASTING = 0.5;
/** Disturbance that free courses may leave, as a share of what constants leave. */
const MOST_OF_CONSTANTS = 1 / 3;
/** The hypothesis that residuals are told from disturbances under. */
const WIDE: WearKind = { name: 'wide', scale: 16, jump: 0.12, probability: 1 };

/** Where wear is looked for in one record, and among which hypotheses. */
interface Frame extends CourseFrame {
  priors: readonly WearPrior[];
  allowed: readonly WearKind[];
}

/**
 * A fit of a record in which parameters may wear: hypotheses of how fast each moves compete by the
 * evidence of the model made straight about the fit; what they speak for is fitted anew, the
 * parameters being those at the record's end; and bands hold what the hypotheses leave open.
 *
 * @param fit of the record, its parameters constant or with the courses of an earlier look
 * @see MacKay, Bayesian interpolation, Neural Computation 4 (1992); Blom & Bar-Shalom 1988
 */
export async function withWear(context: FitContext, start: Fit, changeS?: number): Promise<Fit> {
  const frame = frameOf(context, start, changeS);
  if (frame === undefined) return start;
  try {
    const worn = await searched(context, start, frame);
    // What the model lacks beside would be taken for wear.
    return worn !== undefined && isExplained(worn) ? worn : untold(context, start, frame);
  } catch (error) {
    context.signal?.throwIfAborted();
    if (!(error instanceof TwinError) || error.code !== 'NUMERIC') throw error;
    // A model that bears no course is fitted by constants, as before.
    return start;
  }
}

/** Whether residuals are noise: wear explains what constants do not, and nothing else is missing. */
export const isExplained = ({ residualModels, record }: Pick<Fit, 'residualModels' | 'record'>) => {
  const { timesS } = record;
  const periodS = (timesS.at(-1)! - timesS[0]!) / Math.max(1, timesS.length - 1);
  return residualModels.every(({ white, ou, samples }) => {
    const lasting = ou.std ** 2 * Math.exp(-periodS / Math.max(ou.timeConstantS, 1e-300));
    return samples === 0 || lasting <= MOST_LASTING * (white ** 2 + ou.std ** 2);
  });
};

/** A fit of constants whose residuals do not tell of wear: it goes on as the definition says. */
function untold({ twin }: FitContext, fit: Fit, { priors }: Frame): Fit {
  const count = twin.definition.parameters.length;
  const rateStd = new Float64Array(count);
  for (const { parameter, rateStd: std } of priors) {
    rateStd[parameter] = rateAt(fit.coordinates[parameter]!, fit.u[parameter]!, std);
  }
  const kinds = new Array<string>(count).fill(WEAR_KINDS[0]!.name);
  return { ...fit, wear: { kinds, rateStd, trendScale: new Float64Array(count).fill(1), gain: 0 } };
}

/** Whether little of the disturbance is left. */
const isLess = (left: readonly ResidualModel[], of: readonly ResidualModel[]): boolean =>
  left.every(({ ou }, c) => ou.std <= MOST_OF_CONSTANTS * of[c]!.ou.std);

/** Whether free courses, in the model made straight, take most of what constants leave. */
const mayExplain = (fit: Fit, { wide }: Found): boolean =>
  isExplained({ ...fit, residualModels: wide }) || isLess(wide, fit.residualModels);

/** Left out where even courses as free as can be would leave more than noise. */
async function searched(context: FitContext, start: Fit, frame: Frame): Promise<Fit | undefined> {
  let fit = start;
  let kinds = frame.priors.map(() => frame.allowed[0]!);
  for (let round = 0; ; round++) {
    const found = await hypotheses(context, fit, frame, kinds);
    // A known change is looked at in any case: the straight model may be far from it.
    if (round === 0 && frame.changeS === undefined && !mayExplain(fit, found)) return undefined;
    const same = found.kinds.every((kind, i) => kind === kinds[i]);
    if (same || round === ROUNDS) return finished(context, fit, frame, kinds, found);
    kinds = found.kinds;
    fit = await fitUnder(context, start, frame, kinds, found);
    // A course that leaves a disturbance is no explanation, whatever further ones would add.
    const told = isExplained(fit) || isLess(fit.residualModels, start.residualModels);
    if (frame.changeS === undefined && !told) {
      return undefined;
    }
  }
}

/** The fit of another record of the same machine under the hypotheses of a first. */
export async function refitWorn(
  context: FitContext,
  start: Fit,
  like: Fit,
  record: FitRecord,
): Promise<Fit> {
  const frame = frameOf(context, { ...start, record }, undefined);
  if (frame === undefined || like.wear === undefined) return start;
  const kinds = frame.priors.map(
    ({ parameter }) =>
      WEAR_KINDS.find((k) => k.name === like.wear!.kinds[parameter]) ?? WEAR_KINDS[0]!,
  );
  if (!kinds.some(moves)) return start;
  const coordinates = [...baseOf(start.coordinates), ...wearOf(context, frame, kinds)];
  const u = new Float64Array(coordinates.length);
  u.set(start.u.subarray(0, Math.min(start.u.length, baseOf(start.coordinates).length)));
  return fitRecordFrom(context, coordinates, record, [u]);
}

const moves = (kind: WearKind) => kind.scale > 0;
const baseOf = (coordinates: readonly Coordinate[]) => coordinates.filter((c) => c.kind !== 'wear');

function frameOf(
  { twin, model }: FitContext,
  fit: Fit,
  changeS: number | undefined,
): Frame | undefined {
  const { timesS } = fit.record;
  const { parameters, estimator } = twin.definition;
  const spanS = timesS.at(-1)! - timesS[0]!;
  const knots = Math.min(KNOTS, Math.floor(timesS.length / SAMPLES_PER_KNOT));
  if (model.wearable === undefined || knots < LEAST_KNOTS || !(spanS > 0)) return undefined;
  const fastest = Math.max(...WEAR_KINDS.map((k) => k.scale));
  const priors = parameters.flatMap((p, j) => {
    const c = fit.coordinates[j]!;
    const horizonS = p.wearHorizonS ?? estimator.wearHorizonS;
    const prior = wearPrior(j, p, c, horizonS, valueAt(c, fit.u[j]!));
    if (prior === undefined || !model.wearable![j]) return [];
    return fastest * prior.rateStd * spanS < NEGLIGIBLE * c.scale ? [] : [prior];
  });
  if (priors.length === 0) return undefined;
  const inside = changeS !== undefined && changeS > timesS[1]! && changeS < timesS.at(-1)!;
  return {
    ...courseFrame(timesS, knots, inside ? changeS : undefined),
    priors,
    allowed: inside ? [...WEAR_KINDS, STEP_KIND] : WEAR_KINDS,
  };
}

const wearOf = ({ twin }: FitContext, frame: Frame, kinds: readonly WearKind[]) =>
  frame.priors.flatMap((prior, i) =>
    wearCoordinates(twin.definition.parameters[prior.parameter]!.variable, prior, kinds[i]!, frame),
  );

/** What the hypotheses make of a record. */
interface Found {
  kinds: WearKind[];
  gain: number;
  /** What residuals are made of where courses are free. */
  wide: readonly ResidualModel[];
  /** Unknowns but wear at the best hypothesis's mean. */
  base: Float64Array;
  /** Coordinates of wear there, of the parameters that move. */
  worn: Float64Array;
  /** Per unknown but wear: variance over all hypotheses against that of the best. */
  wider: Float64Array;
  /** Per wearing parameter: of its rate over all hypotheses, and mean square of their scales. */
  rateVariance: Float64Array;
  scaleSquare: Float64Array;
}

async function hypotheses(
  context: FitContext,
  fit: Fit,
  frame: Frame,
  present: readonly WearKind[],
): Promise<Found> {
  const { priors, allowed } = frame;
  const { record } = fit;
  const K = freeValues(frame);
  const base = baseOf(fit.coordinates).length;
  const knots = priors.flatMap(({ parameter }) => freeCoordinates(parameter, frame));
  const problem = fitProblem(context, [...fit.coordinates, ...knots], record);
  const own = fit.coordinates.length;
  const steps = knots.map((c) => {
    const of = fit.coordinates[c.course!.parameter]!;
    return DIFFERENCE * of.span;
  });
  const runs = await problem.simulate(
    steps.map((h, k) => {
      const u = new Float64Array(own + knots.length);
      u.set(fit.u);
      u[own + k] = h;
      return u;
    }),
  );
  const columns = [
    ...fit.columns.slice(0, base),
    ...runs.map((run, k) => {
      if (run instanceof Error) throw new TwinError('NUMERIC', run.message, { cause: run });
      return run.map((v, i) => (v - fit.prediction[i]!) / steps[k]!);
    }),
  ];
  // Where the fit stands: its unknowns, and its courses at the knots.
  const at = new Float64Array(base + knots.length);
  at.set(fit.u.subarray(0, base));
  fit.coordinates.forEach(({ course }, j) => {
    const i = course === undefined ? -1 : priors.findIndex((p) => p.parameter === course.parameter);
    if (i < 0) return;
    for (let k = 0; k < K; k++) at[base + i * K + k]! += fit.u[j]! * course!.free[k]!;
  });
  const roots = (kind: WearKind, i: number) => courseRoot(priors[i]!, kind, frame);
  const design = (kinds: readonly WearKind[]) => designOf(base, frame, kinds);
  const noises = noiseModels(context, fit, columns, design(priors.map(() => WIDE)));
  const likelihoods = noises.map((models) =>
    straightLikelihood(record, fit.prediction, columns, at, models),
  );
  const weigh = (kinds: readonly WearKind[]) => {
    const { T, width } = design(kinds);
    const of = (likelihood: StraightLikelihood) => straightPosterior(likelihood, T, width);
    const best = likelihoods.map(of).reduce((a, b) => (b.evidence > a.evidence ? b : a));
    const known = kinds.reduce((sum, kind) => sum + Math.log(kind.probability), 0);
    return { ...best, kinds, score: best.evidence + known };
  };
  type Weighed = ReturnType<typeof weigh>;
  const changes = (of: readonly WearKind[]): Weighed[] =>
    priors.flatMap((_, i) =>
      allowed.filter((kind) => kind !== of[i]).map((kind) => weigh(of.with(i, kind))),
    );
  const still = weigh(priors.map(() => allowed[0]!));
  let best = [still, weigh(present)].reduce((a, b) => (b.score > a.score ? b : a));
  let others = changes(best.kinds);
  for (let k = 0; k < 2 * priors.length; k++) {
    const next = others.reduce((a, b) => (b.score > a.score ? b : a));
    const isSlow = next.kinds.every((kind) => kind.scale <= 1 && !kind.step && kind.jump === 0);
    if (next.score < best.score + (isSlow ? SLOW_GAIN : LEAST_GAIN)) break;
    best = next;
    others = changes(best.kinds);
  }
  const all = [best, ...others];
  const weights = all.map((h) => Math.exp(h.score - best.score));
  const total = weights.reduce((a, b) => a + b, 0);
  const wider = new Float64Array(base);
  const rateVariance = new Float64Array(priors.length);
  const scaleSquare = new Float64Array(priors.length);
  const variance = (h: Weighed, j: number) => h.covariance[j * h.mean.length + j]!;
  all.forEach((h, k) => {
    const w = weights[k]! / total;
    for (let j = 0; j < base; j++) {
      wider[j]! += (w * (variance(h, j) + (h.mean[j]! - best.mean[j]!) ** 2)) / variance(best, j);
    }
    let column = base;
    h.kinds.forEach((kind, i) => {
      scaleSquare[i]! += w * kind.scale ** 2;
      if (!moves(kind)) return;
      const { rateStd } = roots(kind, i);
      rateVariance[i]! += w * rateStd ** 2 * (variance(h, column) + h.mean[column]! ** 2);
      column += termsOf(frame, kind);
    });
  });
  return {
    kinds: [...best.kinds],
    gain: best.score - still.score,
    wide: noises[1]!,
    base: best.mean.slice(0, base),
    worn: best.mean.slice(base),
    wider,
    rateVariance,
    scaleSquare,
  };
}

/** x = T z: the unknowns but wear as they are, free values of courses by their hypotheses. */
function designOf(
  base: number,
  frame: Frame,
  kinds: readonly WearKind[],
): { T: Float64Array; width: number } {
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
  const result = { ...fit, u, noiseStd, passes: 0, iterations: 0, converged: true };
  const wide = Array.from({ length: record.channels }, (_, c) =>
    fitResidualModel(
      residualsOf(record, prediction, c),
      record.timesS,
      problem.noiseFloor[c]!,
      absorbedBy(problem, free, result, c),
    ),
  );
  return [fit.residualModels, wide];
}

/** Fits the record anew under hypotheses. */
async function fitUnder(
  context: FitContext,
  start: Fit,
  frame: Frame,
  kinds: readonly WearKind[],
  found: Found,
): Promise<Fit> {
  const base = baseOf(start.coordinates);
  const coordinates = [...base, ...wearOf(context, frame, kinds)];
  if (coordinates.length === base.length) return start;
  const clamped = Float64Array.from(found.base, (v, j) =>
    Math.min(base[j]!.upper, Math.max(base[j]!.lower, v)),
  );
  const straight = Float64Array.of(...clamped, ...found.worn);
  const fit = await fitRecordFrom(context, coordinates, start.record, [straight]);
  return { ...fit, starts: start.starts, secondModes: start.secondModes };
}

/** The bands of a fit with what the hypotheses leave open. */
function finished(
  { twin }: FitContext,
  fit: Fit,
  { priors }: Frame,
  kinds: readonly WearKind[],
  found: Found,
): Fit {
  const n = fit.coordinates.length;
  const factor = new Float64Array(n).fill(1);
  found.wider.forEach((v, j) => {
    factor[j] = Math.sqrt(Math.max(1, v));
  });
  const covariance = widenBy(fit.covariance.covariance, n, factor);
  const count = twin.definition.parameters.length;
  const rateStd = new Float64Array(count);
  const trendScale = new Float64Array(count).fill(CALM_TREND);
  const spanS = fit.record.timesS.at(-1)! - fit.record.timesS[0]!;
  const names = new Array<string>(count).fill(WEAR_KINDS[0]!.name);
  priors.forEach(({ parameter }, i) => {
    const c = fit.coordinates[parameter]!;
    names[parameter] = kinds[i]!.name;
    const definition = twin.definition.parameters[parameter]!;
    const horizons = (definition.wearHorizonS ?? twin.definition.estimator.wearHorizonS) / spanS;
    trendScale[parameter] = Math.max(
      CALM_TREND,
      BEND * Math.sqrt(found.scaleSquare[i]! * horizons),
    );
    if (moves(kinds[i]!)) return;
    rateStd[parameter] = rateAt(c, fit.u[parameter]!, Math.sqrt(found.rateVariance[i]!));
  });
  return {
    ...fit,
    covariance: { ...fit.covariance, covariance },
    wear: { kinds: names, rateStd, trendScale, gain: found.gain },
  };
}

/** Times at which a course is told. */
const TOLD = 9;

/** What each parameter was along the record, where it moved. */
export function wearOutput(twin: Twin, fit: Fit): Record<string, WearCourse> {
  const { coordinates, u, record, wear, covariance } = fit;
  const n = coordinates.length;
  const firstS = record.timesS[0]!;
  const spanS = record.timesS.at(-1)! - firstS;
  const timesS = Float64Array.from({ length: TOLD }, (_, k) => firstS + (spanS * k) / (TOLD - 1));
  return Object.fromEntries(
    coursesAt(coordinates, u, timesS).map(({ parameter, values }) => {
      const rate = coordinates.findIndex(
        (c) => c.course?.parameter === parameter && c.course.rate > 0,
      );
      const perUnit = rateAt(
        coordinates[parameter]!,
        u[parameter]!,
        coordinates[rate]!.course!.rate,
      );
      return [
        twin.definition.parameters[parameter]!.variable,
        {
          kind: wear?.kinds[parameter] ?? '',
          course: Array.from(values, (value, k) => ({ timeS: timesS[k]!, value })),
          ratePerS: {
            mean: u[rate]! * perUnit,
            std: Math.sqrt(covariance.covariance[rate * n + rate]!) * perUnit,
          },
        },
      ];
    }),
  );
}
