import { axesOf } from '../bands/bands.js';
import { precisionOf } from '../bands/covariance.js';
import { addAlong, capAtPrior } from '../bands/loewner.js';
import { type Fit, fitRecordFrom, SAME_OPTIMUM } from '../fitting/fit.js';
import { fitProblem } from '../least-squares/fit-problem.js';
import { type LeastSquaresProblem, sampleWorth } from '../least-squares/objective.js';
import type { FitContext } from '../model/fit-context.js';
import { alongValley } from '../search/valley.js';
import { clampU, parameterCount } from '../unknowns/coordinates.js';
import { priorOf, priorSquare } from '../unknowns/prior.js';
import { widenAlongFloor } from './profile.js';
import { type Pulled, widenPulled } from './pulled.js';

/** How the posterior about a fit compares with the Gaussian that its bands stand for. */
export interface Shape {
  /** Searches from near the fit end elsewhere: the model is not smooth in its unknowns. */
  rough: boolean;
  /** Largest factor by which a band had to grow because the posterior is flatter there. */
  flatter: number;
  /** Parameters that stand further from their priors than the record is worth. */
  pulled: readonly Pulled[];
}

/** Standard deviations at which the posterior is compared. */
const AT = 2;
/** Growth of the sum of squares, as a share of a parabola's, that is too little for its band. */
const FLAT = 0.4;
/** Share of an axis outside of disturbances from which the posterior may not be a parabola along it. */
const BENDS = 0.05;
/** Doublings of a band until the posterior has grown enough. */
const MOST_DOUBLINGS = 4;
/** Deviations of the likelihood's own width at which better points are looked for in a rough model. */
const SCAN = [3, 6, 12, 24, 48, 96] as const;
/** Furthest of these, in deviations of the prior. */
const FURTHEST = 1.5;
/** Rounds of scan and search. */
const ROUNDS = 4;
/** Deviations of the likelihood's own width from which searches must come back. */
const NEARBY = [-24, -6, 6, 24] as const;

/** Sum of squares at fixed noise, in nats: a parabola of a model that is straight. */
function squaresAt(
  problem: LeastSquaresProblem,
  noiseStd: Float64Array,
  u: Float64Array,
  prediction: Float64Array,
): number {
  let sum = 0;
  for (let i = 0; i < problem.data.length; i++) {
    const e = (problem.data[i]! - prediction[i]!) / noiseStd[i % problem.channels]!;
    if (!Number.isNaN(e)) sum += e * e;
  }
  sum += priorSquare(priorOf(problem.coordinates), u);
  return sum / 2;
}

/**
 * Looks at the posterior where a fit's bands end. Where it has grown too little, they grow until it
 * has; where searches had ended apart, better points are looked for along the axes, and searches from
 * near the fit must come back to it.
 *
 * @returns the fit, or a better one, with its bands mended
 */
export async function shapeOf(context: FitContext, fit: Fit): Promise<{ fit: Fit; shape: Shape }> {
  const ended = fit.starts.filter((s) => s.error === undefined);
  const together = ended.filter((s) => s.nats! <= SAME_OPTIMUM);
  const apart = ended.length > 1 && together.length <= 1;
  const better = await alongValley(context, apart ? await climb(context, fit) : fit);
  const rough = apart && !(await comesBack(context, better));
  const flatter = Math.max(
    await widenFlat(context, better),
    await widenAlongFloor(context, better),
  );
  return { fit: better, shape: { rough, flatter, pulled: widenPulled(better) } };
}

/** Better points along the axes, searched on from, until there are none. */
async function climb(context: FitContext, start: Fit): Promise<Fit> {
  let fit = start;
  for (let round = 0; round < ROUNDS; round++) {
    const { coordinates, record, noiseStd } = fit;
    const n = coordinates.length;
    const problem = fitProblem(context, coordinates, record);
    const points = axesOf(fit.covariance.white, n).flatMap(({ axis, std }) =>
      SCAN.flatMap((times) =>
        [-1, 1].flatMap((side) => {
          const reach = side * times * std;
          if (Math.abs(reach) > FURTHEST) return [];
          return [fit.u.map((v, j) => clampU(coordinates[j]!, v + reach * axis[j]!))];
        }),
      ),
    );
    const runs = await problem.simulate(points);
    const least = squaresAt(problem, noiseStd, fit.u, fit.prediction);
    const lower = runs
      .flatMap((run, k) =>
        run instanceof Float64Array
          ? [{ point: points[k]!, squares: squaresAt(problem, noiseStd, points[k]!, run) }]
          : [],
      )
      .toSorted((a, b) => a.squares - b.squares);
    if (lower.length === 0) return fit;
    // Along a valley of a rough model the next low place need not be lower before it is searched.
    const next = await fitRecordFrom(
      context,
      coordinates,
      record,
      [fit.u, ...lower.slice(0, 4).map((l) => l.point)],
      true,
    );
    const gained = fit.objective - next.objective;
    if (gained > 0) fit = { ...next, starts: fit.starts };
    if (gained < 0.1 && lower[0]!.squares >= least) return fit;
  }
  return fit;
}

