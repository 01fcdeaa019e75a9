import type { TwinDefinition } from '../config/index.js';
import type { Interpolation } from '../fmi/index.js';
import type { Force } from './disturbances/force.js';
import type { PersistentError } from './filter/persistent-error.js';
import type { AlarmCode } from './report/alarms.js';
import type { FilterState } from './state/filter-state.js';

/** A twin definition together with where it came from. */
export interface Twin {
  definition: TwinDefinition;
  /** Absolute path of the FMU. */
  fmuPath: string;
  /**
   * SHA-256 of what a saved state depends on: the FMU's content and the definition's inputs,
   * measured variables, parameters and estimator options.
   */
  hash: string;
}

/** Everything known about the machine at one instant. */
export interface Sample {
  /** Seconds of the machine's time; any origin, as long as it stays the same. */
  timeS: number;
  /** The timestamp of the newest reading in it, for writing results at that time. */
  timeNs?: bigint;
  /** One value per input of the twin definition (fixed ones included), in its order. */
  inputs: Float64Array;
  /** One value per measured variable, in the definition's order; `NaN` for missing or not GOOD. */
  measured: Float64Array;
  /** The row in the file it came from, 0-based, where there is one. */
  row?: number;
  /** Seconds by which readings are older than the sample, per measured variable; left out where all are of its moment. */
  agesS?: Float64Array;
  /** What inputs were since the sample before, in order, where that is known. */
  between?: readonly InputsAt[];
}

/** What inputs were at an instant at which nothing measured is taken. */
export interface InputsAt {
  timeS: number;
  /** One value per input of the twin definition; `NaN` for one that runs on through it as it is interpolated. */
  inputs: Float64Array;
}

/** What a model said at one parameter point: its outputs, or why it could not. */
export type Evaluation = Float64Array | Error;

/**
 * The model as the filter sees it: parameters in, outputs out, many points at a time.
 */
export interface TwinModel {
  /** Names of the outputs: first the measured variables, then the virtual sensors. */
  readonly outputs: readonly string[];
  /**
   * Evaluates the model at each point.
   *
   * @param points parameter vectors, in the twin definition's order
   * @param inputs one value per input, in the twin definition's order
   * @returns an evaluation per point, in the points' order; a point that fails does not throw
   */
  evaluate(
    points: readonly Float64Array[],
    inputs: Float64Array,
    signal?: AbortSignal,
  ): Promise<readonly Evaluation[]>;
  /** The model as a dynamic system; there in twins whose mode is transient or auto. */
  readonly transient?: TransientModel;
  /** What the model values miss by because they are integrated with steps, along a recording. */
  integrationError?(samples: readonly Sample[], signal?: AbortSignal): Promise<IntegrationError>;
  close(): Promise<void>;
}

/** What a channel's model values miss by because the model is integrated with steps. */
export interface IntegrationError {
  /** Standard deviation per measured variable, in the definition's units. */
  std: Record<string, number>;
  /** The tolerance that the runs use. */
  tolerance: number;
  /** Why it is not known, where it could not be tried. */
  unknown?: string;
}

/** Continuous states and outputs at one instant, or why the model could not tell them. */
export type StateEvaluation =
  | {
      states: Float64Array;
      outputs: Float64Array;
      /** All that the FMU remembers there, modes included, where it was asked for and can be told. */
      memory?: Uint8Array;
    }
  | Error;

/** The model as transient mode sees it. */
export interface TransientModel {
  /** Names of the continuous states, in the FMU's order. */
  readonly states: readonly string[];
  /** Typical magnitude of each, `NaN` where the FMU gives none. */
  readonly nominal: Float64Array;
  /** The last of the states that are none of the FMU's but disturbances; left out where there are none. */
  readonly forces?: readonly Force[];
  /** Where the FMU's own time begins, seconds. */
  readonly startTimeS: number;
  /** How each input runs between samples, those that only jump as held; left out where it is as the definition says. */
  readonly interpolations?: readonly Interpolation[];
  /**
   * Whether runs from sample to sample lose modes that the model keeps beside its continuous states,
   * found by comparing them with one run along all samples.
   *
   * @returns what is lost and what to do instead; `undefined` where nothing is
   */
  forgets?(
    parameters: Float64Array,
    samples: readonly Sample[],
    signal?: AbortSignal,
  ): Promise<{ share: number; text: string } | undefined>;
  /** States and outputs at rest, for each parameter point; a point that fails does not throw. */
  settle(
    points: readonly Float64Array[],
    inputs: Float64Array,
    signal?: AbortSignal,
  ): Promise<readonly StateEvaluation[]>;
  /**
   * Runs from states over a time; a point that fails does not throw.
   *
   * @param points without `states` from what the FMU starts with
   * @param span in the FMU's time; inputs at both ends, and `between` them, whose times count from its
   *   start; `memory`: what the FMU remembered at its start; `aroundFirst`: the points stand about the
   *   first, and tell nothing where that one fails, which they then need not be run for
   */
  propagate(
    points: readonly {
      parameters: Float64Array;
      states?: Float64Array;
      keepMemory?: boolean;
      /** Per disturbance of the definition: what is added to its variable. */
      added?: Float64Array;
    }[],
    span: {
      fromS: number;
      toS: number;
      inputs: Float64Array;
      inputsTo: Float64Array;
      between?: readonly InputsAt[] | undefined;
      memory?: Uint8Array | undefined;
      aroundFirst?: boolean;
    },
    signal?: AbortSignal,
  ): Promise<readonly StateEvaluation[]>;
}

