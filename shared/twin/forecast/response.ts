import { partitionPoint } from '../../core/index.js';
import type { Bounds } from '../filter/linearise.js';
import type { Evaluation, TwinModel } from '../types.js';
import { isBeyond, type Limits, sortedQuantile } from './first-passage.js';

/** The model's outputs as a sum of curves, one by each parameter, about an anchor. */
export interface Response {
  /** Outputs at a point. */
  at(parameters: ArrayLike<number>, out: Float64Array): void;
  /** What one parameter alone changes of an output, from the anchor to a value of it. */
  part(parameter: number, value: number, output: number): number;
  /** The same for some outputs only, for who asks millions of times. */
  pick(outputs: readonly number[]): PickedResponse;
  modelRuns: number;
  /** Root mean square of what it missed at points tried, per output; 0 without any. */
  error: Float64Array;
}

/** A response of some outputs, in tables. */
export interface PickedResponse {
  /** Writes the outputs at a point, which begins at a place of `parameters`, from a place of `out` on. */
  at(parameters: Float64Array, place: number, out: Float64Array, from: number): void;
  /** Adds what one parameter changes of the outputs, times a factor. */
  add(parameter: number, value: number, factor: number, out: Float64Array, from: number): void;
}

/** A curve of all outputs by one parameter. */
interface Curve {
  x: number[];
  y: Float64Array[];
}

/** How closely the response is looked at; `quick` is for somebody who waits. */
export type Effort = 'thorough' | 'quick';

/** Where curves are begun: shares of the values that will be asked for. */
const KNOTS = {
  thorough: [0, 0.02, 0.1, 0.25, 0.5, 0.75, 0.9, 0.98, 1],
  quick: [0.003, 0.35, 0.8, 0.997],
} as const;
/** Rounds in which they are looked at more closely, and runs of the model in each. */
const ROUNDS = { thorough: 6, quick: 5 } as const;
const ADDED = { thorough: 24, quick: 8 } as const;
/** Intervals that matter less than this share of the values are left as they are. */
const NEGLIGIBLE = { thorough: 0.002, quick: 0.008 } as const;
/** Most values of a parameter that its curve's knots are placed by. */
const MOST_VALUES = 4096;

/** Between which two points of a grid a value lies, and how far on; the ends hold beyond them. */
function place(x: readonly number[], at: number): { low: number; high: number; share: number } {
  const last = x.length - 1;
  if (at <= x[0]!) return { low: 0, high: 0, share: 0 };
  if (at >= x[last]!) return { low: last, high: last, share: 0 };
  const high = Math.max(
    1,
    partitionPoint(last, (k) => x[k]! <= at),
  );
  const low = high - 1;
  return { low, high, share: (at - x[low]!) / (x[high]! - x[low]!) };
}

function interpolate({ x, y }: Curve, at: number, out: Float64Array, base: Float64Array): void {
  const { low, high, share } = place(x, at);
  const a = y[low]!;
  const b = y[high]!;
  for (let o = 0; o < out.length; o++) {
    out[o]! += a[o]! + share * (b[o]! - a[o]!) - base[o]!;
  }
}

/** Curves of some outputs as tables, without an object or a closure in the loops. */
function pickOf(
  curves: readonly Curve[],
  anchor: Float64Array,
  outputs: readonly number[],
  bounds: Bounds,
): PickedResponse {
  const L = outputs.length;
  const base = Float64Array.from(outputs, (o) => anchor[o]!);
  const knots = curves.map(({ x }) => Float64Array.from(x));
  // What each knot adds to the anchor.
  const tables = curves.map(({ y }) =>
    Float64Array.from(y.flatMap((at) => outputs.map((o) => at[o]! - anchor[o]!))),
  );
  const add: PickedResponse['add'] = (parameter, value, factor, out, from) => {
    const x = knots[parameter]!;
    const y = tables[parameter]!;
    const last = x.length - 1;
    const v = Math.min(bounds.upper[parameter]!, Math.max(bounds.lower[parameter]!, value));
    let k = 0;
    while (k < last - 1 && x[k + 1]! <= v) k++;
    // The ends hold beyond them.
    const width = last === 0 ? 0 : x[k + 1]! - x[k]!;
    const share = width > 0 ? Math.min(1, Math.max(0, (v - x[k]!) / width)) : 0;
    const low = k * L;
    const high = Math.min(last, k + 1) * L;
    const before = factor * (1 - share);
    const after = factor * share;
    for (let o = 0; o < L; o++) out[from + o]! += before * y[low + o]! + after * y[high + o]!;
  };
  return {
    add,
    at(parameters, place, out, from) {
      for (let o = 0; o < L; o++) out[from + o] = base[o]!;
      for (let i = 0; i < knots.length; i++) add(i, parameters[place + i]!, 1, out, from);
    },
  };
}

