import { TwinError } from '../../../core/index.js';
import { cholesky, choleskySolve } from '../../../kalman/index.js';
import type { Finding } from '../../report/verdict.js';
import type { Twin } from '../../types.js';
import type { OfferedDisturbance } from '../disturbances/offer.js';
import type { Fit } from '../fitting/fit.js';
import { fitProblem } from '../least-squares/fit-problem.js';
import {
  assess,
  type LeastSquaresProblem,
  normalEquations,
  posteriorEquations,
} from '../least-squares/objective.js';
import type { FitContext } from '../model/fit-context.js';
import { CERTAIN, misfitScore } from '../residuals/lack-of-fit.js';
import { isVarying } from '../residuals/varying.js';
import { coursesAt, valueAt } from '../unknowns/coordinates.js';
import { wearPrior } from './wear-course.js';
import { type Frame, hypotheses } from './wear-hypotheses.js';
import { frameOf, isExplained, searched } from './wear-search.js';

/** Wear of a parameter declared constant that would explain a fit's residuals. */
export interface OfferedWear {
  variable: string;
  /** What it would have been at the record's start, and at its end. */
  from: number;
  to: number;
  /** Seconds in which it would wear through its whole range at that speed: what to state of it. */
  wearHorizonS: number;
  /** Nats by which it explains them better than lasting errors of the sensors do, the model made straight. */
  gain: number;
  /** Whether it explains all of them, and nothing else nearly as much: no other constant, disturbance or sensor. */
  certain: boolean;
}

/** Wear along a record at the slowest, one deviation, as a share of the prior's; the hypotheses go to 64 times. */
const SLOWEST = 0.1;
/** Constants that are looked at, those first that lie most in the direction of the misfit: some runs each. */
const MOST_LOOKED_AT = 4;
/** How residuals follow a parameter that is another in each part of the record, from which it is looked at. */
const IN_ITS_DIRECTION = 1;
/** Nats, the model made straight, that wear must gain over lasting errors of the sensors. */
const LEAST_GAIN = 10;
/** A parameter whose wear gains less than this share of the best one's is not fitted. */
const NEAR_BEST = 0.5;
/** Nats within which two explanations are as good as each other. */
const AS_GOOD = 6;
/** Net change of a course, as a share of all that it moves through, from which it goes one way. */
const ONE_WAY = 0.8;
/** Rounds in which the noise of each channel follows what is left. */
const ROUNDS = 3;

/** A constant that is fitted as if it wore. */
interface Tried {
  parameter: number;
  /** Nats, the model made straight. */
  gain: number;
  worn: Fit;
}

/**
 * Parameters declared constant whose wear would explain what a fit of constants leaves: each by itself, by
 * the evidence of the model made straight about the fit, then by a fit. Nothing is looked for where residuals
 * are noise, or where a disturbance explains them as well.
 *
 * @param fit of constants
 * @param disturbances that would explain the residuals, each by itself
 */
export async function offeredWear(
  context: FitContext,
  fit: Fit,
  disturbances: readonly OfferedDisturbance[],
): Promise<OfferedWear[]> {
  const { twin } = context;
  const { channels } = fit.misfit;
  if (fit.coordinates.some((c) => c.kind === 'wear')) return [];
  if (!channels.some((c) => misfitScore(c) >= CERTAIN) && !isMoved(fit)) return [];
  const least = Math.max(LEAST_GAIN, ...disturbances.map((d) => d.gain));
  const spoken = (await spokenFor(context, fit)).filter(({ gain }) => gain > least);
  const most = Math.max(...spoken.map(({ gain }) => gain));
  const tried: Tried[] = [];
  for (const { frame, parameter, gain } of spoken) {
    if (gain < NEAR_BEST * most) continue;
    const own = wearing(context, fit, parameter);
    const found = await numericOr(undefined, () => searched(own, fit, frame, { anyway: true }));
    context.passes = own.passes;
    const worn = found?.worn;
    if (worn !== undefined && isExplained(worn)) tried.push({ parameter, gain, worn });
  }
  const best = tried.toSorted((a, b) => a.worn.objective - b.worn.objective)[0];
  if (best === undefined) return [];
  const explains = ({ worn }: Tried) => worn.misfit.channels.every((c) => misfitScore(c) < CERTAIN);
  const { objective } = best.worn;
  const asGood = tried.filter((t) => t.worn.objective < objective + AS_GOOD);
  const alone =
    asGood.length === 1 &&
    explains(best) &&
    best.gain > least + AS_GOOD &&
    sensorObjective(context, fit) > objective + AS_GOOD;
  return asGood
    .toSorted((a, b) => a.worn.objective - b.worn.objective)
    .map((t) => offerOf(twin, t, alone))
    .filter((offer) => offer !== undefined);
}

