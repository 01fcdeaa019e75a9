import type { InterfaceType } from '../binding/instance.js';
import type { InputTable } from '../solving/signals.js';

/** A run until the outputs rest. */
export interface SettleRequest {
  /** Values of parameters and start values by variable name, in the FMU's units. */
  startValues: Readonly<Record<string, number>>;
  /** Values of inputs, held for the whole run. */
  inputs: Readonly<Record<string, number>>;
  outputs: readonly string[];
  /** Read at the end beside the outputs, at rest or not. */
  along?: readonly string[];
  interface?: InterfaceType;
  /** First, and where the FMU can't vary it, every step, seconds. */
  stepSizeS: number;
  /** Longest simulated time, seconds. */
  maxTimeS: number;
  /** That the FMU is set up with; default: the default experiment's. */
  tolerance?: number;
  /** At rest when no output is further than this share of its value from where it is going. */
  relativeTolerance: number;
  /** Start from a kept settled state where the FMU can; default `true`. */
  warm?: boolean;
  /**
   * The point whose settled state warm runs start from; default: the FMU's own start values. The
   * same reference gives the same results whatever was run before.
   */
  reference?: {
    startValues: Readonly<Record<string, number>>;
    inputs: Readonly<Record<string, number>>;
  };
}

export interface SettleResult {
  /** In the order of the request's outputs, then those read along. */
  values: Float64Array;
  /** Simulated time, seconds. */
  timeS: number;
  /** `false`: `maxTimeS` came first, or the FMU ended the simulation. */
  settled: boolean;
  steps: number;
}

/** A run from one time to another, from a serialized state. */
export interface AdvanceRequest {
  interface?: InterfaceType;
  /** What an earlier run gave; left out, the run begins with initialization. */
  state?: Uint8Array;
  /** Parameters; from a state on only tunable ones. */
  startValues?: Readonly<Record<string, number>>;
  /** Inputs, held for the whole run. */
  inputs?: Readonly<Record<string, number>>;
  outputs: readonly string[];
  fromS: number;
  toS: number;
  /** Communication step, seconds; default: one step. */
  stepSizeS?: number;
  /** Of the solver under model exchange; default 1e-6. */
  relativeTolerance?: number;
}

export interface AdvanceResult {
  /** In the order of the request's outputs. */
  values: Float64Array;
  /** The FMU's state at the end, serialized. */
  state: Uint8Array;
  timeS: number;
}

/** A run over a time from given continuous states. */
export interface PropagateRequest {
  interface?: InterfaceType;
  /** Parameters of every kind. */
  startValues: Readonly<Record<string, number>>;
  /** Continuous states at the start, in the FMU's order; left out, what initialization makes. */
  states?: Float64Array;
  /** Inputs over the time. */
  inputs?: InputTable;
  outputs: readonly string[];
  fromS: number;
  /** The end; the start's time reads the outputs there. */
  toS: number;
  /** Longest communication step, seconds; default: one step. */
  stepSizeS?: number;
  /** Of the solver under model exchange; default 1e-6. */
  relativeTolerance?: number;
  /** That the FMU is set up with; default: the default experiment's. */
  tolerance?: number;
  /**
   * What the FMU remembered at the start, modes included, from an earlier run; parameters and states
   * are written into it. Left out, the run begins with an initialization.
   */
  memory?: Uint8Array;
  /** Give what the FMU remembers at the end. */
  keepMemory?: boolean;
}

export interface PropagateResult {
  /** At the end, in the order of the request's outputs. */
  values: Float64Array;
  /** Continuous states at the end, in the FMU's order. */
  states: Float64Array;
  /** The FMU's serialized state at the end, where it was asked for. */
  memory?: Uint8Array;
}

/** One run along given times, outputs read at each. */
export interface TrajectoryRequest {
  interface?: InterfaceType;
  /** Parameters of every kind. */
  startValues: Readonly<Record<string, number>>;
  /** Continuous states at the start, in the FMU's order; left out, what initialization makes. */
  states?: Float64Array;
  /** Inputs over the time. */
  inputs?: InputTable;
  outputs: readonly string[];
  /** When outputs are read, seconds, rising. */
  timesS: Float64Array;
  /** Where the run begins; default: the first time. */
  fromS?: number;
  /** Longest communication step, seconds; default: from time to time. */
  stepSizeS?: number;
  /** Of the solver under model exchange; default 1e-6. */
  relativeTolerance?: number;
  /** That the FMU is set up with; default: the default experiment's. */
  tolerance?: number;
  /** Give the continuous states at each time, too. */
  keepStates?: boolean;
}

export interface TrajectoryResult {
  /** Times × outputs, row-major. */
  values: Float64Array;
  /** Times × states, row-major, where they were asked for. */
  states?: Float64Array;
}

/** Partial derivatives at the initialized start. */
export interface JacobianRequest {
  interface?: InterfaceType;
  startValues?: Readonly<Record<string, number>>;
  inputs?: Readonly<Record<string, number>>;
  unknowns: readonly string[];
  knowns: readonly string[];
  /** Default: the FMU's own derivatives where it offers them. */
  method?: 'finite-differences';
}