/** An interval of a curve that is worth another run in its middle. */
interface Doubt {
  parameter: number;
  middle: number;
  weight: number;
}

/** Share of sorted values that lie below one. */
function shareBelow(sorted: Float64Array, value: number): number {
  return partitionPoint(sorted.length, (k) => sorted[k]! < value) / sorted.length;
}

/**
 * Where a curve may mislead: intervals in which many values lie and beside which it bends, or in which
 * an output passes its limit.
 */
function doubtsOf(
  parameter: number,
  { x, y }: Curve,
  sorted: Float64Array,
  scale: Float64Array,
  limits: readonly (Limits | undefined)[],
): Doubt[] {
  const bend = x.map((_, k) => {
    if (k === 0 || k === x.length - 1) return 0;
    const share = (x[k]! - x[k - 1]!) / (x[k + 1]! - x[k - 1]!);
    let most = 0;
    for (let o = 0; o < scale.length; o++) {
      if (scale[o]! <= 0) continue;
      const chord = y[k - 1]![o]! + share * (y[k + 1]![o]! - y[k - 1]![o]!);
      most = Math.max(most, Math.abs(y[k]![o]! - chord) / scale[o]!);
    }
    return Math.min(1, most);
  });
  return x.slice(1).map((right, k) => {
    const left = x[k]!;
    const passes = limits.some(
      (limit, o) => limit && isBeyond(y[k]![o]!, limit) !== isBeyond(y[k + 1]![o]!, limit),
    );
    const mass = shareBelow(sorted, right) - shareBelow(sorted, left);
    const weight = mass * (Math.max(bend[k]!, bend[k + 1]!) + (passes ? 1 : 0));
    return { parameter, middle: (left + right) / 2, weight };
  });
}

/** How much each output varies over the values that will be asked for; each parameter by itself. */
function scaleOf(curves: readonly Curve[], values: readonly Float64Array[]): Float64Array {
  const outputs = curves[0]!.y[0]!.length;
  const variance = new Float64Array(outputs);
  curves.forEach(({ x, y }, i) => {
    const weights = x.map((at, k) => {
      const to = k === x.length - 1 ? Number.POSITIVE_INFINITY : (at + x[k + 1]!) / 2;
      const from = k === 0 ? Number.NEGATIVE_INFINITY : (at + x[k - 1]!) / 2;
      return shareBelow(values[i]!, to) - shareBelow(values[i]!, from);
    });
    for (let o = 0; o < outputs; o++) {
      const mean = y.reduce((sum, v, k) => sum + weights[k]! * v[o]!, 0);
      variance[o]! += y.reduce((sum, v, k) => sum + weights[k]! * (v[o]! - mean) ** 2, 0);
    }
  });
  return variance.map(Math.sqrt);
}

/**
 * Values of each parameter in ascending order, thinned: where its curve has to be right.
 *
 * @param drawn by path, then parameter
 */
export function valuesOf(drawn: readonly Float64Array[], n: number): Float64Array[] {
  const each = (drawn[0]?.length ?? 0) / n;
  const every = Math.max(1, Math.floor((each * drawn.length) / MOST_VALUES));
  return Array.from({ length: n }, (_, i) => {
    const found: number[] = [];
    let low = Number.POSITIVE_INFINITY;
    let high = Number.NEGATIVE_INFINITY;
    let at = 0;
    for (const values of drawn) {
      for (let p = i; p < values.length; p += n) {
        const v = values[p]!;
        low = Math.min(low, v);
        high = Math.max(high, v);
        if (at++ % every === 0) found.push(v);
      }
    }
    // The ends are kept whatever was left out.
    return Float64Array.from([low, ...found, high]).sort();
  });
}

/** Points of one parameter beside where all curves cross, ascending, none next to another. */
function gridBeside(centre: number, knots: readonly number[]): number[] {
  const near = 1e-3 * (knots.at(-1)! - knots[0]!);
  return knots.filter(
    (x, k) => Math.abs(x - centre) > near && (k === 0 || x - knots[k - 1]! > near),
  );
}

/** Adds to each curve what the model answered at further points of it; what failed is left out. */
function addPoints(
  curves: readonly Curve[],
  wanted: readonly number[][],
  values: readonly Evaluation[],
): void {
  let k = 0;
  wanted.forEach((xs, i) => {
    const curve = curves[i]!;
    const all = curve.x.map((x, p) => ({ x, y: curve.y[p]! }));
    for (const x of xs) {
      const y = values[k++];
      if (y instanceof Float64Array) all.push({ x, y });
    }
    all.sort((a, b) => a.x - b.x);
    curve.x = all.map((p) => p.x);
    curve.y = all.map((p) => p.y);
  });
}

