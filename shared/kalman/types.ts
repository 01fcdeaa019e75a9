/** A Gaussian belief: mean x (n) and covariance P (n × n, row-major, symmetric). */
export interface Gaussian {
  readonly x: Float64Array;
  readonly P: Float64Array;
}

/** A Gaussian belief in square-root form: P = S Sᵀ with S lower triangular. */
export interface SquareRootGaussian {
  readonly x: Float64Array;
  readonly S: Float64Array;
}

/**
 * A model function: reads `input`, writes its result to `output`. It must change nothing else and
 * keep neither array: both are views of a workspace. Controls and time steps come by closure.
 */
export type VectorFunction = (input: Float64Array, output: Float64Array) => void;

/** A model function driven by noise of its own: reads `input` and `noise`, writes `output`. */
export type NoisyVectorFunction = (
  input: Float64Array,
  noise: Float64Array,
  output: Float64Array,
) => void;

/** When to keep measurements out of the update. */
export interface Gate {
  /** Channels with |yᵢ| above this many √Sᵢᵢ are left out, the others used. */
  channelSigma?: number;
  /** The whole sample is left out when its NIS lies beyond this quantile of χ², e.g. 0.9999. */
  jointProbability?: number;
}

/** What a measurement said about the prediction. Arrays of m answer to all channels. */
export interface Innovation {
  /** y = z − ẑ, NaN where the channel is missing. */
  readonly y: Float64Array;
  /** √Sᵢᵢ, the innovation's predicted standard deviation, also of missing and gated channels. */
  readonly std: Float64Array;
  /** L⁻¹y of the channels that passed the channel gate, S = L Lᵀ: independent standard normals if all is well. */
  readonly whitened: Float64Array;
  /** Indices of the channels that were assimilated. */
  readonly used: readonly number[];
  /** Indices of present channels that a gate kept out. */
  readonly gated: readonly number[];
  /** Normalised innovation squared of the channels that passed the channel gate: χ² with `dof`. */
  readonly nis: number;
  readonly dof: number;
  /** log p(z | past) of the same channels. */
  readonly logLikelihood: number;
}
