import { cholesky, choleskySolve, invertFromCholesky } from '../../../kalman/index.js';

/**
 * Residuals of a stretch of rows at one frequency: the Fourier transforms of m channels, real parts
 * first. So are its covariances, as symmetric matrices of twice the size.
 */
export interface Frequency {
  z: Float64Array;
  /** Covariance of what is known, 2m × 2m. */
  known: Float64Array;
  /** What one unit of each component adds to it, 2m × 2m each. */
  parts: readonly Float64Array[];
}

/** Rounds at most: each raises the likelihood. */
const ROUNDS = 150;
/** Growth of the likelihood in nats at which it has come to its end. */
const ENOUGH = 1e-3;

/**
 * Sizes of the components of a covariance by maximum likelihood, none below zero:
 * z ~ N(0, known + Σ θᵢ Vᵢ), each frequency on its own.
 *
 * @param use which of the parts are open; the others are taken for none
 * @param start a size to begin with for each
 * @returns sizes, and ln L up to a constant
 * @see Whittle, Arkiv för Matematik 2 (1953); Zhou, Hu, Zhou & Lange, MM algorithms for variance
 *   components models, J. Comput. Graph. Stat. 28 (2019)
 */
export function varianceComponents(
  frequencies: readonly Frequency[],
  use: readonly number[],
  start: Float64Array,
): { sizes: Float64Array; logLikelihood: number } {
  const size = frequencies[0]!.z.length;
  const theta = start.map((v, i) => (use.includes(i) ? v : 0));
  const scored = () => {
    let logLikelihood = 0;
    const squares = new Float64Array(theta.length);
    const traces = new Float64Array(theta.length);
    for (const { z, known, parts } of frequencies) {
      const S = known.slice();
      for (const i of use) {
        const by = theta[i]!;
        if (by === 0) continue;
        for (let e = 0; e < S.length; e++) S[e]! += by * parts[i]![e]!;
      }
      const L = cholesky(S, size);
      const x = choleskySolve(L, z, size);
      const inverse = invertFromCholesky(L, size);
      for (let j = 0; j < size; j++) {
        // Twice the logarithm of a pivot is that of S, of which each frequency has two halves.
        logLikelihood -= Math.log(L[j * size + j]!) + z[j]! * x[j]!;
      }
      for (const i of use) {
        const V = parts[i]!;
        for (let e = 0; e < V.length; e++) {
          if (V[e] === 0) continue;
          traces[i]! += (inverse[e]! * V[e]!) / 2;
          squares[i]! += x[Math.floor(e / size)]! * V[e]! * x[e % size]!;
        }
      }
    }
    return { logLikelihood, squares, traces };
  };
  let now = scored();
  for (let round = 0; round < ROUNDS && use.length > 0; round++) {
    for (const i of use) {
      if (now.traces[i]! > 0) theta[i]! *= Math.sqrt(now.squares[i]! / now.traces[i]!);
    }
    const next = scored();
    const gained = next.logLikelihood - now.logLikelihood;
    now = next;
    if (gained < ENOUGH) break;
  }
  return { sizes: theta, logLikelihood: now.logLikelihood };
}

/** Fourier transforms of a column at whole waves of its length from 1 on, real and imaginary parts. */
export function fourier(column: Float64Array): { re: Float64Array; im: Float64Array } {
  const n = column.length;
  const count = Math.floor((n - 1) / 2);
  const re = new Float64Array(count);
  const im = new Float64Array(count);
  const scale = 1 / Math.sqrt(n);
  const [cos, sin] = [Math.cos, Math.sin].map((wave) =>
    Float64Array.from({ length: n }, (_, k) => scale * wave((2 * Math.PI * k) / n)),
  );
  for (let f = 1; f <= count; f++) {
    for (let row = 0; row < n; row++) {
      const at = (f * row) % n;
      re[f - 1]! += column[row]! * cos![at]!;
      im[f - 1]! -= column[row]! * sin![at]!;
    }
  }
  return { re, im };
}
