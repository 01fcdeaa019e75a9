import type { Fit } from '../fitting/fit.js';
import { fitProblem } from '../least-squares/fit-problem.js';
import type { FitContext } from '../model/fit-context.js';
import { priorOf } from '../unknowns/prior.js';
import { freeCoordinates, STEP_KIND, type WearPrior } from './wear-course.js';
import { straightLikelihood, straightPosterior } from './wear-evidence.js';

/** Runs of the model of the first look, over all parameters that are looked at, … */
const FIRST_LOOK = 16;
/** … and times that each of them is looked at, at least. */
const LEAST_TIMES = 7;
/** Times between the neighbours of the best, in each closer look. */
const CLOSER = 8;
/** Difference step, as a share of the parameter's span. */
const DIFFERENCE = 1e-2;
/** Nats that a step must gain to be worth a fit: times and parameters are many … */
const LEAST_GAIN = 10;
/** … and of all that the residuals hold: what is not mostly a step costs fits in vain. */
const LEAST_SHARE = 0.75;
/** The same between the times of the first look. */
const LEAST_FIRST_SHARE = 0.5;
/** A parameter whose course takes so much less than the best one's did not step. */
const NEAR_BEST = 0.1;

/** A fit, or a point that was not searched for, with what the model does about it. */
export type StraightFit = Pick<
  Fit,
  'record' | 'coordinates' | 'u' | 'prediction' | 'columns' | 'residualModels' | 'noiseStd'
>;

/** The step that explains most. */
interface BestStep {
  /** The first row after it. */
  row: number;
  prior: WearPrior;
  /** Nats that it gains over the fit's own unknowns. */
  gain: number;
}

/**
 * When one parameter would have stepped, of those that may wear, to explain most of a fit's residuals:
 * the model is made straight about the fit, all its unknowns are free again, and the record's times
 * are looked at more and more closely about the best.
 *
 * @param where parameters that may wear, and the share of the residuals' squares that the course of each takes where it is free
 * @returns the time of the first sample after the step, s; undefined where none gains enough
 * @see Andrews, Econometrica 61 (1993): tests of a change at an unknown time
 */
export async function likeliestChange(
  context: FitContext,
  fit: StraightFit,
  where: { priors: readonly WearPrior[]; taken: Float64Array },
): Promise<number | undefined> {
  // A step is nearly a free course: what those leave needs no run of the model.
  const { taken } = where;
  const most = taken.reduce((a, b) => Math.max(a, b), 0);
  if (most < LEAST_SHARE) return undefined;
  const priors = where.priors.filter((_, i) => taken[i]! >= most - NEAR_BEST);
  // Half the sum of squares, in nats, is what the residuals hold.
  const held = fit.residualModels.reduce((sum, model) => sum + model.samples / 2, 0);
  const { timesS } = fit.record;
  const best = await bestStep(context, fit, priors, {
    rows: [1, timesS.length - 2],
    worthCloserLook: (gain) => gain >= LEAST_FIRST_SHARE * held,
  });
  return best !== undefined && best.gain > Math.max(LEAST_GAIN, LEAST_SHARE * held)
    ? timesS[best.row]!
    : undefined;
}

/**
 * When one parameter would have stepped, where it is known that something happened, and about when.
 *
 * @param rows the first and the last that may be the first after the step
 * @param leastGain nats
 * @returns the time of the first sample after the step, s; undefined where none gains enough
 */
export async function likeliestChangeWithin(
  context: FitContext,
  fit: StraightFit,
  priors: readonly WearPrior[],
  rows: readonly [number, number],
  leastGain: number,
): Promise<number | undefined> {
  const best = await bestStep(context, fit, priors, { rows });
  return best !== undefined && best.gain > leastGain ? fit.record.timesS[best.row]! : undefined;
}