/** Root mean square of what a response misses of the model's own answers, per output. */
function missedBy(
  at: (parameters: Float64Array, out: Float64Array) => void,
  points: readonly Float64Array[],
  truth: readonly Evaluation[],
  outputs: number,
): Float64Array {
  const error = new Float64Array(outputs);
  const guess = new Float64Array(outputs);
  let tried = 0;
  points.forEach((point, k) => {
    const y = truth[k];
    if (!(y instanceof Float64Array)) return;
    tried++;
    at(point, guess);
    for (let o = 0; o < outputs; o++) error[o]! += (guess[o]! - y[o]!) ** 2;
  });
  return error.map((sum) => Math.sqrt(sum / Math.max(1, tried)));
}

/**
 * Runs the model along each parameter's axis and adds the curves up (a cut-HDMR of first order). A
 * curve is looked at more closely where it bends or an output passes its limit, and where many of the
 * values lie that will be asked for. Beyond its ends, and where the model fails, it keeps its last
 * value.
 *
 * @param options.anchor where all curves cross
 * @param options.values that will be asked for, by parameter, ascending: see {@link valuesOf}
 * @param options.limits of the outputs
 * @param options.trials points at which to find out what the sum misses
 * @see Rabitz & Aliş, General foundations of high-dimensional model representations, J. Math. Chem.
 *   25 (1999)
 * @throws TwinError where the model fails at the anchor
 */
export async function modelResponse(options: {
  model: TwinModel;
  inputs: Float64Array;
  anchor: Float64Array;
  values: readonly Float64Array[];
  bounds: Bounds;
  limits: readonly (Limits | undefined)[];
  trials?: readonly Float64Array[];
  effort?: Effort | undefined;
  signal?: AbortSignal | undefined;
}): Promise<Response> {
  const { model, inputs, anchor, bounds, limits, trials = [], signal } = options;
  const effort = options.effort ?? 'thorough';
  const n = anchor.length;
  const inside = (v: number, i: number) =>
    Math.min(bounds.upper[i]!, Math.max(bounds.lower[i]!, v));
  const centre = anchor.map(inside);
  // The anchor and the grid do not depend on each other: all of it at once keeps every lane busy.
  const grids = Array.from(centre, (v, i) =>
    gridBeside(
      v,
      KNOTS[effort].map((share) => inside(sortedQuantile(options.values[i]!, share), i)),
    ),
  );
  const along = (wanted: readonly number[][]) =>
    wanted.flatMap((xs, i) => xs.map((x) => centre.map((v, j) => (j === i ? x : v))));
  const begun = [centre, ...along(grids)];
  let modelRuns = begun.length;
  const [first, ...gridValues] = await model.evaluate(begun, inputs, signal);
  if (!(first instanceof Float64Array)) throw first;
  const curves: Curve[] = Array.from(centre, (v) => ({ x: [v], y: [first] }));
  addPoints(curves, grids, gridValues);

  const values = options.values.map((all, i) => all.map((v) => inside(v, i)));
  for (let round = 0; round < ROUNDS[effort]; round++) {
    const scale = scaleOf(curves, values);
    const doubts = curves
      .flatMap((curve, i) => doubtsOf(i, curve, values[i]!, scale, limits))
      .filter((d) => d.weight > NEGLIGIBLE[effort])
      .sort((a, b) => b.weight - a.weight)
      .slice(0, ADDED[effort]);
    if (doubts.length === 0) break;
    const wanted = curves.map((_, i) =>
      doubts.filter((d) => d.parameter === i).map((d) => d.middle),
    );
    modelRuns += doubts.length;
    addPoints(curves, wanted, await model.evaluate(along(wanted), inputs, signal));
  }

  const at = (parameters: ArrayLike<number>, out: Float64Array): void => {
    out.set(first);
    for (let i = 0; i < n; i++) interpolate(curves[i]!, inside(parameters[i]!, i), out, first);
  };
  const part = (parameter: number, value: number, output: number): number => {
    const { x, y } = curves[parameter]!;
    const { low, high, share } = place(x, inside(value, parameter));
    const from = y[low]![output]!;
    return from + share * (y[high]![output]! - from) - first[output]!;
  };
  const pick = (outputs: readonly number[]) => pickOf(curves, first, outputs, bounds);
  const bounded = trials.map((t) => t.map(inside));
  const truth = bounded.length === 0 ? [] : await model.evaluate(bounded, inputs, signal);
  modelRuns += bounded.length;
  const error = missedBy(at, bounded, truth, first.length);
  return { at, part, pick, modelRuns, error };
}
