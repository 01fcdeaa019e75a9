/** The FMU importer: reads, checks and runs FMUs of FMI 1.0, 2.0 and 3.0 in processes of their own. */

export type {
  CompletedStepInfo,
  DiscreteStatesInfo,
  DoStepResult,
  Float64Block,
  FmiLogMessage,
  FmuInstance,
  InstanceOptions,
  InterfaceType,
} from './binding/instance.js';
export { applyStartValues, defaultInterface, instantiate } from './binding/instantiate.js';
export { FmiCallError } from './binding/status.js';
export {
  type ArchiveLimits,
  DEFAULT_ARCHIVE_LIMITS,
  defaultCacheDir,
} from './description/archive.js';
export { type Fmu, type OpenFmuOptions, openFmu, readFmu } from './description/fmu.js';
export * from './description/model-description.js';
export { readModelDescription } from './description/parse.js';
export { elementNames, findScalar, type Scalar, scalarOf } from './description/scalars.js';
export { parseStartValue, type StartValue } from './description/start-values.js';
export {
  convert,
  convertBack,
  type UnitConversion,
  unitConversion,
} from './description/unit-conversion.js';
export { type ParsedUnit, parseUnit } from './description/unit-expressions.js';
export { toDisplayUnit, toVariableUnit } from './description/units.js';
export { type FmuProblem, validateFmu } from './description/validate.js';
export { DEFAULT_XML_LIMITS, type XmlLimits } from './description/xml.js';
export type { DescriptionProblem } from './description/xml-attributes.js';
export {
  type Fallbacks,
  fallbackTexts,
  type KeptProof,
  type Proof,
  proofPath,
  readProof,
} from './lanes/kept-proof.js';
export {
  createFmuPool,
  FmuPool,
  type FmuPoolOptions,
  type RunOptions,
  simulate,
} from './lanes/pool.js';
export { type ProofOptions, proveFmu } from './lanes/prove.js';
export { currentLevel, KEEPS_OUT, type SandboxLevel, trustFmus } from './lanes/sandbox.js';
export type { Interpolation } from './running/interpolation.js';
export { inputsBetween } from './running/propagate.js';
export { formatResultCsv, type ResultColumn } from './running/recorder.js';
export type {
  AdvanceRequest,
  AdvanceResult,
  JacobianRequest,
  PropagateRequest,
  PropagateResult,
  SettleRequest,
  SettleResult,
  TrajectoryRequest,
  TrajectoryResult,
} from './running/requests.js';
export { resultColumn, type SimulateRequest, type SimulationResult } from './running/simulation.js';
export { inputsAlong } from './running/trajectory.js';
export {
  type ContinuousState,
  type StateAccess,
  settableStates,
  stateAccess,
} from './solving/continuous-states.js';
export { type Jacobian, jacobian } from './solving/derivatives.js';
export { SOLVERS, type SolverName } from './solving/ode-solver.js';
export { type InputTable, parseInputCsv } from './solving/signals.js';
