import type { Gaussian } from '../filter/gaussian-update.js';
import type { InputNoise } from '../filter/input-noise.js';
import type { InputSlopes } from '../filter/stated-inputs.js';
import type { FilterMemory, FilterStep } from '../filter/step.js';
import type { TransientMemory } from '../state/filter-state.js';
import type { CalibratorState, Sample } from '../types.js';

/** One sample's way into the estimate, after it was checked. */
export type Assimilate = (input: {
  state: CalibratorState;
  sample: Sample;
  /** Its values; `NaN` for channels without a usable one. */
  measured: Float64Array;
  /** Seconds since the state's sample. */
  dtS: number;
  /** Whether sigma points have to stay inside the parameters' bounds. */
  withinBounds: boolean;
  /** What earlier samples found. */
  memory: FilterMemory;
  signal: AbortSignal | undefined;
}) => Promise<{
  /** Parameters and trends at the sample's time without it. */
  prior: Gaussian;
  filtered: FilterStep;
  /** What transient mode has to remember; absent in steady-state mode. */
  transient?: TransientMemory;
  /** What is known of the noise of inputs; absent where it is stated, and of moving machines. */
  inputNoise?: InputNoise;
  /** How outputs follow inputs whose error is stated; absent where none is, and of moving machines. */
  inputSlopes?: InputSlopes;
}>;
