import type { Bounds } from '../filter/linearise.js';
import type { TwinModel } from '../types.js';

/** The model's outputs as a sum of curves, one by each parameter, about an anchor. */
export interface Response {
  /** Outputs at a point. */
  at(parameters: ArrayLike<number>, out: Float64Array): void;
  /** What one parameter alone changes of an output, from the anchor to a value of it. */
  part(parameter: number, value: number, output: number): number;
  modelRuns: number;
  /** Root mean square of what it missed at points tried, per output; 0 without any. */
  error: Float64Array;
}

/** A curve of all outputs by one parameter. */
interface Curve {
  x: number[];
  y: Float64Array[];
}

/** How closely the response is looked at; `quick` is for somebody who waits. */
export type Effort = 'thorough' | 'quick';

const COARSE = { thorough: 8, quick: 4 } as const;
const REFINEMENTS = { thorough: 3, quick: 1 } as const;
/** Points added to a curve in a round. */
const ADDED = 3;
/** Bends smaller than this share of an output's span are left as they are. */
const FLAT = { thorough: 0.005, quick: 0.02 } as const;

/** Between which two points of a grid a value lies, and how far on; the ends hold beyond them. */
function place(x: readonly number[], at: number): { low: number; high: number; share: number } {
  let high = x.length - 1;
  let low = 0;
  if (at <= x[low]!) high = low;
  else if (at >= x[high]!) low = high;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (x[middle]! <= at) low = middle;
    else high = middle;
  }
  const width = x[high]! - x[low]!;
  return { low, high, share: width > 0 ? (at - x[low]!) / width : 0 };
}

function interpolate({ x, y }: Curve, at: number, out: Float64Array, base: Float64Array): void {
  const { low, high, share } = place(x, at);
  const a = y[low]!;
  const b = y[high]!;
  for (let o = 0; o < out.length; o++) {
    out[o]! += a[o]! + share * (b[o]! - a[o]!) - base[o]!;
  }
}

/** Middles of the intervals beside which a curve bends most. */
function refinements({ x, y }: Curve, span: Float64Array, effort: Effort): number[] {
  const bend = x.map((_, k) => {
    if (k === 0 || k === x.length - 1) return 0;
    const share = (x[k]! - x[k - 1]!) / (x[k + 1]! - x[k - 1]!);
    return Math.max(
      ...span.map((s, o) =>
        s > 0
          ? Math.abs(y[k]![o]! - y[k - 1]![o]! - share * (y[k + 1]![o]! - y[k - 1]![o]!)) / s
          : 0,
      ),
    );
  });
  return x
    .slice(1)
    .map((right, k) => ({
      middle: (x[k]! + right) / 2,
      weight: Math.max(bend[k]!, bend[k + 1]!) * (right - x[k]!),
      bend: Math.max(bend[k]!, bend[k + 1]!),
    }))
    .filter((i) => i.bend > FLAT[effort])
    .sort((a, b) => b.weight - a.weight)
    .slice(0, ADDED)
    .map((i) => i.middle);
}

/**
 * Runs the model along each parameter's axis and adds the curves up (a cut-HDMR of first order);
 * where a curve bends it is looked at more closely. Beyond its ends, and where the model fails, a
 * curve keeps its last value.
 *
 * @param anchor where all curves cross
 * @param low lowest value of interest by parameter
 * @param high highest one
 * @param trials points at which to find out what the sum misses
 * @see Rabitz & Aliş, General foundations of high-dimensional model representations, J. Math. Chem.
 *   25 (1999)
 * @throws TwinError where the model fails at the anchor
 */
export async function modelResponse(
  model: TwinModel,
  inputs: Float64Array,
  anchor: Float64Array,
  low: Float64Array,
  high: Float64Array,
  bounds: Bounds,
  trials: readonly Float64Array[],
  signal?: AbortSignal,
  effort: Effort = 'thorough',
): Promise<Response> {
  const coarse = COARSE[effort];
  const n = anchor.length;
  const inside = (v: number, i: number) =>
    Math.min(bounds.upper[i]!, Math.max(bounds.lower[i]!, v));
  const centre = anchor.map(inside);
  let modelRuns = 1;
  const [first] = await model.evaluate([centre], inputs, signal);
  if (!(first instanceof Float64Array)) throw first;
  const curves: Curve[] = Array.from(centre, (v) => ({ x: [v], y: [first] }));

  const extend = async (wanted: readonly number[][]): Promise<void> => {
    const points = wanted.flatMap((xs, i) =>
      xs.map((x) => centre.map((v, j) => (j === i ? x : v))),
    );
    if (points.length === 0) return;
    modelRuns += points.length;
    const values = await model.evaluate(points, inputs, signal);
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
  };

  await extend(
    Array.from(centre, (v, i) => {
      const from = inside(low[i]!, i);
      const to = inside(high[i]!, i);
      const grid = Array.from({ length: coarse + 1 }, (_, k) => from + (k / coarse) * (to - from));
      const near = 1e-6 * (to - from);
      return to > from ? grid.filter((x) => Math.abs(x - v) > near) : [];
    }),
  );
  const span = first.map((_, o) => {
    const values = curves.flatMap((c) => c.y.map((y) => y[o]!));
    return Math.max(...values) - Math.min(...values);
  });
  for (let round = 0; round < REFINEMENTS[effort]; round++) {
    await extend(curves.map((curve) => refinements(curve, span, effort)));
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
  const error = new Float64Array(first.length);
  if (trials.length > 0) {
    const bounded = trials.map((t) => t.map(inside));
    const values = await model.evaluate(bounded, inputs, signal);
    modelRuns += trials.length;
    const guess = new Float64Array(first.length);
    let tried = 0;
    bounded.forEach((t, k) => {
      const y = values[k];
      if (!(y instanceof Float64Array)) return;
      tried++;
      at(t, guess);
      for (let o = 0; o < guess.length; o++) error[o]! += (guess[o]! - y[o]!) ** 2;
    });
    for (let o = 0; o < error.length; o++) error[o] = Math.sqrt(error[o]! / Math.max(1, tried));
  }
  return { at, part, modelRuns, error };
}
