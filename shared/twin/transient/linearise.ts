import { messageOf, TwinError } from '../../core/index.js';
import { solveLowerTransposed, squareRootOfStack, transpose } from '../../kalman/index.js';
import type { Gaussian } from '../filter/gaussian-update.js';
import type { Bounds } from '../filter/linearise.js';
import type { StateEvaluation } from '../types.js';

/** Runs the model from parameters and states over the time between two samples. */
export type PropagatePoints = (
  points: readonly { parameters: Float64Array; states: Float64Array; keepMemory?: boolean }[],
  /** Whether the points stand about the first, and tell nothing where that one fails. */
  aroundFirst: boolean,
) => Promise<readonly StateEvaluation[]>;

/** A model of the end of a run that is linear in its start, with what it leaves out. */
export interface LinearRun {
  /** Parameters and states at which `mean` holds. */
  centre: Float64Array;
  /** States at the end, then outputs there; the curvature's shift included. */
  mean: Float64Array;
  /** Ends × starts, row-major. */
  slope: Float64Array;
  /** The ends of the run from `centre`. */
  middle: Float64Array;
  /** Ends × disturbances of one deviation each: what noise of the inputs does; left out where none is stated. */
  drive?: Float64Array | undefined;
  /** Ends × starts: a factor of the covariance of what the straight line misses. */
  bend: Float64Array;
  modelRuns: number;
  /** Whether the model refused a point beyond the parameters' bounds. */
  refusedBeyond: boolean;
  /** What the FMU remembers at the end of the run from `centre`, where it tells. */
  memory: Uint8Array | undefined;
}

/** Where a point was refused, it is tried again at this share of its distance. */
const SECOND_TRY = 0.2;
/** A state that ends so many times its size away was not computed but blew up. */
const ABSURD = 1e3;
/** Slopes by a constant are those at its value, from steps of at most this share of it. */
const NEAR = 0.01;
/** Shorter arms, as a share of the spread, say nothing. */
const SHORTEST_ARM = 0.02;

/** A point of the start away from the centre: along a column of its factor, by a share of it. */
interface Arm {
  column: number;
  arm: number;
  /** Where the run from there ended; left out where the model refused it. */
  value?: Float64Array;
}

/** The start of a run without trends, and the points about it that the model may be run from. */
function pointsAbout(start: Gaussian, n: number, bounds: Bounds, withinBounds: boolean) {
  const N = start.x.length;
  const p = N - n;
  const rowOf = (j: number) => (j < n ? j : j + n);
  const stack = new Float64Array(N * p);
  for (let k = 0; k < N; k++) {
    for (let j = 0; j < p; j++) stack[k * p + j] = start.S[rowOf(j) * N + k]!;
  }
  const factor = squareRootOfStack(stack, N, p);
  /** Also against rounding: a root of −1e-18 is no number. */
  const inside = (value: number, j: number) =>
    withinBounds && j < n ? Math.min(bounds.upper[j]!, Math.max(bounds.lower[j]!, value)) : value;
  const centre = Float64Array.from({ length: p }, (_, j) => inside(start.x[rowOf(j)]!, j));
  return {
    factor,
    centre,
    at: ({ column: i, arm }: Arm) => centre.map((c, j) => inside(c + arm * factor[j * p + i]!, j)),
    /** As much of an arm as the bounds leave room for. */
    room(i: number, arm: number): number {
      let share = 1;
      for (let j = 0; withinBounds && j < n; j++) {
        const step = arm * factor[j * p + i]!;
        const limit = (step > 0 ? bounds.upper[j]! : bounds.lower[j]!) - centre[j]!;
        if (step !== 0 && limit / step < share) share = Math.max(0, limit / step);
      }
      return share * arm;
    },
    /** Arm along a column that moves no parameter by more than {@link NEAR} of itself. */
    nearness(i: number): number {
      let most = 0;
      for (let j = 0; j < n; j++) {
        most = Math.max(most, Math.abs(factor[j * p + i]!) / (Math.abs(centre[j]!) || 1));
      }
      return most > 0 ? NEAR / most : Number.POSITIVE_INFINITY;
    },
  };
}

/** Runs from points to their ends, states before outputs, and what was seen on the way. */
function runsFrom(run: PropagatePoints, n: number, bounds: Bounds) {
  const seen: Pick<LinearRun, 'modelRuns' | 'refusedBeyond' | 'memory'> = {
    modelRuns: 0,
    refusedBeyond: false,
    memory: undefined,
  };
  const endsOf = async (points: readonly Float64Array[]) => {
    const first = seen.modelRuns === 0;
    seen.modelRuns += points.length;
    const found = await run(
      points.map((x, k) => ({
        parameters: x.slice(0, n),
        states: x.slice(n),
        // The modes of the run from the middle stand for all.
        keepMemory: first && k === 0,
      })),
      first,
    );
    if (first && !(found[0] instanceof Error)) seen.memory = found[0]?.memory;
    return found.map((value, k) => {
      if (!(value instanceof Error)) return Float64Array.of(...value.states, ...value.outputs);
      const beyond = (v: number, j: number) => v < bounds.lower[j]! || v > bounds.upper[j]!;
      seen.refusedBeyond ||= points[k]!.subarray(0, n).some(beyond);
      return value;
    });
  };
  return { endsOf, seen };
}

