import { TwinError } from '../../core/index.js';
import { cholesky, choleskySolve } from '../../kalman/index.js';
import type { Coordinate } from './coordinates.js';

/** A fit of a model's free run to data. Residuals run over samples × channels, row-major. */
export interface LeastSquaresProblem {
  coordinates: readonly Coordinate[];
  /** Samples × channels, `NaN` where a value is missing. */
  data: Float64Array;
  channels: number;
  /** Least noise per channel: below it, smaller residuals prove nothing. */
  noiseFloor: Float64Array;
  /** The model's free runs at points u: samples × channels, or why one failed. */
  simulate(points: readonly Float64Array[]): Promise<readonly (Float64Array | Error)[]>;
}

/** Where a search ended. */
export interface LeastSquaresResult {
  u: Float64Array;
  /** Minus the logarithm of the posterior density, noise concentrated out, up to a constant. */
  objective: number;
  prediction: Float64Array;
  /** Per channel. */
  noiseStd: Float64Array;
  /** Model runs along the record. */
  passes: number;
  iterations: number;
  converged: boolean;
}

const MAX_ITERATIONS = 30;
/** The same of a fit with disturbances, whose many unknowns leave flat valleys. */
const MAX_ITERATIONS_DISTURBED = 60;
const MAX_TRIES = 7;
/** Nats of independent samples: a search ends where a step promises or gains less … */
const NEGLIGIBLE_GAIN = 0.003;
/** … and a fit that is polished, where it is less than so many nats of plain ones. */
const POLISHED_GAIN = 0.03;
/** Longest step of a search: a factor of e^1.5 of a logarithmic parameter, or so many deviations. */
const LONGEST_STEP = 1.5;
/** Difference step of sensitivities: relative of a logarithmic parameter, else share of a deviation. */
const DIFFERENCE = 1e-3;

/** Noise and objective at residuals. @internal */
export function assess(
  problem: LeastSquaresProblem,
  u: Float64Array,
  prediction: Float64Array,
): { objective: number; noiseStd: Float64Array } {
  const { data, channels, noiseFloor } = problem;
  const sse = new Float64Array(channels);
  const count = new Float64Array(channels);
  for (let i = 0; i < data.length; i++) {
    const e = data[i]! - prediction[i]!;
    if (Number.isNaN(e)) continue;
    sse[i % channels]! += e * e;
    count[i % channels]!++;
  }
  let objective = 0;
  const noiseStd = sse.map((s, c) => {
    if (count[c] === 0) return 1; // A channel without a value weighs nothing.
    const variance = Math.max(s / Math.max(1, count[c]!), noiseFloor[c]! ** 2);
    objective += (count[c]! / 2) * Math.log(variance) + s / (2 * variance);
    return Math.sqrt(variance);
  });
  for (const x of u) objective += 0.5 * x * x;
  return { objective, noiseStd };
}

/**
 * How much one sample is worth where residuals follow each other: (1 − a) / (1 + a) with their
 * lag-one correlation a, over all channels, from 1e-3 to 1.
 *
 * @see Bayley & Hammersley, J. R. Stat. Soc. Suppl. 8 (1946)
 */
export function sampleWorth(
  problem: Pick<LeastSquaresProblem, 'data' | 'channels'>,
  prediction: Float64Array,
  noiseStd: Float64Array,
): number {
  const { data, channels } = problem;
  let product = 0;
  let square = 0;
  for (let i = channels; i < data.length; i++) {
    const now = data[i]! - prediction[i]!;
    const before = data[i - channels]! - prediction[i - channels]!;
    if (Number.isNaN(now) || Number.isNaN(before)) continue;
    const w = 1 / noiseStd[i % channels]! ** 2;
    product += w * now * before;
    square += (w * (now * now + before * before)) / 2;
  }
  const a = square > 0 ? Math.max(0, product / square) : 0;
  return Math.max(1e-3, (1 - a) / (1 + a));
}

/** A share of the coordinate's span, in units of u. */
const stepOf = (c: Coordinate, relative: number) => (relative * c.span) / c.scale;

/**
 * Sensitivities of the free run: samples·channels per coordinate, a column each.
 *
 * @param base the run at u for one-sided differences; left out, differences are central
 * @param look which coordinates to look at; the columns of the others are empty
 * @throws TwinError `NUMERIC` where the model fails on both sides
 */
