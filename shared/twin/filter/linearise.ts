import { messageOf, TwinError } from '../../core/index.js';
import { matMulTransposed, solveLowerTransposed } from '../../kalman/index.js';
import type { Evaluation } from '../types.js';

/** A model of outputs that is linear in the parameters, with what it leaves out. */
export interface Linearisation {
  /** Parameters at which `mean` holds. */
  centre: Float64Array;
  /** Expected outputs there, the curvature's shift included. */
  mean: Float64Array;
  /** Outputs × parameters, row-major. */
  slope: Float64Array;
  /** Outputs × outputs: covariance of what the straight line misses. */
  omega: Float64Array;
  modelRuns: number;
  /** Outputs × noisy inputs: what one deviation of each input's noise does; part of `omega`. */
  drive?: Float64Array;
  /** Where full differences were taken along a factor's columns: what they were. */
  columns?: {
    factor: Float64Array;
    /** At the mean. */
    outputs: Float64Array;
    /** Outputs × parameters: by how much the mean of a pair is off it, over the spread squared. */
    shift: Float64Array;
  };
  /** Whether points were kept inside the bounds, one-sided where need be. */
  oneSided: boolean;
  /** Whether the model refused a point beyond the bounds: it will refuse the next as well. */
  refusedBeyond: boolean;
}

/** Evaluates the model at parameter points. */
export type EvaluatePoints = (points: readonly Float64Array[]) => Promise<readonly Evaluation[]>;

export interface Bounds {
  lower: Float64Array;
  upper: Float64Array;
}

/** What the model gave at the present estimate. @throws TwinError where that is nothing */
export function centreOf(evaluation: Evaluation | undefined): Float64Array {
  if (evaluation instanceof Float64Array) return evaluation;
  if (evaluation instanceof TwinError) throw evaluation;
  throw new TwinError(
    'NUMERIC',
    `The model failed at the present estimate: ${messageOf(evaluation)}. The last good state is kept.`,
    { cause: evaluation },
  );
}

/**
 * Statistical linearisation over a Gaussian by second-order divided differences.
 *
 * @param mean n parameters
 * @param factor n × n lower factor of their covariance
 * @param spread distance of the sigma points in standard deviations
 * @see Nørgaard, Poulsen & Ravn, New developments in state estimation, Automatica 36 (2000)
 * @throws TwinError when the model fails at the mean itself
 */
export async function linearise(
  evaluate: EvaluatePoints,
  mean: Float64Array,
  factor: Float64Array,
  spread: number,
  bounds: Bounds,
  forceBounds: boolean,
): Promise<Linearisation> {
  const n = mean.length;
  if (forceBounds) return lineariseWithin(evaluate, mean, factor, spread, bounds);
  const points = [mean.slice()];
  for (let i = 0; i < n; i++) {
    for (const sign of [1, -1]) {
      points.push(mean.map((m, j) => m + sign * spread * factor[j * n + i]!));
    }
  }
  const values = [...(await evaluate(points))];
  const nearer = await lookNearer(evaluate, points, values);
  if (!values.every((v) => v instanceof Float64Array)) {
    const within = await lineariseWithin(evaluate, mean, factor, spread, bounds);
    const beyond = (v: number, i: number) => v < bounds.lower[i]! || v > bounds.upper[i]!;
    return {
      ...within,
      modelRuns: points.length + nearer.modelRuns + within.modelRuns,
      refusedBeyond: points.some((p, k) => !(values[k] instanceof Float64Array) && p.some(beyond)),
    };
  }
  const h0 = values[0] as Float64Array;
  const outputs = h0.length;
  const b = new Float64Array(n * outputs); // transposed: parameters × outputs
  const e = new Float64Array(outputs * n);
  const expected = h0.slice();
  for (let i = 0; i < n; i++) {
    const plus = values[1 + 2 * i] as Float64Array;
    const minus = values[2 + 2 * i] as Float64Array;
    const up = spread * nearer.share[1 + 2 * i]!;
    const down = spread * nearer.share[2 + 2 * i]!;
    for (let o = 0; o < outputs; o++) {
      const rise = (plus[o]! - h0[o]!) / up;
      const fall = (h0[o]! - minus[o]!) / down;
      b[i * outputs + o] = (rise * down + fall * up) / (up + down);
      const shift = (rise - fall) / (up + down);
      expected[o]! += shift;
      e[o * n + i] = Math.SQRT2 * shift;
    }
  }
  const omega = matMulTransposed(e, e, outputs, n, outputs);
  const solved = solveLowerTransposed(factor, b, n, outputs);
  const slope = new Float64Array(outputs * n);
  for (let i = 0; i < n; i++) {
    for (let o = 0; o < outputs; o++) slope[o * n + i] = solved[i * outputs + o]!;
  }
  return {
    centre: mean.slice(),
    mean: expected,
    slope,
    omega,
    columns: { factor, outputs: h0, shift: e.map((v) => v / Math.SQRT2) },
    modelRuns: points.length + nearer.modelRuns,
    oneSided: false,
    refusedBeyond: false,
  };
}

