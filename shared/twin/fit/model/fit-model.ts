import type { Logger } from '../../../core/index.js';
import type { Interpolation } from '../../../fmi/index.js';
import type { FitRecord } from '../record/record.js';

/** Values of parameters and, where the model takes them, of the states at the record's start. */
export interface FitPoint {
  parameters: Float64Array;
  /**
   * One after the other for each of the record's beginnings; for its start alone: the run goes through its
   * gaps. Left out: what the model starts with.
   */
  states?: Float64Array;
  /** Parameters that move along the record: a value per sample each, held to the next. */
  courses?: readonly { parameter: number; values: Float64Array }[];
  /** Per disturbance of the definition: what it adds at each sample. */
  forces?: readonly Float64Array[];
  /** What is added to one of the {@link FitModel.disturbable} at each sample, on trial. */
  trial?: { on: string; values: Float64Array };
}

/** A free run: outputs, and states where they were asked for. */
export interface FreeRun {
  /** Samples × measured variables. */
  outputs: Float64Array;
  /** Samples × states. */
  states?: Float64Array;
  /** Samples × virtual sensors, where they were asked for. */
  sensors?: Float64Array;
}

/** What a run gives beside the measured variables, and how it is made. */
export interface FreeRunOptions {
  keepStates?: boolean;
  /** The virtual sensors, too. */
  keepSensors?: boolean;
  /** At half the step and tolerance, where the model is `refinable`. */
  finer?: boolean;
  /** How each input runs between samples, in place of what the definition says. */
  interpolations?: readonly Interpolation[];
}

/** The model as a fit sees it: the free run along a record from its start. */
export interface FitModel {
  /** States whose values at the start can be chosen; empty where the FMU offers none. */
  readonly states: readonly string[];
  /** Per parameter: whether it can move along a run; left out where none can. */
  readonly wearable?: readonly boolean[];
  /** Variables that a disturbance of the machine might add to; left out where there are none. */
  readonly disturbable?: readonly string[];
  /** Whether runs can be made at half the step and tolerance of its integration. */
  readonly refinable?: boolean;
  /** Why the start is not searched for. */
  readonly startDoubt?: string | undefined;
  /** Why the search for the start begins where nothing says that the machine was. */
  readonly restDoubt?: string | undefined;
  /**
   * Runs from the record's start along all its samples, and anew after each gap; a point that fails does not throw.
   *
   * @param record whose inputs drive the run
   */
  run(
    points: readonly FitPoint[],
    record: FitRecord,
    options?: FreeRunOptions,
  ): Promise<readonly (FreeRun | Error)[]>;
  /** States where the search for the start begins: at rest, or the model's own start values. */
  startStates(parameters: Float64Array, record: FitRecord): Promise<Float64Array>;
  close(): Promise<void>;
}

/** How an FMU is opened for fits: in so many processes, and ended by the signal. */
export interface ModelOptions {
  lanes?: number;
  logger?: Logger;
  signal?: AbortSignal;
}