export async function sensitivities(
  problem: LeastSquaresProblem,
  u: Float64Array,
  base?: Float64Array,
  relative = DIFFERENCE,
  look?: readonly boolean[],
): Promise<{ columns: Float64Array[]; passes: number }> {
  const { coordinates } = problem;
  const looked = [...coordinates.keys()].filter((j) => look?.[j] !== false);
  const moved = (j: number, h: number) => {
    const x = u.slice();
    x[j]! += h;
    return x;
  };
  // Away from a bound that is close.
  const steps = coordinates.map((c, j) => {
    const h = stepOf(c, relative);
    return u[j]! + h > c.upper ? -h : h;
  });
  const central = base === undefined;
  const points = looked.map((j) => moved(j, steps[j]!));
  if (central) {
    points.push(
      ...looked.map((j) => {
        const c = coordinates[j]!;
        const back = u[j]! - steps[j]!;
        return back < c.lower || back > c.upper ? u.slice() : moved(j, -steps[j]!);
      }),
    );
  }
  const runs = await problem.simulate(points);
  let passes = points.length;
  const columns: Float64Array[] = coordinates.map(() => new Float64Array());
  for (const [k, j] of looked.entries()) {
    let ahead = runs[k]!;
    let aheadAt = points[k]![j]!;
    let behind: Float64Array | Error | undefined = central ? runs[looked.length + k]! : base;
    let behindAt = central ? points[looked.length + k]![j]! : u[j]!;
    if (ahead instanceof Error || behind instanceof Error) {
      // One side is beyond what the model bears: the other, against the middle.
      const side = ahead instanceof Error ? -1 : 1;
      const [middle, other] = await problem.simulate([u, moved(j, side * Math.abs(steps[j]!))]);
      passes += 2;
      ahead = other!;
      aheadAt = u[j]! + side * Math.abs(steps[j]!);
      behind = middle;
      behindAt = u[j]!;
    }
    if (ahead instanceof Error || !(behind instanceof Float64Array)) {
      throw new TwinError(
        'NUMERIC',
        `The model fails on both sides of a value of ${coordinates[j]!.name}: no sensitivity there.`,
        { cause: ahead instanceof Error ? ahead : undefined },
      );
    }
    const h = aheadAt - behindAt;
    const from = behind;
    columns[j] = ahead.map((v, i) => (v - from[i]!) / h);
  }
  return { columns, passes };
}

/** JᵀJ/σ² of the data alone, n × n, and Jᵀe/σ². */
export function normalEquations(
  problem: LeastSquaresProblem,
  columns: readonly Float64Array[],
  noiseStd: Float64Array,
  prediction: Float64Array,
): { information: Float64Array; gradient: Float64Array } {
  const n = columns.length;
  const { data, channels } = problem;
  const information = new Float64Array(n * n);
  const gradient = new Float64Array(n);
  const weight = noiseStd.map((s) => 1 / (s * s));
  for (let i = 0; i < data.length; i++) {
    const e = data[i]! - prediction[i]!;
    if (Number.isNaN(e)) continue;
    const w = weight[i % channels]!;
    for (let j = 0; j < n; j++) {
      const wj = w * columns[j]![i]!;
      gradient[j]! += wj * e;
      for (let k = 0; k <= j; k++) information[j * n + k]! += wj * columns[k]![i]!;
    }
  }
  for (let j = 0; j < n; j++)
    for (let k = 0; k < j; k++) information[k * n + j] = information[j * n + k]!;
  return { information, gradient };
}

