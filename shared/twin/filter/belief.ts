import type { Bank, BankUpdate } from './bank.js';
import type { Gaussian, UpdateResult } from './gaussian-update.js';
import type { EvaluatePoints, Linearisation } from './linearise.js';
import type { Lines } from './lines.js';
import type { NoisyInputs, Observation } from './observation.js';
import type { FilterSettings } from './settings.js';
import type { FilterMemory } from './step.js';

/** One sample, what is believed before it, and the model that is to explain it. */
export interface UpdateRequest {
  /** Parameters and trends at the sample's time. */
  predicted: Gaussian;
  /** The same in each mode, where the settings have modes: `predicted` is their mixture without jumps. */
  bank?: Bank | undefined;
  /** `NaN` for channels without a value. */
  measured: Float64Array;
  /** Standard deviation per channel. */
  noiseStd: Float64Array;
  /** How many samples running each channel was gated before. */
  suspicion: Float64Array;
  evaluate: EvaluatePoints;
  settings: FilterSettings;
  /** Whether sigma points have to stay inside the parameters' bounds. */
  withinBounds: boolean;
  /** What earlier samples found. */
  memory: FilterMemory;
  /** The inputs, and the lines of the sample before, where these may be gone on from. */
  lines?: { lines: Lines | undefined; inputs: Float64Array } | undefined;
  /** Inputs whose noise counts. */
  noisyInputs?: NoisyInputs | undefined;
}

/** The sample as the belief before it expects it. */
export interface FirstLook {
  observation: Observation;
  prior: Gaussian;
  /** Variance of each channel's noise. */
  nominal: Float64Array;
  linearisation: Linearisation;
  update: UpdateResult;
  /** Share of the sensor's noise in each active channel's residual. */
  noiseShare: Float64Array;
  /** Where modes compete: before the sample, and with it. */
  bank?: { before: Bank; update: BankUpdate } | undefined;
}

/** What is taken for true of machine and sensors at the sample. */
export interface Belief {
  /** Before the sample. */
  start: Gaussian;
  linearisation: Linearisation;
  /** Per channel, raised for those that are gated. */
  variance: Float64Array;
  update: UpdateResult;
  gated: readonly number[];
  /** Whether the machine changed at a stroke. */
  regimeChange: boolean;
  mismatch: boolean;
  /** Whether the linearisation is already that of the result. */
  settled: boolean;
}

/** A belief with the result that follows from it once the model's bend is allowed for. */
export interface Accepted extends Belief {
  posterior: Gaussian;
  nonlinearity: number;
  /** Whether an earlier change was none. */
  undone?: boolean;
  /** By modes, where these explain the sample: otherwise all of them begin anew. */
  byModes?: BankUpdate;
  /** What is believed in each mode, where the sample was not explained by them as they were. */
  bank?: Bank;
}

/** The sample is left out. */
export interface Rejection {
  /** What is believed without it. */
  kept: Gaussian;
  linearisation: Linearisation;
  update: UpdateResult;
  outOfReach: boolean;
}
