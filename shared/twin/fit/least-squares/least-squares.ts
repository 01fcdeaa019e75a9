import { cholesky, choleskySolve } from '../../../kalman/index.js';
import { isDisturbed } from '../unknowns/coordinates.js';
import { priorOf } from '../unknowns/prior.js';
import {
  assess,
  type LeastSquaresProblem,
  normalEquations,
  posteriorEquations,
  type SearchPoint,
  sampleWorth,
} from './objective.js';
import { secantUpdate, sensitivities } from './sensitivities.js';
import { dampedStep, promisedGain } from './steps.js';

/** Where a search ended. */
export interface LeastSquaresResult extends SearchPoint {
  /** Minus the logarithm of the posterior density, noise concentrated out, up to a constant. */
  objective: number;
  /** Model runs along the record. */
  passes: number;
  iterations: number;
  converged: boolean;
  /** Where it wanted to go on and the model failed; left out of a search that no failure stopped. */
  refused?: Refused;
}

/** A point that a search was kept from. */
export interface Refused {
  u: Float64Array;
  error: Error;
  /** What the step there promised, in units of the objective. */
  promised: number;
}

const MAX_ITERATIONS = 30;
/** The same of a fit with disturbances, whose many unknowns leave flat valleys. */
const MAX_ITERATIONS_DISTURBED = 60;
const MAX_TRIES = 7;
/** Share of what a step promised that it must gain for its straight line to have proved itself. */
const AS_PROMISED = 0.6;
/** Smaller steps of a fit with disturbances before all of its many sensitivities are looked at anew. */
const SMALLER_STEPS = 2;
/** Times that the disturbances of a point are found anew. */
const TIMES_ANEW = 4;
/** Nats of independent samples: a search ends where a step promises or gains less … */
const NEGLIGIBLE_GAIN = 0.003;
/** … and a fit that is polished, where it is less than so many nats of plain ones. */
const POLISHED_GAIN = 0.03;
const difference = (to: Float64Array, from: Float64Array) => to.map((v, j) => v - from[j]!);

/**
 * Searches the most probable point from one start: Levenberg's and Marquardt's damped steps, each
 * channel's noise concentrated out of the likelihood, the prior as further residuals, bounds kept by
 * projection. Where a step did what it promised, sensitivities are carried on by a secant update
 * instead of new model runs.
 *
 * @param polish search on although what is gained no longer counts against the residuals' memory
 * @throws TwinError `NUMERIC` when the model fails at the start, or cannot be differentiated
 * @see Marquardt, SIAM J. Appl. Math. 11 (1963); Moré 1978; Ljung 1999, sections 7.4 and 10.2
 */
export async function leastSquares(
  problem: LeastSquaresProblem,
  start: Float64Array,
  polish = false,
): Promise<LeastSquaresResult> {
  const { coordinates } = problem;
  const [first] = await problem.simulate([start]);
  if (!(first instanceof Float64Array)) throw first;
  let u: Float64Array = start.slice();
  let prediction: Float64Array = first;
  let { objective, noiseStd } = assess(problem, u, prediction);
  let passes = 1;
  let damping = 1e-2;
  let columns: Float64Array[] = [];
  let fresh = false;
  let wantsAll = true;
  let mayReuse = false;
  let converged = false;
  let iterations = 0;
  let hasFailed = false;
  const disturbed = isDisturbed(coordinates);
  const most = disturbed ? MAX_ITERATIONS_DISTURBED : MAX_ITERATIONS;
  for (; iterations < most && !converged; iterations++) {
    if (!mayReuse) {
      // What the outputs make of a disturbance changes little: looked at anew before the search ends, and
      // where steps fail.
      const known: readonly Float64Array[] = wantsAll ? [] : columns;
      const look = coordinates.map((c, j) => c.kind !== 'force' || known[j] === undefined);
      const found = await sensitivities(problem, u, prediction, undefined, look);
      columns = found.columns.map((column, j) => (look[j] ? column : known[j]!));
      passes += found.passes;
      fresh = !look.includes(false);
      wantsAll = false;
    }
    const steps = stepsFrom(problem, { u, prediction, noiseStd }, columns);
    let accepted = false;
    const negligible = polish
      ? POLISHED_GAIN
      : NEGLIGIBLE_GAIN / sampleWorth(problem, prediction, noiseStd);
    for (let attempt = 0; attempt < MAX_TRIES; attempt++) {
      const { next, promised } = steps(damping);
      if (promised < negligible) {
        converged = fresh && damping <= 1;
        break;
      }
      const short = objective - AS_PROMISED * promised;
      const trial = await tried(
        problem,
        next,
        disturbed ? { columns, noiseStd, short } : undefined,
      );
      passes += trial.passes;
      hasFailed ||= trial.error !== undefined;
      if (trial.objective < objective) {
        const gain = objective - trial.objective;
        const from = prediction;
        // Columns are carried on only where the straight line has just proved itself.
        mayReuse = gain > AS_PROMISED * promised && gain < 1.6 * promised && attempt === 0;
        if (mayReuse) {
          const change = (i: number) => trial.prediction[i]! - from[i]!;
          secantUpdate(columns, difference(trial.u, u), change);
        } else columns = trial.columns?.slice() ?? columns;
        ({ u, prediction, objective, noiseStd } = trial);
        // After a refusal the same damping again: less would be refused as well. A valley of many
        // unknowns bends: less damping only where the step did what it promised.
        const less = !disturbed ? 8 : gain > 0.75 * promised ? 3 : 1;
        damping = attempt === 0 ? Math.max(damping / less, 1e-7) : damping;
        accepted = true;
        if (gain < negligible && fresh) converged = true;
        fresh = false;
        break;
      }
      // Old sensitivities may be to blame: new ones before smaller steps, unless they are many.
      if (!fresh && !(disturbed && attempt < SMALLER_STEPS)) break;
      damping = damping * 6 + 1e-6;
    }
    if (!accepted && !converged) {
      if (fresh) break;
      mayReuse = false;
      wantsAll = true;
    }
  }
  const refused =
    hasFailed && !converged
      ? await refusedFrom(problem, stepsFrom(problem, { u, prediction, noiseStd }, columns))
      : undefined;
  return {
    ...{ u, objective, prediction, noiseStd, passes, iterations, converged },
    ...(refused === undefined ? {} : { refused }),
  };
}

