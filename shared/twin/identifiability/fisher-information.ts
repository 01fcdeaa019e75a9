import { symmetricEigen } from '../../kalman/index.js';

/** One channel's part in what the sensors tell: its slopes in noise and ranges. */
export interface Sensitivity {
  /** Slope by each parameter, times its range, over the channel's noise standard deviation. */
  row: Float64Array;
}

/**
 * Scaled slopes of channels: change of each, in standard deviations of its noise, when a parameter
 * goes through its whole range.
 *
 * @param slope outputs × n, row-major
 * @param noiseStd per channel, in the order of `channels`
 * @param channels which outputs
 */
export function sensitivities(
  slope: Float64Array,
  range: Float64Array,
  noiseStd: ArrayLike<number>,
  channels: readonly number[],
): Sensitivity[] {
  const n = range.length;
  return channels.map((o, k) => ({
    row: range.map((r, i) => (slope[o * n + i]! * r) / noiseStd[k]!),
  }));
}

/** Fisher information about the parameters, in units of their ranges: n × n. */
export function fisherInformation(rows: readonly Sensitivity[], n: number): Float64Array {
  const information = new Float64Array(n * n);
  for (const { row } of rows) {
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < n; j++) information[i * n + j]! += row[i]! * row[j]!;
    }
  }
  return information;
}

/** What can be read off an information matrix. */
export interface InformationAnalysis {
  /** Eigenvalues, ascending. */
  eigenvalues: Float64Array;
  /** Unit vector per eigenvalue. */
  directions: Float64Array[];
  /**
   * Cramér-Rao bound per parameter as a share of its range; `Infinity` where more than a hundredth
   * of it lies in directions that nothing tells.
   */
  share: Float64Array;
  /** Largest over smallest eigenvalue; `Infinity` where a direction is not seen at all. */
  condition: number;
  /** Inverse of the information; undefined where a direction is not seen at all. */
  covariance: Float64Array | undefined;
}

/** Below this share of the largest eigenvalue a direction counts as not seen. */
const BLIND = 1e-14;
/** Share of a parameter in unseen directions beyond which it is not told itself. */
const BLIND_WEIGHT = 0.01;
/** Along an unseen direction a value may be anywhere in its range: a uniform distribution's. */
export const UNIFORM_VARIANCE = 1 / 12;

/**
 * Eigenvalues, bounds and condition of an information matrix.
 *
 * @see Kay, Fundamentals of Statistical Signal Processing: Estimation Theory (1993), 3.7
 */
export function analyseInformation(information: Float64Array, n: number): InformationAnalysis {
  const { values, vectors } = symmetricEigen(information, n);
  const order = Array.from({ length: n }, (_, k) => k).sort((a, b) => values[a]! - values[b]!);
  const eigenvalues = Float64Array.from(order, (k) => Math.max(0, values[k]!));
  const directions = order.map((k) =>
    Float64Array.from({ length: n }, (_, i) => vectors[i * n + k]!),
  );
  const largest = eigenvalues[n - 1]!;
  const blind = (value: number) => !(value > BLIND * largest);
  const share = new Float64Array(n);
  const unseen = new Float64Array(n);
  const covariance = new Float64Array(n * n);
  let singular = false;
  eigenvalues.forEach((value, k) => {
    const u = directions[k]!;
    singular ||= blind(value);
    for (let i = 0; i < n; i++) {
      if (blind(value)) {
        unseen[i]! += u[i]! ** 2;
        continue;
      }
      share[i]! += u[i]! ** 2 / value;
      for (let j = 0; j < n; j++) covariance[i * n + j]! += (u[i]! * u[j]!) / value;
    }
  });
  return {
    eigenvalues,
    directions,
    share: share.map((v, i) =>
      unseen[i]! > BLIND_WEIGHT
        ? Number.POSITIVE_INFINITY
        : Math.sqrt(v + unseen[i]! * UNIFORM_VARIANCE),
    ),
    condition: singular ? Number.POSITIVE_INFINITY : largest / eigenvalues[0]!,
    covariance: singular ? undefined : covariance,
  };
}

/**
 * How small one channel's noise alone would have to be for a parameter to be told to a wanted share
 * of its range, all others staying as they are (Sherman and Morrison).
 *
 * @returns factor on that channel's noise, below 1; undefined where no noise would do
 */
export function singleChannelFactor(
  covariance: Float64Array,
  row: Float64Array,
  parameter: number,
  wantedShare: number,
): number | undefined {
  const n = row.length;
  const seen = Float64Array.from({ length: n }, (_, i) => {
    let sum = 0;
    for (let j = 0; j < n; j++) sum += covariance[i * n + j]! * row[j]!;
    return sum;
  });
  const total = row.reduce((sum, v, i) => sum + v * seen[i]!, 0);
  const excess = covariance[parameter * n + parameter]! - wantedShare ** 2;
  if (excess <= 0) return 1;
  const room = seen[parameter]! ** 2 - excess * total;
  return room > 0 ? 1 / Math.sqrt(1 + excess / room) : undefined;
}
