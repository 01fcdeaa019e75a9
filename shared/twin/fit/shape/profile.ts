import { Z95 } from '../../../kalman/index.js';
import { axesOf, block } from '../bands/bands.js';
import { addAlong, capAtPrior } from '../bands/loewner.js';
import type { Fit } from '../fitting/fit.js';
import { fitProblem } from '../least-squares/fit-problem.js';
import { type LeastSquaresResult, leastSquares } from '../least-squares/least-squares.js';
import type { FitContext } from '../model/fit-context.js';
import { WIDTH } from '../search/valley.js';
import { clampU, isDisturbed, parameterCount } from '../unknowns/coordinates.js';
import { priorOf } from '../unknowns/prior.js';

/** Growth at the end of a band, as a share of what the band promises, from which it is as it should be. */
const ENOUGH = 0.7;
/** Steps outward until the posterior has grown as far as the band promises, … */
const MOST_STEPS = 4;
/** … each so many times as far as the one before. */
const STEP = { least: 1.2, most: 2 } as const;

/**
 * Bands as wide as the profile of the posterior on the axis on which the parameters are least known.
 *
 * Where two effects can almost change places, the posterior is a bent valley: straight on from the fit it
 * rises as fast as its curvature says, but along its floor it stays low. So the parameter that moves most
 * along the axis is held where its band ends, all others are searched anew, and the band goes on until the
 * posterior has fallen by what its end stands for. What the others do on the way goes into the covariance.
 *
 * @returns the factor by which the parameter's band grew
 * @see Venzon & Moolgavkar, Applied Statistics 37 (1988)
 */
export async function widenAlongFloor(context: FitContext, fit: Fit): Promise<number> {
  const { coordinates } = fit;
  const { covariance: C, sandwich, white } = fit.covariance;
  const n = coordinates.length;
  const p = parameterCount(coordinates);
  if (isDisturbed(coordinates)) return 1;
  const axes = axesOf(block(sandwich, n, p), p);
  const { axis, std } = axes.reduce((widest, a) => (a.std > widest.std ? a : widest));
  if (!(std >= WIDTH.least && std <= WIDTH.most)) return 1;
  const j = axis.reduce((most, a, k) => (Math.abs(a) > Math.abs(axis[most]!) ? k : most), 0);
  // Errors of sensors and of the integration are in C too, and are no matter of the likelihood.
  const variance = sandwich[j * n + j]!;
  const promised = (0.5 * Z95 ** 2 * variance) / white[j * n + j]!;
  const valley: Valley = { context, fit, j, variance, promised };
  const ends = await Promise.all([-1, 1].map((side) => endOfBand(valley, side)));
  const furthest = ends
    .flatMap((to) => (to === undefined ? [] : [to]))
    .toSorted((a, b) => Math.abs(b[j]!) - Math.abs(a[j]!))[0];
  if (furthest === undefined) return 1;
  const wider = (furthest[j]! / Z95) ** 2 - variance;
  if (!(wider > 1e-9)) return 1;
  addAlong(C, n, furthest, wider / furthest[j]! ** 2);
  capAtPrior(C, n, priorOf(coordinates));
  return Math.sqrt((variance + wider) / variance);
}

/** A fit and the parameter that is held at distances from it. */
interface Valley {
  context: FitContext;
  fit: Fit;
  /** The parameter's place among the coordinates. */
  j: number;
  /** Of the parameter, by the fit's curvature. */
  variance: number;
  /** How much less probable than the fit the end of its band is to be, in nats. */
  promised: number;
}

/**
 * Goes along the valley's floor to one side, until the posterior has fallen by what the band's end stands for.
 *
 * @param side −1 or 1
 * @returns the way there from the fit, in all coordinates; undefined where the band is as wide as it should be
 */
async function endOfBand(valley: Valley, side: number): Promise<Float64Array | undefined> {
  const { fit, j, variance, promised } = valley;
  const { coordinates, u } = fit;
  const { sandwich } = fit.covariance;
  const { lower, upper } = coordinates[j]!;
  const n = coordinates.length;
  let reach = side * Z95 * Math.sqrt(variance);
  const along = reach / variance;
  let near = u.map((v, k) => v + along * sandwich[k * n + j]!);
  let found: Float64Array | undefined;
  for (let step = 0; step <= MOST_STEPS; step++) {
    if (u[j]! + reach < lower || u[j]! + reach > upper || Math.abs(reach) > Z95) break;
    const floor = await floorAt(valley, reach, near);
    if (floor === undefined) break;
    const { to, grown } = floor;
    if (step === 0 && grown >= ENOUGH * promised) break;
    found = to;
    if (grown >= promised) break;
    const times = Math.sqrt(promised / Math.max(grown, 1e-9));
    const by = Math.min(STEP.most, Math.max(STEP.least, times));
    // Straight on, as the floor ran so far.
    near = u.map((v, k) => v + by * to[k]!);
    reach *= by;
  }
  return found;
}

/**
 * The most probable point with the parameter held at a distance from the fit.
 *
 * @param near where its search begins
 * @returns the way there, and how much less probable it is than the fit; undefined where the model does not run
 */
async function floorAt(
  { context, fit, j }: Valley,
  reach: number,
  near: Float64Array,
): Promise<{ to: Float64Array; grown: number } | undefined> {
  const { coordinates, record, u } = fit;
  const held = u[j]! + reach;
  const only = coordinates.map((c, k) => (k === j ? { ...c, lower: held, upper: held } : c));
  const from = near.map((v, k) => (k === j ? held : clampU(coordinates[k]!, v)));
  let end: LeastSquaresResult;
  try {
    end = await leastSquares(fitProblem(context, only, record), from);
  } catch (error) {
    context.signal?.throwIfAborted();
    // The valley goes no further than can be seen.
    if (error instanceof Error) return undefined;
    throw error;
  }
  return { to: end.u.map((v, k) => v - u[k]!), grown: end.objective - fit.objective };
}
