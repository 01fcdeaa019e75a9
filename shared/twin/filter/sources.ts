import { cholesky, solveLower, solveLowerTransposed } from '../../kalman/index.js';
import { widened } from './gate.js';
import { type Gaussian, noiseOf } from './gaussian-update.js';
import type { FilterStep } from './step.js';

/**
 * Where the uncertainty of parameters comes from: the sensors' noise, that of inputs, what the straight
 * line of the model misses, how they may have moved, and what was not known at the start.
 */
export const SOURCES = ['sensors', 'inputs', 'model', 'trend', 'shortness'] as const;
export type Source = (typeof SOURCES)[number];

/** A covariance (n × n) of the parameters for each of {@link SOURCES}, one after the other. */
export type SourceCovariances = Float64Array;

/** The parameters' block of a covariance, from its factor. */
function block({ x: { length: N }, S }: Gaussian, n: number): Float64Array {
  const P = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = 0;
      for (let k = 0; k < N; k++) sum += S[i * N + k]! * S[j * N + k]!;
      P[i * n + j] = sum;
      P[j * n + i] = sum;
    }
  }
  return P;
}

/**
 * Takes a sample into the account. What a belief has gained since the sample before is the trend's;
 * the sample leaves C ← (I − KH) C (I − KH)ᵀ of each source and adds K R Kᵀ to its own, with the gain
 * K = P Hᵀ R⁻¹ of the mixture of modes.
 *
 * @param before the belief after the sample before, `prior` before this one
 * @param noiseStd per channel
 */
export function updateSources(
  of: SourceCovariances | undefined,
  before: Gaussian,
  prior: Gaussian,
  filtered: FilterStep,
  noiseStd: Float64Array,
  n: number,
): SourceCovariances {
  const size = n * n;
  const next = new Float64Array(SOURCES.length * size);
  const at = (source: Source) => next.subarray(SOURCES.indexOf(source) * size).subarray(0, size);
  if (of === undefined) at('shortness').set(block(before, n));
  else next.set(of);
  const [P0, P1] = [block(before, n), block(prior, n)];
  const trend = at('trend');
  for (let e = 0; e < size; e++) trend[e]! += P1[e]! - P0[e]!;

  const { linearisation: lin, posterior, active, gated, noiseScale = 1 } = filtered;
  const k = active.length;
  if (k === 0) return next;
  const outputs = lin.mean.length;
  const variance = widened(
    noiseStd.map((s) => (s * noiseScale) ** 2),
    gated,
  );
  const root = cholesky(noiseOf(lin.omega, outputs, variance, active), k);
  const P = block(posterior, n);
  const H = new Float64Array(k * n);
  active.forEach((o, r) => {
    H.set(lin.slope.subarray(o * n, o * n + n), r * n);
  });
  // Columns of R⁻¹ H P, the transpose of the gain: k × n.
  const HP = new Float64Array(k * n);
  for (let r = 0; r < k; r++) {
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < n; j++) HP[r * n + i]! += H[r * n + j]! * P[j * n + i]!;
    }
  }
  const gain = solveLowerTransposed(root, solveLower(root, HP, k, n), k, n);
  const keep = new Float64Array(size);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) {
      let sum = i === j ? 1 : 0;
      for (let r = 0; r < k; r++) sum -= gain[r * n + i]! * H[r * n + j]!;
      keep[i * n + j] = sum;
    }
  }
  for (const source of SOURCES) sandwichInPlace(keep, at(source), n);
  const drive = lin.drive;
  const inputs = drive === undefined ? 0 : drive.length / outputs;
  const add = (into: Float64Array, column: (r: number) => number) => {
    const effect = new Float64Array(n);
    for (let i = 0; i < n; i++) {
      for (let r = 0; r < k; r++) effect[i]! += gain[r * n + i]! * column(r);
    }
    for (let i = 0; i < n; i++)
      for (let j = 0; j < n; j++) into[i * n + j]! += effect[i]! * effect[j]!;
  };
  for (let c = 0; c < inputs; c++) add(at('inputs'), (r) => drive![active[r]! * inputs + c]!);
  active.forEach((o, own) => {
    add(at('sensors'), (r) => (r === own ? Math.sqrt(variance[o]!) : 0));
  });
  const bend = new Float64Array(k * k);
  for (let a = 0; a < k; a++) {
    for (let b = 0; b < k; b++) {
      const [o, p] = [active[a]!, active[b]!];
      let sum = lin.omega[o * outputs + p]!;
      for (let c = 0; c < inputs; c++) sum -= drive![o * inputs + c]! * drive![p * inputs + c]!;
      bend[a * k + b] = sum;
    }
  }
  const model = at('model');
  for (let a = 0; a < k; a++) {
    for (let j = 0; j < n; j++) {
      let sum = 0;
      for (let b = 0; b < k; b++) sum += bend[a * k + b]! * gain[b * n + j]!;
      for (let i = 0; i < n; i++) model[i * n + j]! += gain[a * n + i]! * sum;
    }
  }
  return next;
}

/** C ← F C Fᵀ. */
function sandwichInPlace(F: Float64Array, C: Float64Array, n: number): void {
  const FC = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) {
      for (let k = 0; k < n; k++) FC[i * n + j]! += F[i * n + k]! * C[k * n + j]!;
    }
  }
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) {
      let sum = 0;
      for (let k = 0; k < n; k++) sum += FC[i * n + k]! * F[j * n + k]!;
      C[i * n + j] = sum;
    }
  }
}