/** Looks at times within rows, spread first, then closer and closer about the best. */
async function bestStep(
  context: FitContext,
  fit: StraightFit,
  priors: readonly WearPrior[],
  options: {
    rows: readonly [number, number];
    /** Whether what the first look found is worth going on. */
    worthCloserLook?: (gain: number) => boolean;
  },
): Promise<BestStep | undefined> {
  const { timesS } = fit.record;
  const [first, last] = options.rows;
  const span = last - first + 1;
  const times = Math.min(Math.max(LEAST_TIMES, Math.floor(FIRST_LOOK / priors.length)), span);
  if (times < 1) return undefined;
  const n = fit.columns.length;
  const still = evidenceOf(fit);
  let best: BestStep = { row: 0, gain: Number.NEGATIVE_INFINITY, prior: priors[0]! };
  const look = async (among: readonly WearPrior[], rows: readonly number[]) => {
    const tried = among.flatMap((prior) => rows.map((row) => ({ prior, row })));
    const steps = tried.map(
      ({ prior, row }) =>
        freeCoordinates(prior.parameter, {
          knotsS: new Float64Array(),
          endS: timesS.at(-1)!,
          changeS: timesS[row]!,
        })[0]!,
    );
    const problem = fitProblem(context, [...fit.coordinates, ...steps], fit.record);
    const sizes = tried.map(({ prior }) => DIFFERENCE * fit.coordinates[prior.parameter]!.span);
    const runs = await problem.simulate(
      sizes.map((h, k) => {
        const u = new Float64Array(n + steps.length);
        u.set(fit.u);
        u[n + k] = h;
        return u;
      }),
    );
    runs.forEach((run, k) => {
      if (run instanceof Error) return;
      const column = run.map((v, i) => (v - fit.prediction[i]!) / sizes[k]!);
      const { prior, row } = tried[k]!;
      const deviation = STEP_KIND.step! * prior.range;
      const gain = evidenceOf(fit, { column, parameter: prior.parameter, deviation }) - still;
      if (gain > best.gain) best = { row, gain, prior };
    });
  };
  let apart = (span + 1) / (times + 1);
  await look(
    priors,
    Array.from({ length: times }, (_, k) =>
      Math.max(first, first - 1 + Math.round(apart * (k + 1))),
    ),
  );
  if (options.worthCloserLook?.(best.gain) === false) return undefined;
  while (apart > 1 && best.row > 0) {
    const { row, prior } = best;
    const closer = Math.max(1, (2 * apart) / (CLOSER + 1));
    const rows = Array.from({ length: CLOSER }, (_, k) =>
      Math.round(row + closer * (k < CLOSER / 2 ? k - CLOSER / 2 : k + 1 - CLOSER / 2)),
    );
    await look(
      [prior],
      [...new Set(rows)].filter((r) => r >= first && r <= last),
    );
    if (closer === 1) break;
    apart = closer;
  }
  return best.row > 0 ? best : undefined;
}

/** Of a step of some deviation beside the fit's own unknowns, residuals taken for white. */
function evidenceOf(
  fit: StraightFit,
  step?: { column: Float64Array; parameter: number; deviation: number },
): number {
  const { record, prediction, coordinates, columns, u, noiseStd } = fit;
  const n = columns.length + Number(step !== undefined);
  const at = new Float64Array(n);
  at.set(u);
  const white = fit.residualModels.map((model, c) => ({
    ...model,
    white: noiseStd[c]!,
    ou: { std: 0, timeConstantS: 1 },
  }));
  const all = step === undefined ? columns : [...columns, step.column];
  const likelihood = straightLikelihood(record, prediction, all, at, white);
  const T = new Float64Array(n * n);
  for (let j = 0; j < columns.length; j++) T[j * n + j] = 1;
  // Parameters at the record's end are what they were at its start less what they gained on the way.
  for (const { parameter, atStart } of priorOf(coordinates).worn) {
    atStart.forEach((v, k) => {
      if (v !== 0) T[parameter * n + k] = -v;
    });
  }
  if (step !== undefined) {
    T[n * n - 1] = step.deviation;
    T[step.parameter * n + n - 1] = -step.deviation / coordinates[step.parameter]!.scale;
  }
  return straightPosterior(likelihood, T, n).evidence;
}
