import { mergeFactored } from './factored-update.js';
import type { SquareRootGaussian } from './types.js';

/** What is left of a variance below this share has lost too many digits. */
const LOST = 1e-8;

/** Mean and covariance (n × n, symmetric) of a Gaussian. */
export interface Moments {
  x: Float64Array;
  P: Float64Array;
}

/**
 * Several weighted sums of the same Gaussians, each by its mean and covariance: what the interacting
 * multiple model algorithm does with n parts for n modes at each sample. Covariances are formed once
 * and added, which is far cheaper than a triangularisation for each sum.
 *
 * @param weights sums × parts, row-major; each row sums to 1
 * @param parts Gaussians of n states with lower triangular factors
 * @returns undefined for a sum that comes out so much smaller than its parts that digits are lost:
 *   {@link mergeFactored} bears that
 * @see Blom & Bar-Shalom, The interacting multiple model algorithm, IEEE Trans. Autom. Control 33
 *   (1988)
 */
export function mixMoments(
  weights: Float64Array,
  parts: readonly SquareRootGaussian[],
): (Moments | undefined)[] {
  const J = parts.length;
  const n = parts[0]?.x.length ?? 0;
  const size = (n * (n + 1)) / 2;
  const sums = J === 0 ? 0 : weights.length / J;
  const total = new Float64Array(J);
  for (let k = 0; k < weights.length; k++) total[k % J]! += weights[k]!;
  // Deviations from the part that counts most, so that no digits go where means are large.
  const most = total.reduce((best, w, j) => (w > total[best]! ? j : best), 0);
  const origin = parts[most]?.x ?? new Float64Array();
  const deviations = new Float64Array(J * n);
  const seconds = new Float64Array(J * size);
  for (let j = 0; j < J; j++) {
    if (!(total[j]! > 0)) continue;
    const { x, S } = parts[j]!;
    const d = j * n;
    for (let i = 0; i < n; i++) deviations[d + i] = x[i]! - origin[i]!;
    let at = j * size;
    for (let i = 0; i < n; i++) {
      for (let c = 0; c <= i; c++) {
        let sum = deviations[d + i]! * deviations[d + c]!;
        for (let k = 0; k <= c; k++) sum += S[i * n + k]! * S[c * n + k]!;
        seconds[at++] = sum;
      }
    }
  }
  const second = new Float64Array(size);
  return Array.from({ length: sums }, (_, s) => {
    const x = new Float64Array(n);
    second.fill(0);
    let waiting = -1;
    for (let j = 0; j < J; j++) {
      const w = weights[s * J + j]!;
      if (!(w > 0)) continue;
      for (let i = 0; i < n; i++) x[i]! += w * deviations[j * n + i]!;
      if (waiting < 0) {
        waiting = j;
        continue;
      }
      // Two parts in one pass: what costs is loading and storing the sum.
      const v = weights[s * J + waiting]!;
      const [a, b] = [waiting * size, j * size];
      for (let e = 0; e < size; e++)
        second[e] = second[e]! + v * seconds[a + e]! + w * seconds[b + e]!;
      waiting = -1;
    }
    if (waiting >= 0) {
      const v = weights[s * J + waiting]!;
      for (let e = 0; e < size; e++) second[e]! += v * seconds[waiting * size + e]!;
    }
    const P = new Float64Array(n * n);
    let at = 0;
    for (let i = 0; i < n; i++) {
      for (let c = 0; c <= i; c++) {
        const value = second[at++]! - x[i]! * x[c]!;
        P[i * n + c] = value;
        P[c * n + i] = value;
      }
      const whole = second[at - 1]!;
      if (whole > 0 && !(P[i * n + i]! > LOST * whole)) return undefined;
    }
    for (let i = 0; i < n; i++) x[i]! += origin[i]!;
    return { x, P };
  });
}

/**
 * Mean and lower factor of a Gaussian; variables without variance have none with any other.
 *
 * @returns undefined where the covariance is so near to singular that digits are lost
 */
export function factorMoments({ x, P }: Moments): SquareRootGaussian | undefined {
  const n = x.length;
  const S = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    const row = i * n;
    const variance = P[row + i]!;
    if (variance === 0) continue;
    let rest = variance;
    for (let c = 0; c < i; c++) {
      const other = c * n;
      const pivot = S[other + c]!;
      if (pivot === 0) continue;
      let sum = P[row + c]!;
      for (let k = 0; k < c; k++) sum -= S[row + k]! * S[other + k]!;
      const value = sum / pivot;
      S[row + c] = value;
      rest -= value * value;
    }
    if (!(rest > LOST * variance)) return undefined;
    S[row + i] = Math.sqrt(rest);
  }
  return { x, S };
}

/** {@link mixMoments} for one sum, as a factor; triangularised where that would lose digits. */
export function mixFactored(
  weights: Float64Array,
  parts: readonly SquareRootGaussian[],
): SquareRootGaussian {
  const moments = mixMoments(weights, parts)[0];
  return (moments && factorMoments(moments)) ?? mergeFactored(weights, parts);
}