/** Where steps lead from a point, by their damping, and what they promise to gain. */
function stepsFrom(
  problem: LeastSquaresProblem,
  point: SearchPoint,
  columns: readonly Float64Array[],
): (damping: number) => { next: Float64Array; promised: number } {
  const { coordinates } = problem;
  const { u } = point;
  const { information, gradient } = posteriorEquations(problem, columns, point);
  // A coordinate that stands at its bound and wants beyond stays there.
  const held = coordinates.map(
    (c, j) => (u[j]! >= c.upper && gradient[j]! > 0) || (u[j]! <= c.lower && gradient[j]! < 0),
  );
  return (damping) => {
    const step = dampedStep(information, gradient, damping, held, coordinates);
    const next = u.map((v, j) => {
      const c = coordinates[j]!;
      return Math.min(c.upper, Math.max(c.lower, v + step[j]!));
    });
    return { next, promised: promisedGain(information, gradient, difference(next, u)) };
  };
}

/** Where a search that has not converged would go by whole steps, if the model fails there. */
async function refusedFrom(
  problem: LeastSquaresProblem,
  steps: ReturnType<typeof stepsFrom>,
): Promise<Refused | undefined> {
  const { next: u, promised } = steps(0);
  const [end] = await problem.simulate([u]);
  return end instanceof Error ? { u, error: end, promised } : undefined;
}

/** A point that was run, and what it is worth. */
interface Trial {
  u: Float64Array;
  prediction: Float64Array;
  /** Infinite where the model failed. */
  objective: number;
  /** Why it failed. */
  error?: Error;
  noiseStd: Float64Array;
  passes: number;
  /** Sensitivities, those to disturbances brought along; left out where they are as they were. */
  columns?: readonly Float64Array[];
}

/**
 * Runs a point. Where it gains less than it promised, its disturbances are found anew for its parameters.
 *
 * @param anew sensitivities and noise to find them with, and the objective that is good enough
 */
async function tried(
  problem: LeastSquaresProblem,
  point: Float64Array,
  anew?: { columns: readonly Float64Array[]; noiseStd: Float64Array; short: number },
): Promise<Trial> {
  const none = new Float64Array();
  const run = async (u: Float64Array): Promise<Trial> => {
    const [prediction] = await problem.simulate([u]);
    return prediction instanceof Float64Array
      ? { u, prediction, ...assess(problem, u, prediction), passes: 1 }
      : { u, prediction: none, objective: Infinity, noiseStd: none, passes: 1, error: prediction! };
  };
  let best = await run(point);
  if (anew === undefined) return best;
  let columns = anew.columns;
  let { passes } = best;
  for (let k = 0; k < TIMES_ANEW && best.objective > anew.short; k++) {
    if (best.objective === Infinity) break;
    const next = await run(resolved(problem, columns, anew.noiseStd, best.u, best.prediction));
    passes++;
    if (!(next.objective < best.objective)) break;
    // What the parameters' step did to the answers to disturbances shows in what these missed.
    columns = columns.map((column) => column.slice());
    const [from, to] = [best.prediction, next.prediction];
    secantUpdate(columns, difference(next.u, best.u), (i) => to[i]! - from[i]!);
    best = next;
  }
  return { ...best, passes, columns };
}

/**
 * A point whose disturbances are the most probable ones for its parameters: they act on the outputs almost by
 * straight lines, so no search is needed. Along a curved valley this is what lets the parameters take long steps.
 *
 * @see Golub & Pereyra, Inverse Problems 19 (2003): variable projection
 */
function resolved(
  problem: LeastSquaresProblem,
  columns: readonly Float64Array[],
  noiseStd: Float64Array,
  u: Float64Array,
  prediction: Float64Array,
): Float64Array {
  const { coordinates } = problem;
  const free = coordinates.flatMap((c, j) => (c.kind === 'parameter' ? [] : [j]));
  const n = free.length;
  const { information, gradient } = normalEquations(
    problem,
    free.map((j) => columns[j]!),
    noiseStd,
    prediction,
  );
  const { precision } = priorOf(coordinates);
  const all = coordinates.length;
  free.forEach((j, k) => {
    for (let i = 0; i < all; i++) gradient[k]! -= precision[j * all + i]! * u[i]!;
    free.forEach((i, l) => {
      information[k * n + l]! += precision[j * all + i]!;
    });
  });
  const step = choleskySolve(cholesky(information, n), gradient, n);
  const next = u.slice();
  free.forEach((j, k) => {
    const c = coordinates[j]!;
    next[j] = Math.min(c.upper, Math.max(c.lower, u[j]! + step[k]!));
  });
  return next;
}
