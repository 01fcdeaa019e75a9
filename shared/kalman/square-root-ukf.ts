import { requireDimension, requireFinite, requireShape } from './checks.js';
import { choleskyUpdate } from './cholesky.js';
import { checkMeasurement } from './innovation.js';
import { checkGaussian, upperRoot } from './kalman-filter.js';
import { transpose } from './matrix.js';
import { deviations, oddPart, propagate, weightedMean } from './moments.js';
import { triangularizeOnto } from './qr.js';
import { drawSigmaPoints, type SigmaPoints } from './sigma-points.js';
import type { Innovation, SquareRootGaussian } from './types.js';
import type { UkfMeasurement, UkfTransition } from './unscented-kalman-filter.js';
import { requireRule } from './unscented-kalman-filter.js';
import { conditionSquareRootGaussian } from './update.js';
import { createWorkspace, type Workspace } from './workspace.js';

/** A nonlinear transition with the square root of its noise. */
export interface SrUkfTransition extends Omit<UkfTransition, 'Q'> {
  /** n × n lower triangular, rootQ rootQᵀ = Q; may be singular. */
  rootQ: Float64Array;
}

/** A nonlinear measurement with the square root of its noise. */
export interface SrUkfMeasurement extends Omit<UkfMeasurement, 'R' | 'propagated'> {
  /** m × m lower triangular, rootR rootRᵀ = R. */
  rootR: Float64Array;
}

/**
 * Square-root unscented Kalman filter, prediction: the deviations are triangularised onto Q^½, the
 * centre's comes last as a rank-one update, or a downdate where its weight is negative.
 *
 * @throws TwinError `NUMERIC` when a negative centre weight makes the prediction indefinite, or f
 * returns NaN or infinity
 * @see van der Merwe & Wan 2001, The square-root unscented Kalman filter
 */
export function srUkfPredict(
  state: SquareRootGaussian,
  input: SrUkfTransition,
  workspace: Workspace = createWorkspace(),
): SquareRootGaussian {
  const { points: rule, stateSpace } = input;
  const n = checkGaussian(state.x, state.S, 'S');
  requireRule(rule, n);
  requireShape(input.rootQ, n, n, 'rootQ');
  requireFinite(input.rootQ, 'rootQ');
  const before = workspace.rows('points', rule.count, n);
  drawSigmaPoints(rule, state.x, state.S, before, stateSpace, workspace.array('step', n));
  const after = workspace.rows('propagated', rule.count, n);
  propagate(input.f, before, after, 'f of the sigma points');
  const x = new Float64Array(n);
  weightedMean(after, rule.Wm, n, x, stateSpace);
  deviations(after, x, n, stateSpace);

  const root = upperRoot(input.rootQ, n, workspace);
  const centre = workspace.array('centre', n);
  if (rule.centre) centre.set(after.rows[0]!);
  const first = rule.centre ? 1 : 0;
  const outer = after.data.subarray(first * n);
  const w = Math.sqrt(rule.Wc[first]!);
  for (let k = 0; k < outer.length; k++) outer[k]! *= w;
  triangularizeOnto(root, outer, rule.count - first, n, workspace.array('qr', n));
  const S = transpose(root, n, n);
  if (rule.centre) {
    addCentre(S, centre, rule, n, 'The predicted covariance', workspace);
  }
  return { x, S };
}

/**
 * Square-root unscented Kalman filter, measurement update on redrawn points. The deviations are
 * split into an odd part, which the state explains, and an even one, which is noise to a linear
 * update and joins R; then one orthogonal transformation updates the state's square root without
 * any downdate.
 *
 * @throws TwinError `NUMERIC` when the innovation covariance is singular or a negative centre weight
 * makes it indefinite, or h returns NaN or infinity
 */
