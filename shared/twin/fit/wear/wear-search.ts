import { widenBy } from '../bands/loewner.js';
import { type Fit, fitRecordFrom } from '../fitting/fit.js';
import type { FitContext } from '../model/fit-context.js';
import type { ResidualModel } from '../residuals/residual-model.js';
import { valueAt } from '../unknowns/coordinates.js';
import { priorOf } from '../unknowns/prior.js';
import {
  BEND,
  CALM_TREND,
  courseFrame,
  moves,
  rateAt,
  STEP_KIND,
  WEAR_KINDS,
  type WearKind,
  wearCoordinates,
  wearPrior,
} from './wear-course.js';
import { baseOf, type Found, type Frame, hypotheses } from './wear-hypotheses.js';

/** Knots of a course at most, and samples for each at the least. */
const KNOTS = 6;
const SAMPLES_PER_KNOT = 8;
const LEAST_KNOTS = 2;
/** Wear along the record that no band of a parameter can show, as a share of the prior's deviation. */
const NEGLIGIBLE = 1e-3;
/** Fits at most, each under the hypotheses that the one before speaks for. */
const ROUNDS = 3;
/** Correlation of neighbouring residuals that nothing is missing in, at most. */
export const MOST_LASTING = 0.5;
/** Disturbance that free courses may leave, as a share of what constants leave. */
const MOST_OF_CONSTANTS = 1 / 3;

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

/** Whether little of the disturbance is left. */
const isLess = (left: readonly ResidualModel[], of: readonly ResidualModel[]): boolean =>
  left.every(({ ou }, c) => ou.std <= MOST_OF_CONSTANTS * of[c]!.ou.std);

/** Whether free courses, in the model made straight, take most of what constants leave. */
const mayExplain = (fit: Fit, { wide }: Found): boolean =>
  isExplained({ ...fit, residualModels: wide }) || isLess(wide, fit.residualModels);

/**
 * The fit of a record under the hypotheses of wear that its evidence speaks for; left out where even
 * courses as free as can be would leave more than noise.
 *
 * @param anyway fit what the straight model speaks for, even if much were left there: it may be far from the fit
 * @returns the fit, and what the course of each parameter takes of the first one's residuals
 */
export async function searched(
  context: FitContext,
  start: Fit,
  frame: Frame,
  { anyway = false }: { anyway?: boolean } = {},
): Promise<{ worn: Fit | undefined; taken: Float64Array }> {
  let fit = start;
  let taken: Float64Array | undefined;
  let kinds = frame.priors.map(() => frame.allowed[0]!);
  for (let round = 0; ; round++) {
    const found = await hypotheses(context, fit, frame, kinds, { settled: round === ROUNDS });
    taken ??= found.taken;
    // A change whose time is given is fitted in any case: the straight model may be far from it.
    if (round === 0 && frame.changeS === undefined && !anyway && !mayExplain(fit, found)) {
      return { worn: undefined, taken };
    }
    if (found.kinds.every((kind, i) => kind === kinds[i])) {
      return { worn: finished(context, fit, frame, kinds, found), taken };
    }
    kinds = found.kinds;
    fit = await fitUnder(context, start, frame, kinds, found);
    // A course that leaves a disturbance is no explanation, whatever further ones would add.
    const told = isExplained(fit) || isLess(fit.residualModels, start.residualModels);
    if (frame.changeS === undefined && !told) return { worn: undefined, taken };
  }
}

/** Where wear is looked for in a fit's record; undefined where none could be seen. */
export function frameOf(
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

/** The coordinates of wear under hypotheses. */
export const wearOf = ({ twin }: FitContext, frame: Frame, kinds: readonly WearKind[]) =>
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
  factor.set(found.wider);
  fit.coordinates.forEach(({ course }, j) => {
    if (course === undefined || course.rate === 0) return;
    factor[j] = found.widerRate[priors.findIndex((p) => p.parameter === course.parameter)]!;
  });
  const covariance = widenBy(fit.covariance.covariance, n, factor, priorOf(fit.coordinates));
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