/** Whether residuals are as if a parameter had changed along the record. */
const isMoved = ({ misfit: { varying } }: Fit): boolean =>
  isVarying(varying) && varying.by === null;

/** What a model that fails along a course gives: others are not spoilt by it. */
async function numericOr<T>(otherwise: T, of: () => Promise<T>): Promise<T> {
  try {
    return await of();
  } catch (error) {
    if (!(error instanceof TwinError) || error.code !== 'NUMERIC') throw error;
    return otherwise;
  }
}

/** The constants whose wear would gain most, the model made straight about the fit. */
async function spokenFor(
  context: FitContext,
  fit: Fit,
): Promise<{ frame: Frame; parameter: number; gain: number }[]> {
  const { twin, model } = context;
  const { varying } = fit.misfit;
  const isLikely = (j: number) =>
    carried(j) >= IN_ITS_DIRECTION || (isMoved(fit) && varying!.unknown === j);
  const carried = (j: number) => Math.max(...fit.misfit.channels.map((c) => c.carried[j]!));
  const candidates = twin.definition.parameters
    .flatMap(({ dynamics }, j) =>
      dynamics === 'constant' && model.wearable?.[j] && isLikely(j) ? [j] : [],
    )
    .toSorted((a, b) => carried(b) - carried(a))
    .slice(0, MOST_LOOKED_AT);
  const spoken: { frame: Frame; parameter: number; gain: number }[] = [];
  for (const parameter of candidates) {
    const own = wearing(context, fit, parameter);
    const whole = frameOf(own, fit, undefined);
    if (whole === undefined) continue;
    const frame: Frame = {
      ...whole,
      priors: whole.priors.filter((p) => p.parameter === parameter),
      // What goes to and fro is no wear, though it explains more.
      allowed: whole.allowed.filter((kind) => kind.jump === 0),
    };
    const still = frame.priors.map(() => frame.allowed[0]!);
    const found = await numericOr(undefined, () => hypotheses(own, fit, frame, still));
    context.passes = own.passes;
    spoken.push({ frame, parameter, gain: found?.gain ?? 0 });
  }
  return spoken;
}

/** A fit's context in which one constant may wear. */
const wearing = (context: FitContext, fit: Fit, parameter: number): FitContext => ({
  ...context,
  twin: asIfWearing(context.twin, fit, parameter),
});

/** The twin with a constant that wears, at the slowest hardly. */
function asIfWearing(twin: Twin, fit: Fit, parameter: number): Twin {
  const { timesS } = fit.record;
  const { name, scale } = fit.coordinates[parameter]!;
  const spanS = timesS.at(-1)! - timesS[0]!;
  const horizonS = (parameterRange(twin, fit, parameter) * spanS) / (2 * SLOWEST * scale);
  return withWearing(twin, { [name]: horizonS });
}

/**
 * A twin some of whose parameters wear, whatever its definition says of them.
 *
 * @param horizonS seconds in which each may wear through its range, by name
 */
export function withWearing(twin: Twin, horizonS: Readonly<Record<string, number>>): Twin {
  const parameters = twin.definition.parameters.map((p) => {
    const wearHorizonS = horizonS[p.variable];
    return wearHorizonS === undefined ? p : { ...p, dynamics: 'trend' as const, wearHorizonS };
  });
  return { ...twin, definition: { ...twin.definition, parameters } };
}

/** A parameter's range, on its transformed scale. */
function parameterRange({ definition }: Twin, fit: Fit, j: number): number {
  const c = fit.coordinates[j]!;
  const trend = { ...definition.parameters[j]!, dynamics: 'trend' as const };
  return wearPrior(j, trend, c, 1, valueAt(c, fit.u[j]!))!.range;
}