export function srUkfUpdate(
  state: SquareRootGaussian,
  input: SrUkfMeasurement,
  workspace: Workspace = createWorkspace(),
): SquareRootGaussian & { innovation: Innovation } {
  const { points: rule, z, stateSpace, measurementSpace } = input;
  const n = checkGaussian(state.x, state.S, 'S');
  const m = z.length;
  requireRule(rule, n);
  requireDimension(m, 'The length of z');
  checkMeasurement(z, m);

  const points = workspace.rows('points', rule.count, n);
  drawSigmaPoints(rule, state.x, state.S, points, stateSpace, workspace.array('step', n));
  const measured = workspace.rows('measured', rule.count, m);
  propagate(input.h, points, measured, 'h of the sigma points');
  const zHat = workspace.array('zHat', m);
  weightedMean(measured, rule.Wm, m, zHat, measurementSpace);
  const rounding = roundingOf(rule, measured.data, m, workspace.array('rounding', m));
  deviations(measured, zHat, m, measurementSpace);

  const odd = workspace.array('odd', n * m);
  oddPart(rule, measured.data, m, odd);
  const even = workspace.array('even', n * m);
  evenPart(rule, measured.data, m, rounding, even);
  const rootNoise = upperRoot(input.rootR, m, workspace);
  triangularizeOnto(rootNoise, even, n, m, workspace.array('qrM', m));
  if (rule.centre) {
    const lower = transpose(rootNoise, m, m, workspace.array('lower', m * m));
    const centre = workspace.array('centreZ', m);
    for (let j = 0; j < m; j++) {
      const d = measured.data[j]!;
      centre[j] = Math.abs(d) <= rounding[j]! ? 0 : d;
    }
    addCentre(lower, centre, rule, m, 'R with the spread of h', workspace);
    transpose(lower, m, m, rootNoise);
  }
  return conditionSquareRootGaussian(state, zHat, rootNoise, odd, input, workspace);
}

/**
 * How large a deviation can be by rounding alone, per channel. Where R is zero, such residues of a
 * linear h would otherwise be taken for nonlinearity, and a negative centre weight would refuse them.
 */
function roundingOf(rule: SigmaPoints, z: Float64Array, m: number, out: Float64Array) {
  let weights = 0;
  for (const w of rule.Wm) weights += Math.abs(w);
  out.fill(0);
  for (let k = 0; k < rule.count; k++) {
    for (let j = 0; j < m; j++) out[j] = Math.max(out[j]!, Math.abs(z[k * m + j]!));
  }
  for (let j = 0; j < m; j++) out[j]! *= 4 * Number.EPSILON * weights;
  return out;
}

/** Row i is √(Wc/2) · (d₊ᵢ + d₋ᵢ): what of the measurement's spread is even in the state. */
function evenPart(
  rule: SigmaPoints,
  d: Float64Array,
  m: number,
  rounding: Float64Array,
  out: Float64Array,
): void {
  const first = rule.centre ? 1 : 0;
  const factor = Math.sqrt(rule.Wc[first]! / 2);
  const half = rule.n * m;
  const start = first * m;
  for (let i = 0; i < rule.n; i++) {
    for (let j = 0; j < m; j++) {
      const k = i * m + j;
      const sum = d[start + k]! + d[start + half + k]!;
      out[k] = Math.abs(sum) <= 2 * rounding[j]! ? 0 : factor * sum;
    }
  }
}

/** L Lᵀ + Wc₀ d₀ d₀ᵀ in place; d₀ is overwritten. */
function addCentre(
  L: Float64Array,
  d0: Float64Array,
  rule: SigmaPoints,
  size: number,
  what: string,
  workspace: Workspace,
): void {
  const weight = rule.Wc[0]!;
  const w = Math.sqrt(Math.abs(weight));
  let any = false;
  for (let i = 0; i < size; i++) {
    d0[i]! *= w;
    any ||= d0[i] !== 0;
  }
  if (!any) return;
  const scratch = workspace.array(`rankOne${size}`, 2 * size);
  choleskyUpdate(L, d0, size, weight < 0 ? -1 : 1, scratch, what);
}
