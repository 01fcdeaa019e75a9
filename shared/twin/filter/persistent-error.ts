import { cholesky, choleskySolve } from '../../kalman/index.js';
import type { Linearisation } from './linearise.js';

/** Covariances (n × n) of what errors that stay the same from sample to sample do to the parameters. */
export interface PersistentError {
  /** Of what the model lacks, by what the sensors contradict each other. */
  model: Float64Array;
  /** Of the sensors' offsets as they are stated. */
  offsets: Float64Array;
}

/**
 * What an error of each output that stays, of the size of its noise, does to the parameters:
 * (AᵀA + Λ⁻¹)⁻¹Aᵀ, A the slopes in the sensors' noise, Λ the squares of the ranges.
 *
 * @param used channels that counted
 * @returns n × the number of `used`
 */
export function offsetGain(
  lin: Pick<Linearisation, 'slope'>,
  used: readonly number[],
  noiseStd: Float64Array,
  range: Float64Array,
): Float64Array {
  const n = range.length;
  const k = used.length;
  const rows = new Float64Array(n * k);
  used.forEach((o, c) => {
    for (let i = 0; i < n; i++) rows[i * k + c] = lin.slope[o * n + i]! / noiseStd[o]!;
  });
  const information = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) {
      for (let c = 0; c < k; c++) information[i * n + j]! += rows[i * k + c]! * rows[j * k + c]!;
    }
    information[i * n + i]! += range[i]! ** -2;
  }
  return choleskySolve(cholesky(information, n), rows, n, k);
}

/**
 * What errors that no number of samples averages out do to the parameters, by {@link offsetGain}.
 *
 * @param used channels that counted
 * @param modelVariance of each output's structural error, in its noise squared
 * @param offsetStd per channel, in its unit; 0 where there is none
 */
export function persistentError(
  lin: Linearisation,
  used: readonly number[],
  noiseStd: Float64Array,
  range: Float64Array,
  modelVariance: number,
  offsetStd: Float64Array,
): PersistentError | undefined {
  if (!(modelVariance > 0) && used.every((o) => offsetStd[o] === 0)) return undefined;
  const n = range.length;
  const k = used.length;
  const gain = offsetGain(lin, used, noiseStd, range);
  const spread = (variance: (channel: number) => number) => {
    const P = new Float64Array(n * n);
    used.forEach((o, c) => {
      const v = variance(o);
      if (v === 0) return;
      for (let i = 0; i < n; i++) {
        for (let j = 0; j < n; j++) P[i * n + j]! += v * gain[i * k + c]! * gain[j * k + c]!;
      }
    });
    return P;
  };
  return {
    model: spread(() => modelVariance),
    offsets: spread((o) => (offsetStd[o]! / noiseStd[o]!) ** 2),
  };
}
