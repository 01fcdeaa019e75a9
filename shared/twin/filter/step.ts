import type { StepMode } from '../types.js';
import type { Bank } from './bank.js';
import type { Gaussian } from './gaussian-update.js';
import type { Linearisation } from './linearise.js';
import type { Lines } from './lines.js';
import type { PersistentError } from './persistent-error.js';

/** What errors that a definition states do to the estimate of a moving machine whose parameters are filtered. */
export interface StatedStep {
  /** Variance of each parameter by what the model lacks, by errors of sensors, by those of inputs: 3n. */
  parameters: Float64Array;
  /** Deviation of each output; left out of a sample of rest, where `persistent` has it. */
  outputStd?: Float64Array;
  /** Inputs whose errors are not in it, as the model fails with them. */
  unknown: readonly number[];
}

/** The outcome of one filter step. */
export interface FilterStep {
  posterior: Gaussian;
  /** Valid at the posterior: outputs and their slopes. */
  linearisation: Linearisation;
  nis: number;
  /** The same of a moving machine's states alone, the constants held at their newest fit. */
  statesNis?: number;
  logLikelihood: number;
  /** Channels used, as indices of the measured variables. */
  active: number[];
  /** Leave-one-out residuals of the active channels under the noise as assumed. */
  z: Float64Array;
  /** How much of those residuals' variance is the sensor's noise, rather than the others'. */
  noiseShare: Float64Array;
  /**
   * Per active channel: how much of the predicted variance is that of constants which samples do not
   * change, so that innovations share an error that lasts. Left out: none.
   */
  lastingShare?: Float64Array;
  gated: number[];
  regimeChange: boolean;
  nonlinearity: number;
  /** The linearisation for the next sample to go on from, where it may. */
  lines?: Lines;
  /** What was believed without the change that was found: it may turn out to be none. */
  beforeChange?: Gaussian;
  /** Whether a change found a few samples ago turned out to be none. */
  undone?: boolean;
  /** What is believed in each mode, where modes compete. */
  bank?: Bank;
  /** Factor on the assumed noise by the modes that hold; left out: 1. */
  noiseScale?: number;
  /** What each active channel says about the logarithm of its noise, twice; left out: by `z`. */
  noiseExcess?: Float64Array;
  /** Square of each active channel's residual under the noise as assumed, clipped; left out: by `z`. */
  scatter?: Float64Array;
  modelRuns: number;
  /** Whether no parameters explain the sample within its noise. */
  mismatch: boolean;
  /** Whether the posterior is the prior, as the sample was left out. */
  rejected: boolean;
  /** Whether that is as no parameters bring most channels near. */
  outOfReach: boolean;
  /** Whether the model refused a sigma point beyond the parameters' bounds. */
  refusedBeyond: boolean;
  /** When the event that lasts began, s: something that the model lacks. Left out without one. */
  eventSinceS?: number;
  /** So long no sample came and nothing tells what drove the machine, s: its states were widened, or begun anew. */
  gapS?: number;
  /** Left out: steady-state. */
  mode?: StepMode;
  /** What errors that last do to the parameters, where there are any. */
  persistent?: PersistentError;
  /** What stated errors do to a moving machine; left out where none is stated, and where fits hold them. */
  stated?: StatedStep;
  /** Every output's estimate, where it is known otherwise than from the linearisation. */
  outputs?: { mean: Float64Array; std: Float64Array };
}

/** What earlier samples found. */
export interface FilterMemory {
  /**
   * Samples running that the belief before them did not explain: the search for a change is
   * repeated less often, up to a limit.
   */
  unexplained: number;
  /** The values of the sample before where it was rejected; else `NaN`. */
  rejected?: Float64Array;
  /** What would be believed now without a change found a few samples ago. */
  beforeChange?: Gaussian | undefined;
}
