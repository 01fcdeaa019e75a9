import type { Coordinate } from '../unknowns/coordinates.js';
import { addPrior, type Prior, priorOf, priorSquare } from '../unknowns/prior.js';

/** A fit of a model's free run to data. Residuals run over samples × channels, row-major. */
export interface LeastSquaresProblem {
  coordinates: readonly Coordinate[];
  /** Samples × channels, `NaN` where a value is missing. */
  data: Float64Array;
  channels: number;
  /** Least noise per channel: below it, smaller residuals prove nothing. */
  noiseFloor: Float64Array;
  /** The same of what is white in residuals that follow each other, and are larger than that. */
  whiteFloor: Float64Array;
  /** The model's free runs at points u: samples × channels, or why one failed. */
  simulate(points: readonly Float64Array[]): Promise<readonly (Float64Array | Error)[]>;
}

/** A point of a search, and what the model makes of it. */
export interface SearchPoint {
  u: Float64Array;
  /** The free run, samples × channels. */
  prediction: Float64Array;
  /** Per channel. */
  noiseStd: Float64Array;
}

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
  objective += 0.5 * priorSquare(priorOf(problem.coordinates), u);
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

/** JᵀJ/σ² of the data alone, n × n, and Jᵀe/σ². */
export function normalEquations(
  problem: Pick<LeastSquaresProblem, 'data' | 'channels'>,
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

/** The same of data and prior together: JᵀJ/σ² + Λ, and Jᵀe/σ² − Λu. */
export function posteriorEquations(
  problem: Pick<LeastSquaresProblem, 'coordinates' | 'data' | 'channels'>,
  columns: readonly Float64Array[],
  { u, prediction, noiseStd }: SearchPoint,
  prior: Prior = priorOf(problem.coordinates),
): { information: Float64Array; gradient: Float64Array } {
  const equations = normalEquations(problem, columns, noiseStd, prediction);
  addPrior(equations, prior, u);
  return equations;
}