/** An offer as it is told; undefined where the course goes to and fro. */
function offerOf(
  twin: Twin,
  { parameter, gain, worn }: Tried,
  alone: boolean,
): OfferedWear | undefined {
  const { timesS } = worn.record;
  const c = worn.coordinates[parameter]!;
  const course = coursesAt(worn.coordinates, worn.u, timesS).find((w) => w.parameter === parameter);
  if (course === undefined) return undefined;
  const values = course.values.map((v) => (c.transform === 'log' ? Math.log(v) : v));
  const net = Math.abs(values.at(-1)! - values[0]!);
  const moved = values.reduce((a, b) => Math.max(a, b)) - values.reduce((a, b) => Math.min(a, b));
  if (!(net > ONE_WAY * moved)) return undefined;
  const horizonS = (parameterRange(twin, worn, parameter) * (timesS.at(-1)! - timesS[0]!)) / net;
  return {
    variable: twin.definition.parameters[parameter]!.variable,
    from: course.values[0]!,
    to: course.values.at(-1)!,
    wearHorizonS: Number(horizonS.toPrecision(2)),
    gain,
    certain: alone,
  };
}

/** The objective with the one offset or drift of a sensor that explains most, the model straight about the fit. */
function sensorObjective(context: FitContext, fit: Fit): number {
  const { timesS, channels } = fit.record;
  const problem = fitProblem(context, fit.coordinates, fit.record);
  const middle = (timesS[0]! + timesS.at(-1)!) / 2;
  let least = fit.objective;
  for (let c = 0; c < channels; c++) {
    for (const error of [() => 1, (t: number) => (t - middle) / (timesS.at(-1)! - middle)]) {
      const column = fit.prediction.map((_, i) =>
        i % channels === c ? fit.noiseStd[c]! * error(timesS[Math.floor(i / channels)]!) : 0,
      );
      least = Math.min(least, objectiveWith(problem, fit, column));
    }
  }
  return least;
}

/** The objective where a column is free beside the unknowns. */
function objectiveWith(problem: LeastSquaresProblem, fit: Fit, column: Float64Array): number {
  const n = fit.u.length;
  const columns = [...fit.columns, column];
  let { u, prediction, noiseStd, objective } = fit;
  for (let round = 0; round < ROUNDS; round++) {
    const all = normalEquations(problem, columns, noiseStd, prediction);
    const own = posteriorEquations(problem, fit.columns, { u, prediction, noiseStd });
    for (let j = 0; j < n; j++) {
      all.gradient[j] = own.gradient[j]!;
      for (let k = 0; k < n; k++) all.information[j * (n + 1) + k] = own.information[j * n + k]!;
    }
    if (!(all.information[n * (n + 1) + n]! > 0)) return objective;
    const step = choleskySolve(cholesky(all.information, n + 1), all.gradient, n + 1);
    u = u.map((v, j) => v + step[j]!);
    prediction = prediction.map((v, i) => columns.reduce((sum, g, j) => sum + g[i]! * step[j]!, v));
    ({ objective, noiseStd } = assess(problem, u, prediction));
  }
  return objective;
}

/** What was taken to wear by a guess says in a verdict. */
export function guessedWearFindings(guessed: readonly OfferedWear[]): Finding[] {
  return guessed.map(({ variable, wearHorizonS }) => ({
    grade: 'care',
    reason: `${variable} is taken to wear, by a guess from this record alone: put in what you know of its wearHorizonS, ${wearHorizonS} for now, or make it constant again`,
    about: [variable],
  }));
}

/** What offers of wear say in a verdict, and what to do. */
export function offeredWearFindings(offers: readonly OfferedWear[]): Finding[] {
  const [first, ...others] = offers;
  if (first === undefined) return [];
  const text = (v: number) => v.toPrecision(3);
  const also = others.map((o) => `${o.variable} from ${text(o.from)} to ${text(o.to)}`).join(', ');
  const doubt =
    also !== ''
      ? ` (or ${also}, which explains as much)`
      : first.certain
        ? ''
        : ' (a disturbance or an error of a sensor explains nearly as much, or something else is missing as well)';
  return [
    {
      grade: 'care',
      reason: `${first.variable}, taken for constant, looks as if it had worn from ${text(first.from)} to ${text(first.to)} along the record${doubt}: where that may be, replace its dynamics: constant by wearHorizonS: ${first.wearHorizonS} in the definition, or try it by fit --wear ${first.variable}=${first.wearHorizonS}`,
      about: offers.map((o) => o.variable),
    },
  ];
}
