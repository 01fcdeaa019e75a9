import type { Fmu } from './fmu.js';
import type { FmiLogMessage, InterfaceType } from './instance.js';

/** A run until the outputs rest. */
export interface SettleRequest {
  /** Values of parameters and start values by variable name, in the FMU's units. */
  startValues: Readonly<Record<string, number>>;
  /** Values of inputs, held for the whole run. */
  inputs: Readonly<Record<string, number>>;
  outputs: readonly string[];
  interface?: InterfaceType;
  /** First, and where the FMU can't vary it, every step, seconds. */
  stepSizeS: number;
  /** Longest simulated time, seconds. */
  maxTimeS: number;
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
  /** In the order of the request's outputs. */
  values: Float64Array;
  /** Simulated time, seconds. */
  timeS: number;
  /** `false`: `maxTimeS` came first, or the FMU ended the simulation. */
  settled: boolean;
  steps: number;
}

/** What the pool sends to a lane. */
export type ToLane =
  | { type: 'open'; fmu: Fmu; fmiLogging: boolean; loggingOn: boolean }
  | { type: 'settle'; id: number; request: SettleRequest };

/** What a lane answers. */
export type FromLane =
  | { type: 'ready' }
  | { type: 'log'; message: FmiLogMessage }
  | { type: 'call'; text: string }
  | { type: 'done'; id: number; result: unknown; rssBytes: number }
  | { type: 'failed'; id: number | undefined; error: LaneError; fatal: boolean };

/** An error as it crosses the process border. */
export interface LaneError {
  code: string;
  message: string;
  function?: string;
  status?: string;
}
