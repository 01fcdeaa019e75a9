import { Z95 } from '../../kalman/index.js';
import { axesOf, block, capAtPrior } from './bands.js';
import { clampU, isDisturbed, parameterCount } from './coordinates.js';
import { type Fit, type FitContext, fitProblem } from './fit.js';
import { type LeastSquaresResult, leastSquares } from './least-squares.js';
import { WIDTH } from './valley.js';

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
  const { coordinates, record, u } = fit;
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
  /** The most probable point with the parameter at a distance from the fit, and how much less it is so. */
  const floorAt = async (reach: number, near: Float64Array) => {
    const held = u[j]! + reach;
    const only = coordinates.map((c, k) => (k === j ? { ...c, lower: held, upper: held } : c));
    const from = near.map((v, k) => (k === j ? held : clampU(coordinates[k]!, v)));
    let end: LeastSquaresResult;
    try {
      end = await leastSquares(fitProblem(context, only, record), from);
    } catch (error) {
      context.signal?.throwIfAborted();
      // The model does not run there: the valley goes no further than can be seen.
      if (error instanceof Error) return undefined;
      throw error;
    }
    return { to: end.u.map((v, k) => v - u[k]!), grown: end.objective - fit.objective };
  };
  const along = (times: number) => u.map((v, k) => v + times * sandwich[k * n + j]!);
  const sides = [-1, 1].map(async (side) => {
    let reach = side * Z95 * Math.sqrt(variance);
    let near = along(reach / variance);
    let found: Float64Array | undefined;
    for (let step = 0; step <= MOST_STEPS; step++) {
      const { lower, upper } = coordinates[j]!;
      if (u[j]! + reach < lower || u[j]! + reach > upper || Math.abs(reach) > Z95) break;
      const floor = await floorAt(reach, near);
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
  });
  const furthest = (await Promise.all(sides))
    .flatMap((to) => (to === undefined ? [] : [to]))
    .toSorted((a, b) => Math.abs(b[j]!) - Math.abs(a[j]!))[0];
  if (furthest === undefined) return 1;
  const wider = (furthest[j]! / Z95) ** 2 - variance;
  if (!(wider > 1e-9)) return 1;
  for (let k = 0; k < n; k++) {
    for (let i = 0; i < n; i++) {
      C[k * n + i]! += (wider * furthest[k]! * furthest[i]!) / furthest[j]! ** 2;
    }
  }
  capAtPrior(C, n);
  return Math.sqrt((variance + wider) / variance);
}
