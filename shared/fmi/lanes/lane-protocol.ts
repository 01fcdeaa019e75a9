import type { FmiLogMessage } from '../binding/instance.js';
import type { Fmu } from '../description/fmu.js';
import type {
  AdvanceRequest,
  AdvanceResult,
  JacobianRequest,
  PropagateRequest,
  PropagateResult,
  SettleRequest,
  SettleResult,
  TrajectoryRequest,
  TrajectoryResult,
} from '../running/requests.js';
import type { SimulateRequest, SimulationResult } from '../running/simulation.js';
import type { Jacobian } from '../solving/derivatives.js';
import type { FmuHabits } from '../solving/habits.js';

/** What a lane can be asked to do, by name. */
export interface LaneJobs {
  settle: { request: SettleRequest; result: SettleResult };
  simulate: { request: SimulateRequest; result: SimulationResult };
  advance: { request: AdvanceRequest; result: AdvanceResult };
  propagate: { request: PropagateRequest; result: PropagateResult };
  trajectory: { request: TrajectoryRequest; result: TrajectoryResult };
  jacobian: { request: JacobianRequest; result: Jacobian };
}

/** One run, as it is asked of a lane. */
export type LaneJob = {
  [K in keyof LaneJobs]: { type: K; id: number; request: LaneJobs[K]['request'] };
}[keyof LaneJobs];

/** What the pool sends to a lane. */
export type ToLane =
  | {
      type: 'open';
      id: number;
      fmu: Fmu;
      fmiLogging: boolean;
      loggingOn: boolean;
      habits: FmuHabits;
    }
  /** Quick runs, one after the other: answered by the results up to the first that fails. */
  | { type: 'many'; id: number; jobs: readonly LaneJob[] }
  | LaneJob;

/** What a lane says first of all, before any foreign code is loaded. */
export interface LaneHello {
  type: 'hello';
}

/** What a lane answers; `told` is the number of lines it has written on its telling channel. */
export type FromLane =
  | { type: 'done'; id: number; result: unknown; rssBytes: number; told: number }
  | { type: 'failed'; id: number; error: LaneError; fatal: boolean; told: number };

/**
 * File descriptor on which a lane tells, as JSON lines, what its FMU logs and which calls are made.
 * Written synchronously: what was said before a crash arrives, and a flood waits for its reader.
 */
export const TELLING_FD = 4;

/** One line on the telling channel. */
export type Told = { log: FmiLogMessage } | { call: string } | { progressS: number };

/** An error as it crosses the process border. */
export interface LaneError {
  code: string;
  message: string;
  function?: string;
  status?: string;
}
