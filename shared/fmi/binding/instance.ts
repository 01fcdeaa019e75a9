import type { ModelVariable, ScalarValue } from '../description/model-description.js';
import type { Pointer } from './native.js';

/** Which of an FMU's interfaces is used: co-simulation or model exchange. */
export type InterfaceType = 'cs' | 'me';

/** What an FMU said through its logger. */
export interface FmiLogMessage {
  /** e.g. `Warning`. */
  status: string;
  category: string;
  message: string;
}

export interface InstanceOptions {
  interface: InterfaceType;
  instanceName?: string;
  /** Ask the FMU to log. */
  loggingOn?: boolean;
  /** FMI 3 co-simulation: let the FMU stop at events; needs its `hasEventMode`. */
  eventModeUsed?: boolean;
  /** FMI 3 co-simulation: let the FMU return before the end of a step. */
  earlyReturnAllowed?: boolean;
  onLog?: (message: FmiLogMessage) => void;
  /** Called for every FMI function with its name, arguments and result. */
  onCall?: (text: string) => void;
}

/** Many Float64 variables moved in one call; `values` is memory shared with the FMU. */
export interface Float64Block {
  readonly values: Float64Array;
  /** Reads all variables into `values`. */
  get(): void;
  /** Writes all of `values`. */
  set(): void;
  /** Gives the memory back. */
  release(): void;
}

/** How a communication step ended. */
export interface DoStepResult {
  /** The FMU computed the whole step, or up to `lastSuccessfulTime` where it returned early. */
  accepted: boolean;
  /** The FMU refused the step as too long: a smaller one may do. */
  discarded: boolean;
  /** The FMU wants the simulation to end. */
  terminate: boolean;
  earlyReturn: boolean;
  eventHandlingNeeded: boolean;
  lastSuccessfulTime: number;
}

/** A step that was done, for an instance to write its results into. */
export const newStepResult = (): DoStepResult => ({
  accepted: true,
  discarded: false,
  terminate: false,
  earlyReturn: false,
  eventHandlingNeeded: false,
  lastSuccessfulTime: 0,
});

/** What one pass of event iteration found. */
export interface DiscreteStatesInfo {
  discreteStatesNeedUpdate: boolean;
  terminateSimulation: boolean;
  nominalsOfContinuousStatesChanged: boolean;
  valuesOfContinuousStatesChanged: boolean;
  nextEventTimeDefined: boolean;
  nextEventTime: number;
}

/** Where an integrator step leaves the FMU. */
export interface CompletedStepInfo {
  enterEventMode: boolean;
  terminateSimulation: boolean;
}

/**
 * One instance of an FMU, FMI 2 and FMI 3 alike. All calls are synchronous and run native code in
 * this process: what can crash or hang belongs in a pool.
 *
 * Methods throw `FmiCallError` when the FMU returns Error or Fatal, or Discard where it is not
 * expected.
 */
export interface FmuInstance {
  readonly interface: InterfaceType;
  /** Number of continuous states (model exchange). */
  readonly stateCount: number;
  readonly eventIndicatorCount: number;
  /**
   * FMI 2: sets the experiment up. Before start values are set, for some FMUs give their parameters
   * their defaults again in it. Left out, entering initialization mode does it.
   */
  setupExperiment(startTime: number, stopTime?: number, tolerance?: number): void;
  enterInitializationMode(startTime: number, stopTime?: number, tolerance?: number): void;
  exitInitializationMode(): void;
  terminate(): void;
  reset(): void;
  /** Frees the instance; idempotent. */
  free(): void;

  float64Block(variables: readonly ModelVariable[]): Float64Block;
  /** All elements of a variable's value. */
  getValue(variable: ModelVariable): ScalarValue[];
  setValue(variable: ModelVariable, values: readonly ScalarValue[]): void;

  /** First derivatives of inputs for the next step (FMI 2 co-simulation with `canInterpolateInputs`). */
  setInputDerivatives(variables: readonly ModelVariable[], derivatives: Float64Array): void;

  doStep(currentCommunicationPoint: number, stepSize: number): DoStepResult;

  getFmuState(previous?: Pointer): Pointer;
  setFmuState(state: Pointer): void;
  freeFmuState(state: Pointer): void;
  serializeFmuState(state: Pointer): Uint8Array;
  deserializeFmuState(bytes: Uint8Array): Pointer;

  enterEventMode(): void;
  updateDiscreteStates(): DiscreteStatesInfo;
  enterContinuousTimeMode(): void;
  /** FMI 3 co-simulation: back from event mode. */
  enterStepMode(): void;
  setTime(time: number): void;
  getContinuousStates(states: Float64Array): void;
  setContinuousStates(states: Float64Array): void;
  getDerivatives(derivatives: Float64Array): void;
  getNominals(nominals: Float64Array): void;
  getEventIndicators(indicators: Float64Array): void;
  completedIntegratorStep(): CompletedStepInfo;

  /** `Δunknowns = J · seed`. */
  getDirectionalDerivative(
    unknowns: readonly ModelVariable[],
    knowns: readonly ModelVariable[],
    seed: Float64Array,
  ): Float64Array;
  /** `Δknowns = Jᵀ · seed` (FMI 3). */
  getAdjointDerivative(
    unknowns: readonly ModelVariable[],
    knowns: readonly ModelVariable[],
    seed: Float64Array,
  ): Float64Array;
}
