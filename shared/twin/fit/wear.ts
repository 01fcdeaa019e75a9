import { TwinError } from '../../core/index.js';
import type { Twin } from '../types.js';
import { widenBy } from './bands.js';
import { fitBefore } from './before-change.js';
import { coursesAt, valueAt } from './coordinates.js';
import { type Fit, type FitContext, fitRecordFrom } from './fit.js';
import { likeliestChange, likeliestChangeWithin, type StraightFit } from './likeliest-change.js';
import type { FitRecord } from './record.js';
import type { ResidualModel } from './residual-model.js';
import type { WearCourse } from './types.js';
import {
  BEND,
  CALM_TREND,
  courseFrame,
  rateAt,
  STEP_KIND,
  WEAR_KINDS,
  type WearKind,
  type WearPrior,
  wearCoordinates,
  wearPrior,
} from './wear-course.js';
import { baseOf, type Found, type Frame, hypotheses, moves } from './wear-hypotheses.js';

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
  /** When a step was looked at, s: a time that was given, or found. */
  changeS?: number;
}

/** Knots of a course at most, and samples for each at the least. */
const KNOTS = 6;
const SAMPLES_PER_KNOT = 8;
const LEAST_KNOTS = 2;
/** Wear along the record that no band of a parameter can show, as a share of the prior's deviation. */
const NEGLIGIBLE = 1e-3;
/** Fits at most, each under the hypotheses that the one before speaks for. */
const ROUNDS = 3;
/** Looks for the time of a step, each about the fit with the one before. */
const LOOKS = 3;
/** Rows to each side of a step's time that are looked at once it is known about. */
const CLOSE = 3;
/** Nats that another time must gain to be worth another fit. */
const LEAST_CLOSER = 3;
/** Correlation of neighbouring residuals that nothing is missing in, at most. */
const MOST_LASTING = 0.5;
/** The same where a step is to explain an event: almost anything is explained by some step, a little. */
export const MOST_LASTING_OF_STEP = 0.25;
/** Disturbance that free courses may leave, as a share of what constants leave. */
const MOST_OF_CONSTANTS = 1 / 3;

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
    const { worn, taken } = await searched(context, start, frame);
    // What the model lacks beside would be taken for wear.
    if (worn !== undefined && isExplained(worn)) return await timed(context, start, frame, worn);
    const about =
      changeS === undefined ? undefined : await steppedAbout(context, start, frame, changeS);
    if (about !== undefined) return about;
    // A declared disturbance takes up what a step would.
    const disturbed = start.coordinates.some((c) => c.kind === 'force');
    const stepped =
      isExplained(start) || disturbed
        ? undefined
        : await steppedSomewhere(context, start, frame.priors, taken);
    return stepped ?? untold(context, start, frame);
  } catch (error) {
    context.signal?.throwIfAborted();
    if (!(error instanceof TwinError) || error.code !== 'NUMERIC') throw error;
    // A model that bears no course is fitted by constants, as before.
    return start;
  }
}

/**
 * Whether residuals are noise: wear explains what constants do not, and nothing else is missing.
 *
 * @param most share of their variance that neighbours may have in common
 */