/** A secant update of sensitivities from a step that was taken. @see Broyden, Math. Comp. 19 (1965) */
function secantUpdate(
  columns: readonly Float64Array[],
  step: Float64Array,
  change: (i: number) => number,
): void {
  const length = step.reduce((sum, d) => sum + d * d, 0);
  if (!(length > 0)) return;
  const size = columns[0]?.length ?? 0;
  for (let i = 0; i < size; i++) {
    let miss = change(i);
    for (let j = 0; j < step.length; j++) miss -= columns[j]![i]! * step[j]!;
    miss /= length;
    for (let j = 0; j < step.length; j++) columns[j]![i]! += miss * step[j]!;
  }
}

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
  const n = coordinates.length;
  const [first] = await problem.simulate([start]);
  if (!(first instanceof Float64Array)) throw first;
  let u = start.slice();
  let prediction = first;
  let { objective, noiseStd } = assess(problem, u, prediction);
  let passes = 1;
  let damping = 1e-2;
  let columns: Float64Array[] = [];
  let fresh = false;
  let wantsAll = true;
  let mayReuse = false;
  let converged = false;
  let iterations = 0;
  const most = coordinates.some((c) => c.kind === 'force')
    ? MAX_ITERATIONS_DISTURBED
    : MAX_ITERATIONS;
  for (; iterations < most && !converged; iterations++) {
    if (!mayReuse) {
      // What the outputs make of a disturbance changes little: looked at anew before the search ends, and
      // where steps fail.
      const known: readonly Float64Array[] = wantsAll ? [] : columns;
      const look = coordinates.map((c, j) => c.kind !== 'force' || known[j] === undefined);
      const found = await sensitivities(problem, u, prediction, DIFFERENCE, look);
      columns = found.columns.map((column, j) => (look[j] ? column : known[j]!));
      passes += found.passes;
      fresh = !look.includes(false);
      wantsAll = false;
    }
    const { information, gradient } = normalEquations(problem, columns, noiseStd, prediction);
    for (let j = 0; j < n; j++) {
      information[j * n + j]! += 1;
      gradient[j]! -= u[j]!;
    }
    // A coordinate that stands at its bound and wants beyond stays there.
    const held = coordinates.map(
      (c, j) => (u[j]! >= c.upper && gradient[j]! > 0) || (u[j]! <= c.lower && gradient[j]! < 0),
    );
    let accepted = false;
    const negligible = polish
      ? POLISHED_GAIN
      : NEGLIGIBLE_GAIN / sampleWorth(problem, prediction, noiseStd);
    for (let attempt = 0; attempt < MAX_TRIES; attempt++) {
      const step = dampedStep(information, gradient, damping, held, coordinates);
      const next = u.map((v, j) => {
        const c = coordinates[j]!;
        return Math.min(c.upper, Math.max(c.lower, v + step[j]!));
      });
      const taken = next.map((v, j) => v - u[j]!);
      const promised = promisedGain(information, gradient, taken);
      if (promised < negligible) {
        converged = fresh && damping <= 1;
        break;
      }
      const [run] = await problem.simulate([next]);
      passes++;
      const found = run instanceof Float64Array ? assess(problem, next, run) : undefined;
      if (run instanceof Float64Array && found !== undefined && found.objective < objective) {
        const gain = objective - found.objective;
        const from = prediction;
        // Columns are carried on only where the straight line has just proved itself.
        mayReuse = gain > 0.6 * promised && gain < 1.6 * promised && attempt === 0;
        if (mayReuse) secantUpdate(columns, taken, (i) => run[i]! - from[i]!);
        u = next;
        prediction = run;
        ({ objective, noiseStd } = found);
        // After a refusal the same damping again: less would be refused as well.
        damping = attempt === 0 ? Math.max(damping / 8, 1e-7) : damping;
        accepted = true;
        if (gain < negligible && fresh) converged = true;
        fresh = false;
        break;
      }
      if (!fresh) break; // Old sensitivities may be to blame: new ones before smaller steps.
      damping = damping * 6 + 1e-6;
    }
    if (!accepted && !converged) {
      if (fresh) break;
      mayReuse = false;
      wantsAll = true;
    }
  }
  return { u, objective, prediction, noiseStd, passes, iterations, converged };
}

function dampedStep(
  information: Float64Array,
  gradient: Float64Array,
  damping: number,
  held: readonly boolean[],
  coordinates: readonly Coordinate[],
): Float64Array {
  const n = gradient.length;
  const a = information.slice();
  const g = gradient.slice();
  for (let j = 0; j < n; j++) {
    a[j * n + j]! *= 1 + damping;
    if (!held[j]) continue;
    g[j] = 0;
    for (let k = 0; k < n; k++) {
      if (k === j) continue;
      a[j * n + k] = 0;
      a[k * n + j] = 0;
    }
  }
  const step = choleskySolve(cholesky(a, n), g, n);
  let share = 1;
  coordinates.forEach((c, j) => {
    const longest = stepOf(c, c.transform === 'log' ? LONGEST_STEP : 2 * LONGEST_STEP);
    share = Math.min(share, longest / Math.max(Math.abs(step[j]!), 1e-300));
  });
  return step.map((d) => share * d);
}

function promisedGain(
  information: Float64Array,
  gradient: Float64Array,
  step: Float64Array,
): number {
  const n = step.length;
  let gain = 0;
  for (let j = 0; j < n; j++) {
    gain += gradient[j]! * step[j]!;
    for (let k = 0; k < n; k++) gain -= 0.5 * step[j]! * information[j * n + k]! * step[k]!;
  }
  return gain;
}
