import { cholesky, choleskySolve, invertFromCholesky } from '../../../kalman/index.js';
import type { FitRecord } from '../record/record.js';
import type { ResidualModel } from '../residuals/residual-model.js';

/** What a record says of a straight model: −½(xᵀAx − 2bᵀx + c) is its log likelihood in x. */
export interface StraightLikelihood {
  /** n × n. */
  A: Float64Array;
  b: Float64Array;
  c: number;
}

/**
 * The likelihood of a model that is straight in its unknowns, under residuals with memory: residuals
 * and sensitivities go through one scalar Kalman filter per channel, side by side.
 *
 * @param columns samples × channels per unknown, at `at`
 * @param at the unknowns' values where residuals and sensitivities were taken
 * @see Harville, J. Am. Stat. Assoc. 72 (1977)
 */
export function straightLikelihood(
  record: FitRecord,
  prediction: Float64Array,
  columns: readonly Float64Array[],
  at: Float64Array,
  residualModels: readonly ResidualModel[],
): StraightLikelihood {
  const n = columns.length;
  const { channels, data, timesS } = record;
  const A = new Float64Array(n * n);
  const b = new Float64Array(n);
  let c = 0;
  const means = new Float64Array(n + 1);
  const seen = new Float64Array(n + 1);
  for (let channel = 0; channel < channels; channel++) {
    const { white, ou } = residualModels[channel]!;
    means.fill(0);
    let variance = ou.std ** 2;
    let lastS = Number.NaN;
    timesS.forEach((t, row) => {
      const i = row * channels + channel;
      const e = data[i]! - prediction[i]!;
      if (Number.isNaN(e)) return;
      if (!Number.isNaN(lastS)) {
        const a = Math.exp(-(t - lastS) / Math.max(ou.timeConstantS, 1e-300));
        for (let j = 0; j <= n; j++) means[j]! *= a;
        variance = a * a * variance + ou.std ** 2 * (1 - a * a);
      }
      lastS = t;
      const S = variance + white * white;
      const gain = variance / S;
      for (let j = 0; j <= n; j++) {
        seen[j] = (j === n ? e : columns[j]![i]!) - means[j]!;
        means[j]! += gain * seen[j]!;
      }
      variance -= gain * variance;
      const v = seen[n]!;
      c += Math.log(S) + (v * v) / S;
      for (let j = 0; j < n; j++) {
        const w = seen[j]! / S;
        b[j]! += w * v;
        for (let k = 0; k <= j; k++) A[j * n + k]! += w * seen[k]!;
      }
    });
  }
  for (let j = 0; j < n; j++) for (let k = 0; k < j; k++) A[k * n + j] = A[j * n + k]!;
  // From the point of the residuals to the origin of the unknowns.
  for (let j = 0; j < n; j++) {
    c += 2 * b[j]! * at[j]!;
    for (let k = 0; k < n; k++) c += at[j]! * A[j * n + k]! * at[k]!;
  }
  const shifted = b.map((v, j) => {
    let sum = v;
    for (let k = 0; k < n; k++) sum += A[j * n + k]! * at[k]!;
    return sum;
  });
  return { A, b: shifted, c };
}

/** A straight model's posterior under one hypothesis, in its own unknowns, whose prior is standard. */
export interface StraightPosterior {
  /** Logarithm of the probability of the data. */
  evidence: number;
  mean: Float64Array;
  covariance: Float64Array;
}

/**
 * The posterior and evidence where the unknowns are x = T z, z standard normal.
 *
 * @param T n × m, row-major
 */
export function straightPosterior(
  { A, b, c }: StraightLikelihood,
  T: Float64Array,
  m: number,
): StraightPosterior {
  const n = b.length;
  const AT = new Float64Array(n * m);
  for (let i = 0; i < n; i++) {
    for (let k = 0; k < n; k++) {
      const a = A[i * n + k]!;
      if (a === 0) continue;
      for (let j = 0; j < m; j++) AT[i * m + j]! += a * T[k * m + j]!;
    }
  }
  const precision = new Float64Array(m * m);
  const pull = new Float64Array(m);
  for (let i = 0; i < m; i++) {
    for (let k = 0; k < n; k++) {
      const t = T[k * m + i]!;
      if (t === 0) continue;
      pull[i]! += t * b[k]!;
      for (let j = 0; j < m; j++) precision[i * m + j]! += t * AT[k * m + j]!;
    }
  }
  for (let i = 0; i < m; i++) {
    precision[i * m + i]! += 1;
    for (let j = 0; j < i; j++) {
      const mean = (precision[i * m + j]! + precision[j * m + i]!) / 2;
      precision[i * m + j] = mean;
      precision[j * m + i] = mean;
    }
  }
  const L = cholesky(precision, m);
  const mean = choleskySolve(L, pull, m);
  let evidence = -c / 2;
  for (let i = 0; i < m; i++) evidence += (pull[i]! * mean[i]!) / 2 - Math.log(L[i * m + i]!);
  return { evidence, mean, covariance: invertFromCholesky(L, m) };
}