/** Whether searches from near a fit end at it. */
async function comesBack(context: FitContext, fit: Fit): Promise<boolean> {
  const n = fit.coordinates.length;
  const parameters = parameterCount(fit.coordinates);
  const near = NEARBY.map((times) =>
    fit.u.map((v, j) => {
      if (j >= parameters) return v;
      const std = Math.sqrt(fit.covariance.white[j * n + j]!);
      return clampU(fit.coordinates[j]!, v + Math.max(-1, Math.min(1, times * std)));
    }),
  );
  const again = await fitRecordFrom(context, fit.coordinates, fit.record, near, true);
  const problem = { data: fit.record.data, channels: fit.record.channels };
  const worth = sampleWorth(problem, fit.prediction, fit.noiseStd);
  return again.starts.every(
    (s) =>
      s.nats !== undefined &&
      s.nats + worth * (again.objective - fit.objective) <= SAME_OPTIMUM + 1e-9,
  );
}

/** Bands as wide as the posterior where it is flatter than they say. */
async function widenFlat(context: FitContext, fit: Fit): Promise<number> {
  const { coordinates, record, noiseStd, covariance } = fit;
  const n = coordinates.length;
  const problem = fitProblem(context, coordinates, record);
  const A = precisionOf(covariance.information, priorOf(coordinates));
  const base = squaresAt(problem, noiseStd, fit.u, fit.prediction);
  const parabola = (step: Float64Array) => {
    let sum = 0;
    for (let j = 0; j < n; j++) {
      for (let k = 0; k < n; k++) sum += 0.5 * step[j]! * A[j * n + k]! * step[k]!;
    }
    return sum;
  };
  // Disturbances act on the outputs almost by straight lines: their own axes need no look.
  const bends = (axis: Float64Array) =>
    axis.reduce((sum, a, j) => sum + (coordinates[j]!.kind === 'force' ? 0 : a * a), 0) > BENDS;
  const axes = axesOf(covariance.covariance, n).filter(({ axis, std }) => std > 0 && bends(axis));
  const factors = axes.map(() => 1);
  let open = axes.flatMap((_, k) => [-1, 1].map((side) => ({ k, side, times: 1 })));
  for (let doubling = 0; doubling <= MOST_DOUBLINGS && open.length > 0; doubling++) {
    const steps = open.map(({ k, side, times }) => {
      const { axis, std } = axes[k]!;
      return axis.map((a, j) => {
        const to = clampU(coordinates[j]!, fit.u[j]! + side * times * AT * std * a);
        return to - fit.u[j]!;
      });
    });
    const runs = await problem.simulate(steps.map((step) => step.map((d, j) => fit.u[j]! + d)));
    open = open.filter((at, i) => {
      const run = runs[i]!;
      if (!(run instanceof Float64Array)) return false;
      const { std } = axes[at.k]!;
      const u = steps[i]!.map((d, j) => fit.u[j]! + d);
      // What the band promises is the parabola's growth at its own, first, width.
      const promised = parabola(steps[i]!) / at.times ** 2;
      const grown = squaresAt(problem, noiseStd, u, run) - base;
      if (grown >= FLAT * promised || at.times * std >= 1) return false;
      at.times *= 2;
      factors[at.k] = Math.max(factors[at.k]!, at.times);
      return true;
    });
  }
  const most = Math.max(1, ...factors);
  if (most === 1) return 1;
  const prior = priorOf(coordinates);
  const C = covariance.covariance;
  axes.forEach(({ axis, std }, k) => {
    const to = Math.min(factors[k]! * std, Math.max(1, std));
    const more = to ** 2 - std ** 2;
    if (more > 0) addAlong(C, n, axis, more);
  });
  capAtPrior(C, n, prior);
  return most;
}