export const isExplained = (
  { residualModels, record }: Pick<Fit, 'residualModels' | 'record'>,
  most = MOST_LASTING,
): boolean => {
  const { timesS } = record;
  const periodS = (timesS.at(-1)! - timesS[0]!) / Math.max(1, timesS.length - 1);
  return residualModels.every(({ white, ou, samples }) => {
    const lasting = ou.std ** 2 * Math.exp(-periodS / Math.max(ou.timeConstantS, 1e-300));
    return samples === 0 || lasting <= most * (white ** 2 + ou.std ** 2);
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

/**
 * Where courses explain nothing: a step at a time that nobody has told, where it explains the residuals.
 * The model is made straight about constants first, far from such a step: its time is looked for
 * again about the fit with it.
 */
async function steppedSomewhere(
  context: FitContext,
  start: Fit,
  priors: readonly WearPrior[],
  taken: Float64Array,
): Promise<Fit | undefined> {
  let about = start;
  for (let look = 0; look < LOOKS; look++) {
    const changeS = await likeliestChange(context, about, { priors, taken });
    const frame = changeS === undefined ? undefined : frameOf(context, start, changeS);
    if (frame?.changeS === undefined) return undefined;
    const { worn } = await searched(context, start, frame);
    if (worn === undefined) return undefined;
    if (isExplained(worn)) return timed(context, start, frame, worn);
    about = worn;
  }
  return undefined;
}

/**
 * A step about the time at which something happened: what the machine was before it is fitted first, and
 * run on, as a fit of the whole record is far from both before and after.
 */
async function steppedAbout(
  context: FitContext,
  start: Fit,
  { priors }: Frame,
  aboutS: number,
): Promise<Fit | undefined> {
  const { timesS } = start.record;
  const row = timesS.findIndex((t) => t > aboutS);
  const last = timesS.length - 2;
  if (row < 1 || row > last) return undefined;
  let about: StraightFit | undefined = await fitBefore(context, start, row);
  let rows: readonly [number, number] = [Math.max(1, 2 * row - timesS.length), last];
  for (let look = 0; look < LOOKS && about !== undefined; look++) {
    const changeS = await likeliestChangeWithin(context, about, priors, rows, LEAST_CLOSER);
    const frame = changeS === undefined ? undefined : frameOf(context, start, changeS);
    if (frame?.changeS === undefined) return undefined;
    const { worn } = await searched(context, start, frame);
    if (worn !== undefined && isExplained(worn, MOST_LASTING_OF_STEP)) {
      return timed(context, start, frame, worn);
    }
    about = worn;
    // The fit with that step is off by a few rows at most, between the times of a wide look.
    rows = rowsAbout(timesS, frame.changeS);
  }
  return undefined;
}

/** The rows closest to a time. */
function rowsAbout(timesS: Float64Array, aboutS: number): readonly [number, number] {
  const row = timesS.findIndex((t) => t >= aboutS);
  return [Math.max(1, row - CLOSE), Math.min(timesS.length - 2, row + CLOSE)];
}

/** The fit with a step's time moved to where its neighbours explain the record better. */
async function timed(context: FitContext, start: Fit, frame: Frame, worn: Fit): Promise<Fit> {
  const { timesS } = worn.record;
  let best = worn;
  let at = frame.changeS;
  for (let look = 0; look < LOOKS && at !== undefined; look++) {
    const stepped = frame.priors.filter(
      ({ parameter }) => best.wear?.kinds[parameter] === STEP_KIND.name,
    );
    if (stepped.length === 0) return best;
    const rows = rowsAbout(timesS, at);
    const changeS = await likeliestChangeWithin(context, best, stepped, rows, LEAST_CLOSER);
    if (changeS === undefined || changeS === at) return best;
    const next = frameOf(context, start, changeS);
    if (next?.changeS === undefined) return best;
    const { worn: moved } = await searched(context, start, next);
    if (moved === undefined || !isExplained(moved) || moved.objective >= best.objective)
      return best;
    [best, at] = [moved, changeS];
  }
  return best;
}

/**
 * Left out where even courses as free as can be would leave more than noise.
 *
 * @returns the fit, and what the course of each parameter takes of the first one's residuals
 */
async function searched(
  context: FitContext,
  start: Fit,
  frame: Frame,
): Promise<{ worn: Fit | undefined; taken: Float64Array }> {
  let fit = start;
  let taken: Float64Array | undefined;
  let kinds = frame.priors.map(() => frame.allowed[0]!);
  for (let round = 0; ; round++) {
    const found = await hypotheses(context, fit, frame, kinds);
    taken ??= found.taken;
    // A change whose time is given is fitted in any case: the straight model may be far from it.
    if (round === 0 && frame.changeS === undefined && !mayExplain(fit, found)) {
      return { worn: undefined, taken };
    }
    const same = found.kinds.every((kind, i) => kind === kinds[i]);
    if (same || round === ROUNDS) {
      return { worn: finished(context, fit, frame, kinds, found), taken };
    }
    kinds = found.kinds;
    fit = await fitUnder(context, start, frame, kinds, found);
    // A course that leaves a disturbance is no explanation, whatever further ones would add.
    const told = isExplained(fit) || isLess(fit.residualModels, start.residualModels);
    if (frame.changeS === undefined && !told) return { worn: undefined, taken };
  }
}

/** The fit of another record of the same machine under the hypotheses of a first. */
export async function refitWorn(
  context: FitContext,
  start: Fit,
  like: Fit,
  record: FitRecord,
): Promise<Fit> {
  const frame = frameOf(context, { ...start, record }, like.wear?.changeS);
  if (frame === undefined || like.wear === undefined) return start;
  const kinds = frame.priors.map(
    ({ parameter }) =>
      frame.allowed.find((k) => k.name === like.wear!.kinds[parameter]) ?? WEAR_KINDS[0]!,
  );
  if (!kinds.some(moves)) return start;
  const coordinates = [...baseOf(start.coordinates), ...wearOf(context, frame, kinds)];
  const u = new Float64Array(coordinates.length);
  u.set(start.u.subarray(0, Math.min(start.u.length, baseOf(start.coordinates).length)));
  return fitRecordFrom(context, coordinates, record, [u]);
}

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
  { priors, changeS }: Frame,
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
    wear: {
      kinds: names,
      rateStd,
      trendScale,
      gain: found.gain,
      ...(changeS === undefined ? {} : { changeS }),
    },
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