/** Shares of its distance at which a point is tried where the model fails. */
const NEARER = [0.5, 0.2];

/**
 * Puts in the place of each point at which the model fails one that lies nearer to the first, the
 * mean, where it does not.
 *
 * @param values of the points; those found are put in
 * @returns the share of each point's distance at which its value holds
 */
async function lookNearer(
  evaluate: EvaluatePoints,
  points: readonly Float64Array[],
  values: Evaluation[],
): Promise<{ share: Float64Array; modelRuns: number }> {
  const share = new Float64Array(points.length).fill(1);
  const [mean] = points as readonly [Float64Array];
  let modelRuns = 0;
  for (const part of NEARER) {
    const failed = points.flatMap((_, k) => (values[k] instanceof Float64Array ? [] : [k]));
    if (failed.length === 0 || failed[0] === 0) break;
    const found = await evaluate(
      failed.map((k) => mean.map((m, j) => m + part * (points[k]![j]! - m))),
    );
    modelRuns += failed.length;
    failed.forEach((k, i) => {
      values[k] = found[i] as Evaluation;
      share[k] = part;
    });
  }
  return { share, modelRuns };
}

/**
 * The same along the parameters' axes and never beyond their bounds, for models that fail there;
 * a point that fails even so is replaced by the one on the other side.
 */
async function lineariseWithin(
  evaluate: EvaluatePoints,
  mean: Float64Array,
  factor: Float64Array,
  spread: number,
  bounds: Bounds,
): Promise<Linearisation> {
  const n = mean.length;
  const inside = (value: number, i: number) =>
    Math.min(bounds.upper[i]!, Math.max(bounds.lower[i]!, value));
  const centre = mean.map(inside);
  const points = [centre];
  for (let i = 0; i < n; i++) {
    let variance = 0;
    for (let k = 0; k <= i; k++) variance += factor[i * n + k]! ** 2;
    for (const sign of [1, -1]) {
      const point = centre.slice();
      point[i] = inside(centre[i]! + sign * spread * Math.sqrt(variance), i);
      points.push(point);
    }
  }
  const values = await evaluate(points);
  const h0 = centreOf(values[0]);
  const outputs = h0.length;
  const slope = new Float64Array(outputs * n);
  const omega = new Float64Array(outputs * outputs);
  for (let i = 0; i < n; i++) {
    const up = values[1 + 2 * i] instanceof Float64Array ? 1 + 2 * i : 0;
    const down = values[2 + 2 * i] instanceof Float64Array ? 2 + 2 * i : 0;
    const width = points[up]![i]! - points[down]![i]!;
    if (width === 0) continue;
    const high = values[up] as Float64Array;
    const low = values[down] as Float64Array;
    for (let o = 0; o < outputs; o++) slope[o * n + i] = (high[o]! - low[o]!) / width;
  }
  return {
    centre,
    mean: h0,
    slope,
    omega,
    modelRuns: points.length,
    oneSided: true,
    refusedBeyond: false,
  };
}

/** A linearisation with what noisy inputs do to the outputs. */
export function withDrive(lin: Linearisation, drive: Float64Array | undefined): Linearisation {
  if (drive === undefined || drive.length === 0) return lin;
  const outputs = lin.mean.length;
  const inputs = drive.length / outputs;
  const noise = matMulTransposed(drive, drive, outputs, inputs, outputs);
  return { ...lin, drive, omega: lin.omega.map((v, k) => v + noise[k]!) };
}

/** Variance that noisy inputs give an output. */
export function driveVariance({ drive, mean }: Linearisation, output: number): number {
  if (drive === undefined) return 0;
  const inputs = drive.length / mean.length;
  let sum = 0;
  for (let k = output * inputs; k < (output + 1) * inputs; k++) sum += drive[k]! ** 2;
  return sum;
}

/** Variance of each output by inputs' noise, and by what the line misses besides. */
export function ownVariances(lin: Linearisation): { inputs: Float64Array; model: Float64Array } {
  const inputs = lin.mean.map((_, o) => driveVariance(lin, o));
  const all = lin.mean.map((_, o) => lin.omega[o * lin.mean.length + o]!);
  return { inputs, model: all.map((v, o) => Math.max(0, v - inputs[o]!)) };
}

/** Expected outputs at other parameters. */
export function predictOutputs(lin: Linearisation, parameters: Float64Array): Float64Array {
  const n = parameters.length;
  const { slope, centre } = lin;
  const outputs = lin.mean.slice();
  for (let o = 0; o < outputs.length; o++) {
    for (let i = 0; i < n; i++) {
      outputs[o]! += slope[o * n + i]! * (parameters[i]! - centre[i]!);
    }
  }
  return outputs;
}