/**
 * Second-order divided differences of arms of unequal length.
 *
 * @param straight whether what bends along a column is left out
 * @returns `gradient` along the columns, columns × ends; the mean with its shift; the bends, ends × columns
 */
function differences(
  middle: Float64Array,
  arms: readonly Arm[],
  columns: number,
  straight: (column: number) => boolean,
): { gradient: Float64Array; mean: Float64Array; bend: Float64Array } {
  const ends = middle.length;
  const gradient = new Float64Array(columns * ends);
  const bend = new Float64Array(ends * columns);
  const mean = middle.slice();
  for (let i = 0; i < columns; i++) {
    const [a, b] = arms.filter((arm) => arm.column === i && arm.value !== undefined);
    if (a === undefined) continue;
    for (let o = 0; o < ends; o++) {
      const da = a.value![o]! - middle[o]!;
      if (b === undefined) {
        gradient[i * ends + o] = da / a.arm;
        continue;
      }
      // The parabola through the three points; its half second derivative is the mean's shift.
      const db = b.value![o]! - middle[o]!;
      const shift = (da / a.arm - db / b.arm) / (a.arm - b.arm);
      gradient[i * ends + o] = da / a.arm - shift * a.arm;
      if (straight(i)) continue;
      mean[o]! += shift;
      bend[o * columns + i] = Math.SQRT2 * shift;
    }
  }
  return { gradient, mean, bend };
}

/**
 * Statistical linearisation of a run over the Gaussian of its start: second-order divided
 * differences along the columns of a factor, with arms of unequal length where the model or the
 * parameters' bounds leave no room.
 *
 * @param start parameters, trends, states
 * @param n parameters
 * @param stateScale per state: its typical magnitude. A point whose end is absurdly far from that of
 *   the centre counts as refused: a stiff model answers so where it has lost its way
 * @param bounds the parameters' bounds where points must not pass them
 * @param constants whether parameters stay as they are. What the straight line misses along them is then
 *   no noise that comes anew with each sample, but one error that lasts, and no reason to move the mean
 * @see Nørgaard, Poulsen & Ravn, New developments in state estimation, Automatica 36 (2000)
 * @throws TwinError when the model fails at the mean itself
 */
export async function lineariseRun(
  run: PropagatePoints,
  start: Gaussian,
  n: number,
  stateScale: Float64Array,
  spread: number,
  bounds: Bounds,
  withinBounds: boolean,
  constants: boolean,
): Promise<LinearRun> {
  const { factor, centre, at, room, nearness } = pointsAbout(start, n, bounds, withinBounds);
  const p = centre.length;
  const { endsOf, seen } = runsFrom(run, n, bounds);
  const arms: Arm[] = [];
  for (let i = 0; i < p; i++) {
    const reach = constants && i < n ? Math.min(spread, nearness(i)) : spread;
    for (const sign of [1, -1]) {
      const arm = room(i, sign * reach);
      if (Math.abs(arm) >= SHORTEST_ARM * reach) arms.push({ column: i, arm });
    }
  }
  const [middle, ...values] = await endsOf([centre, ...arms.map(at)]);
  if (!(middle instanceof Float64Array)) {
    if (middle instanceof TwinError) throw middle;
    throw new TwinError(
      'NUMERIC',
      `The model failed at the present estimate: ${messageOf(middle)}. The last good state is kept.`,
      { cause: middle },
    );
  }
  const isAbsurd = (end: Float64Array) =>
    stateScale.some((s, i) => Math.abs(end[i]! - middle[i]!) > ABSURD * (s + Math.abs(middle[i]!)));
  const keep = (chosen: readonly Arm[], found: readonly (Float64Array | Error)[]) =>
    chosen.forEach((arm, k) => {
      const value = found[k];
      if (value instanceof Float64Array && !isAbsurd(value)) arm.value = value;
    });
  keep(arms, values);
  const refused = arms.filter((arm) => arm.value === undefined);
  if (refused.length > 0) {
    for (const arm of refused) arm.arm *= SECOND_TRY;
    keep(refused, await endsOf(refused.map(at)));
  }
  const ends = middle.length;
  const straight = (column: number) => constants && column < n;
  const { gradient, mean, bend } = differences(middle, arms, p, straight);
  const slope = transpose(solveLowerTransposed(factor, gradient, p, ends), p, ends);
  return { centre, middle, mean, slope, bend, ...seen };
}
