/** The numeric and other types a variable can have; FMI 2's Real and Integer are Float64 and Int32. */
export const VARIABLE_TYPES = [
  'Float32',
  'Float64',
  'Int8',
  'UInt8',
  'Int16',
  'UInt16',
  'Int32',
  'UInt32',
  'Int64',
  'UInt64',
  'Boolean',
  'String',
  'Binary',
  'Enumeration',
  'Clock',
] as const;
export type VariableType = (typeof VARIABLE_TYPES)[number];

export const CAUSALITIES = [
  'parameter',
  'structuralParameter',
  'calculatedParameter',
  'input',
  'output',
  'local',
  'independent',
  'dependent',
] as const;
export type Causality = (typeof CAUSALITIES)[number];

export const VARIABILITIES = ['constant', 'fixed', 'tunable', 'discrete', 'continuous'] as const;
export type Variability = (typeof VARIABILITIES)[number];

export const INITIALS = ['exact', 'approx', 'calculated'] as const;
export type Initial = (typeof INITIALS)[number];

/** One element of a variable's value; 64-bit integers are bigint, Binary is bytes. */
export type ScalarValue = number | bigint | boolean | string | Uint8Array;

/** One dimension of an array: fixed, or the value of a structural parameter or constant. */
export type Dimension = { start: number } | { valueReference: number };

/** Another name, and possibly display unit, of the same variable. */
export interface Alias {
  name: string;
  description?: string;
  displayUnit?: string;
}

/** When a clock ticks. */
export interface ClockInfo {
  intervalVariability: 'constant' | 'fixed' | 'tunable' | 'changing' | 'countdown' | 'triggered';
  canBeDeactivated: boolean;
  intervalDecimal?: number;
  shiftDecimal?: number;
  intervalCounter?: bigint;
  shiftCounter?: bigint;
  resolution?: bigint;
  supportsFraction: boolean;
}

/** A variable of the model, in FMI 2 and FMI 3 alike. */
export interface ModelVariable {
  name: string;
  valueReference: number;
  type: VariableType;
  causality: Causality;
  variability: Variability;
  /** As given, or the standard's default for this causality and variability. */
  initial?: Initial;
  description?: string;
  /** Name of its type definition. */
  declaredType?: string;
  quantity?: string;
  unit?: string;
  displayUnit?: string;
  relativeQuantity: boolean;
  unbounded: boolean;
  min?: number | bigint;
  max?: number | bigint;
  /** Typical magnitude; the standard's default is 1. */
  nominal?: number;
  /** The start value's elements; one for a scalar. */
  start?: readonly ScalarValue[];
  /** FMI 1: an alias whose value is that of its reference with the other sign. */
  negated?: true;
  /** Empty for a scalar. */
  dimensions: readonly Dimension[];
  /** Name of the variable that this one is the derivative of. */
  derivative?: string;
  reinit: boolean;
  /** FMI 3: name of the variable whose previous value this one holds. */
  previous?: string;
  /** FMI 3: value references of the clocks it belongs to. */
  clocks: readonly number[];
  clock?: ClockInfo;
  mimeType?: string;
  maxSize?: number;
  canHandleMultipleSetPerTimeInstant: boolean;
  intermediateUpdate: boolean;
  aliases: readonly Alias[];
  /** Line in modelDescription.xml. */
  line: number;
}

/** Exponents of the SI base units with factor and offset: `si = factor · value + offset`. */
export interface BaseUnit {
  exponents: Readonly<Record<string, number>>;
  factor: number;
  offset: number;
}

/** A unit for display: `display = factor · value + offset`, or `factor / value` when inverse. */
export interface DisplayUnit {
  name: string;
  factor: number;
  offset: number;
  inverse: boolean;
}

export interface Unit {
  name: string;
  baseUnit?: BaseUnit;
  displayUnits: readonly DisplayUnit[];
  line: number;
}

export interface EnumerationItem {
  name: string;
  value: number | bigint;
  description?: string;
}

/** A named type: what variables that declare it inherit. */
export interface TypeDefinition {
  name: string;
  type: VariableType;
  description?: string;
  quantity?: string;
  unit?: string;
  displayUnit?: string;
  relativeQuantity: boolean;
  unbounded: boolean;
  min?: number | bigint;
  max?: number | bigint;
  nominal?: number;
  mimeType?: string;
  maxSize?: number;
  clock?: ClockInfo;
  items: readonly EnumerationItem[];
  line: number;
}

/** Experiment that the FMU was made for; what a simulation falls back on. */
export interface DefaultExperiment {
  startTime?: number;
  stopTime?: number;
  tolerance?: number;
  stepSize?: number;
}