/** Whether a sample was taken as a state of rest, or as one of a moving machine. */
export type StepMode = 'steady-state' | 'transient';

/** A quantity with its uncertainty. */
export interface Estimate {
  mean: number;
  std: number;
  lower95: number;
  upper95: number;
}

/** Something that a person should know. */
export interface Alarm {
  code: AlarmCode;
  /** The parameter, virtual sensor or measured variable concerned; the twin's name for all. */
  subject: string;
  /** One sentence with the figures. */
  message: string;
}

/** Why a sample was not assimilated. */
export type SkipReason =
  | 'not-newer-than-state'
  | 'no-usable-channel'
  | 'input-missing'
  | 'model-mismatch' // no parameters explain it
  | 'model-failed'; // the FMU gave no answer at the estimate

/** The outcome of one sample. */
export interface StepResult {
  timeS: number;
  timeNs?: bigint;
  row?: number;
  /** Left out when the sample was assimilated. */
  skipped?: SkipReason;
  /** Normalised innovation squared of the channels used; `NaN` where none was. */
  nis: number;
  /**
   * The same of a moving machine's states alone, the constants held at their newest fit: it judges the
   * noise, where the other also holds the doubt about constants. Left out before the first fit.
   */
  statesNis?: number;
  /** Channels that entered the NIS. */
  channels: number;
  logLikelihood: number;
  parameters: Record<string, Estimate>;
  /** The twin's virtual sensors. */
  virtualSensors: Record<string, Estimate>;
  /** The measured variables as the twin sees them, so that a drifting sensor shows. */
  measured: Record<string, Estimate>;
  alarms: Alarm[];
  /** That the parameters are still their priors, as fits of constants have found nothing yet. */
  beforeFit?: true;
  /** When the event that lasts began, seconds; left out without one. */
  eventSinceS?: number;
  /** So long no sample came and nothing tells what drove a moving machine, s: its states were widened by what inputs may have done, or begun anew. */
  gapS?: number;
  /** How the step was done. */
  diagnostics: {
    mode: StepMode;
    modelRuns: number;
    /** Channels that were given little weight because they contradict the others. */
    gated: string[];
    /** Channels whose values were left out, as they are found faulty or repeat one value. */
    leftOut: string[];
    regimeChange: boolean;
    /** Nonlinearity against noise, worst channel: above 0.02 the step linearises again. */
    nonlinearity: number;
    /** Assumed noise standard deviation per channel after adaptation. */
    noiseStd: Record<string, number>;
    /** What errors that stay add to each parameter's deviation; left out where there are none. */
    lastingStd?: Record<string, number>;
  };
}

/**
 * Everything the calibrator remembers between samples. Treat it as opaque and immutable: a step
 * returns a new one.
 */
export interface CalibratorState {
  /** Hash of the twin definition it belongs to. */
  readonly twinHash: string;
  /** Time of the newest sample that was assimilated; `-Infinity` before the first. */
  readonly timeS: number;
  /** Its timestamp, where samples carry one: read streams from after this; otherwise 0. */
  readonly timeNs: bigint;
  /** Samples assimilated so far. */
  readonly sampleCount: number;
  readonly filter: FilterState;
}

/** How outputs follow the parameters at a sample: what the sensors could tell there. */
export interface SensorSlopes {
  /** Outputs × parameters, row-major, the measured variables first. */
  slope: Float64Array;
  /** Assumed noise per measured variable. */
  noiseStd: Float64Array;
  /** The measured variables that had a value. */
  active: readonly number[];
  /** Variance of each output beside what parameters give it: by inputs' noise, by the model's bend. */
  own?: { inputs: Float64Array; model: Float64Array };
  /** What errors that last do to the parameters, where there are any. */
  persistent?: PersistentError | undefined;
  /** Inputs of a moving machine whose stated errors are not in the bands, as the model fails with them. */
  statedUnknown?: readonly number[] | undefined;
}

/** A calibrator: pure steps from state to state. */
export interface Calibrator {
  readonly twin: Twin;
  /**
   * The state before any data.
   *
   * @param samples the first samples to come, if at hand: sensor noise that the definition leaves
   *   out is estimated from them
   */
  initialState(samples?: readonly Sample[]): CalibratorState;
  /**
   * Assimilates one sample.
   *
   * @returns a new state; the given one when the sample is skipped, but for `model-mismatch`, and for
   *   `no-usable-channel` of a moving machine, where the estimate is carried on to the sample's time
   * @throws TwinError `FMU_CRASHED`, `FMU_TIMEOUT`, `FMI_CALL_FAILED` (the model fails at the
   *   estimate itself), `NUMERIC`, `STATE_MISMATCH`, `CANCELLED`; the given state stays good
   */
  step(
    state: CalibratorState,
    sample: Sample,
    signal?: AbortSignal,
  ): Promise<{
    state: CalibratorState;
    result: StepResult;
    /** Of the step's own linearisation; absent where the sample was skipped. */
    slopes?: SensorSlopes;
  }>;
}
