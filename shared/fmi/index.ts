/** The FMU importer: reads, checks and runs FMUs of FMI 2.0 and 3.0 in processes of their own. */
export { type ArchiveLimits, DEFAULT_ARCHIVE_LIMITS, defaultCacheDir } from './archive.js';
export { fmiCommands } from './commands.js';
export { type StateAccess, settableStates, stateAccess } from './continuous-states.js';
export { type Jacobian, jacobian } from './derivatives.js';
export { type Fmu, type OpenFmuOptions, openFmu, readFmu } from './fmu.js';
export type {
  CompletedStepInfo,
  DiscreteStatesInfo,
  DoStepResult,
  Float64Block,
  FmiLogMessage,
  FmuInstance,
  InstanceOptions,
  InterfaceType,
} from './instance.js';
export { applyStartValues, defaultInterface, instantiate } from './instantiate.js';
export type {
  AdvanceRequest,
  AdvanceResult,
  JacobianRequest,
  PropagateRequest,
  PropagateResult,
  SettleRequest,
  SettleResult,
} from './lane-protocol.js';
export * from './model-description.js';
export { SOLVERS, type SolverName } from './ode-solver.js';
export { readModelDescription } from './parse.js';
export { createFmuPool, FmuPool, type FmuPoolOptions, type RunOptions, simulate } from './pool.js';
export { inputsBetween } from './propagate.js';
export { formatResultCsv, type ResultColumn } from './recorder.js';
export { type InputTable, parseInputCsv } from './signals.js';
export { resultColumn, type SimulateRequest, type SimulationResult } from './simulation.js';
export { parseStartValue, type StartValue } from './start-values.js';
export { FmiCallError } from './status.js';
export { toDisplayUnit, toVariableUnit } from './units.js';
export { type FmuProblem, validateFmu } from './validate.js';
export { DEFAULT_XML_LIMITS, type XmlLimits } from './xml.js';
export type { DescriptionProblem } from './xml-attributes.js';