/** What all interface types have in common. */
export interface InterfaceInfo {
  modelIdentifier: string;
  needsExecutionTool: boolean;
  canBeInstantiatedOnlyOncePerProcess: boolean;
  canGetAndSetFmuState: boolean;
  canSerializeFmuState: boolean;
  providesDirectionalDerivatives: boolean;
  providesAdjointDerivatives: boolean;
  /** FMI 2: the FMU leaves memory to the callbacks' allocator or not. */
  canNotUseMemoryManagementFunctions: boolean;
  /** FMI 2: names of the C files in `sources/`. */
  sourceFiles: readonly string[];
  line: number;
}

export interface ModelExchangeInfo extends InterfaceInfo {
  /** Whether completedIntegratorStep must be called after each step. */
  needsCompletedIntegratorStep: boolean;
  providesEvaluateDiscreteStates: boolean;
}

export interface CoSimulationInfo extends InterfaceInfo {
  canHandleVariableCommunicationStepSize: boolean;
  fixedInternalStepSize?: number;
  recommendedIntermediateInputSmoothness?: number;
  maxOutputDerivativeOrder: number;
  canInterpolateInputs: boolean;
  canRunAsynchronuously: boolean;
  providesIntermediateUpdate: boolean;
  mightReturnEarlyFromDoStep: boolean;
  canReturnEarlyAfterIntermediateUpdate: boolean;
  hasEventMode: boolean;
  providesEvaluateDiscreteStates: boolean;
}

export type ScheduledExecutionInfo = InterfaceInfo;

/** A row of the model's structure: what an unknown depends on. */
export interface Unknown {
  /** Name of the variable. */
  name: string;
  valueReference: number;
  /** Names of what it depends on; left out: on everything. */
  dependencies?: readonly string[];
  dependenciesKind?: readonly string[];
  line: number;
}

export interface ModelStructure {
  outputs: readonly Unknown[];
  /** Derivatives in the order of the continuous states. */
  continuousStateDerivatives: readonly Unknown[];
  clockedStates: readonly Unknown[];
  initialUnknowns: readonly Unknown[];
  eventIndicators: readonly Unknown[];
}

export interface LogCategory {
  name: string;
  description?: string;
}

/** What a modelDescription.xml says, typed; FMI 2 and FMI 3 in one shape. */
export interface ModelDescription {
  /** As written, e.g. `2.0` or `3.0.1`. */
  fmiVersion: string;
  fmiMajorVersion: 1 | 2 | 3;
  modelName: string;
  /** FMI 2's guid, FMI 3's instantiationToken. */
  instantiationToken: string;
  description?: string;
  author?: string;
  version?: string;
  copyright?: string;
  license?: string;
  generationTool?: string;
  generationDateAndTime?: string;
  variableNamingConvention: string;
  /** FMI 1: as written; later versions list their derivatives. */
  numberOfContinuousStates?: number;
  /** FMI 1 and 2: as written; FMI 3: the number of declared event indicators (arrays counted by their start size). */
  numberOfEventIndicators: number;
  modelExchange?: ModelExchangeInfo;
  coSimulation?: CoSimulationInfo;
  scheduledExecution?: ScheduledExecutionInfo;
  unitDefinitions: readonly Unit[];
  typeDefinitions: readonly TypeDefinition[];
  logCategories: readonly LogCategory[];
  defaultExperiment: DefaultExperiment;
  variables: readonly ModelVariable[];
  modelStructure: ModelStructure;
}

/** A variable by its name or by an alias of it. */
export function findVariable(md: ModelDescription, name: string): ModelVariable | undefined {
  return indexOf(md).get(name);
}

const indices = new WeakMap<ModelDescription, Map<string, ModelVariable>>();

function indexOf(md: ModelDescription): Map<string, ModelVariable> {
  let index = indices.get(md);
  if (index === undefined) {
    index = new Map();
    for (const variable of md.variables) {
      for (const alias of variable.aliases) index.set(alias.name, variable);
    }
    for (const variable of md.variables) index.set(variable.name, variable);
    indices.set(md, index);
  }
  return index;
}

/** The type definition that a variable declares, if any. */
export function declaredTypeOf(
  md: ModelDescription,
  variable: ModelVariable,
): TypeDefinition | undefined {
  return variable.declaredType === undefined
    ? undefined
    : md.typeDefinitions.find((t) => t.name === variable.declaredType);
}

/** The standard's default for `initial` (FMI 2.0.4 and 3.0.2, section 2.2.7 and 2.4.7). */
export function defaultInitial(
  causality: Causality,
  variability: Variability,
): Initial | undefined {
  if (causality === 'input' || causality === 'independent') return undefined;
  if (causality === 'parameter' || causality === 'structuralParameter') return 'exact';
  if (variability === 'constant') return 'exact';
  return 'calculated';
}
