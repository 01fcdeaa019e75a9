import type {
  Causality,
  CoSimulationInfo,
  Initial,
  ModelDescription,
  ModelExchangeInfo,
  ModelVariable,
  TypeDefinition,
  Unit,
  Variability,
} from './model-description.js';
import {
  childOf,
  childrenOf,
  defined,
  EMPTY_STRUCTURE,
  parseDefaultExperiment,
  parseScalarType,
  parseScalarVariable,
  parseStart,
  SCALAR_TYPES,
} from './parse-common.js';
import type { XmlElement } from './xml.js';
import { type AttributeReader, quote } from './xml-attributes.js';

const CAUSALITIES = ['input', 'output', 'internal', 'none'] as const;
const VARIABILITIES = ['constant', 'parameter', 'discrete', 'continuous'] as const;
const ALIASES = ['noAlias', 'alias', 'negatedAlias'] as const;

function parseUnits(reader: AttributeReader, root: XmlElement): Unit[] {
  return childrenOf(childOf(root, 'UnitDefinitions'), 'BaseUnit').map((element) => ({
    name: reader.required(element, 'unit'),
    displayUnits: childrenOf(element, 'DisplayUnitDefinition').map((display) => ({
      name: reader.required(display, 'displayUnit'),
      factor: reader.number(display, 'gain') ?? 1,
      offset: reader.number(display, 'offset') ?? 0,
      inverse: false,
    })),
    line: element.line,
  }));
}

function parseTypes(reader: AttributeReader, root: XmlElement): TypeDefinition[] {
  return childrenOf(childOf(root, 'TypeDefinitions'), 'Type').flatMap((element) => {
    const inner = element.children.find((child) => child.name.replace(/Type$/, '') in SCALAR_TYPES);
    const type = inner && SCALAR_TYPES[inner.name.replace(/Type$/, '')];
    if (inner === undefined || type === undefined) {
      reader.report(
        element,
        '<Type> has none of RealType, IntegerType, BooleanType, StringType, EnumerationType.',
      );
      return [];
    }
    return [
      {
        ...defined({ description: reader.text(element, 'description') }),
        ...parseScalarType(reader, inner, type),
        name: reader.required(element, 'name'),
        type,
        relativeQuantity: reader.boolean(inner, 'relativeQuantity'),
        unbounded: false,
        // Items are numbered from 1, in their order.
        items: childrenOf(inner, 'Item').map((item, i) => ({
          name: reader.required(item, 'name'),
          value: i + 1,
          ...defined({ description: reader.text(item, 'description') }),
        })),
        line: element.line,
      } as TypeDefinition,
    ];
  });
}

/** What later versions call the role of a variable, and when it has which value. */
function roleOf(
  causality: (typeof CAUSALITIES)[number],
  variability: (typeof VARIABILITIES)[number],
  start: 'fixed' | 'guess' | 'none',
): { causality: Causality; variability: Variability; initial?: Initial } {
  const initial: Initial =
    start === 'fixed' ? 'exact' : start === 'guess' ? 'approx' : 'calculated';
  if (causality === 'input') {
    return { causality, variability: variability === 'continuous' ? 'continuous' : 'discrete' };
  }
  if (variability === 'parameter') {
    return start === 'none'
      ? { causality: 'calculatedParameter', variability: 'fixed', initial }
      : { causality: 'parameter', variability: 'fixed', initial: 'exact' };
  }
  return {
    causality: causality === 'output' ? 'output' : 'local',
    variability,
    initial: variability === 'constant' ? 'exact' : initial,
  };
}

function parseVariable(
  reader: AttributeReader,
  element: XmlElement,
  types: ReadonlyMap<string, TypeDefinition>,
): ModelVariable | undefined {
  const name = reader.required(element, 'name');
  const inner = element.children.find((child) => child.name in SCALAR_TYPES);
  const type = inner && SCALAR_TYPES[inner.name];
  if (inner === undefined || type === undefined) {
    reader.report(
      element,
      `variable ${quote(name)} has none of Real, Integer, Boolean, String, Enumeration.`,
    );
    return undefined;
  }
  const given = reader.choice(element, 'variability', VARIABILITIES, 'continuous');
  // The default is continuous, which only a Real can be.
  const variability = type !== 'Float64' && given === 'continuous' ? 'discrete' : given;
  const start = parseStart(reader, inner, type);
  const held = !inner.attributes.has('start')
    ? 'none'
    : reader.boolean(inner, 'fixed', true)
      ? 'fixed'
      : 'guess';
  const declared = types.get(reader.text(inner, 'declaredType') ?? '');
  reader.required(element, 'valueReference');
  return {
    ...(defined({
      description: reader.text(element, 'description'),
      declaredType: reader.text(inner, 'declaredType'),
      start,
      negated:
        reader.choice(element, 'alias', ALIASES, 'noAlias') === 'negatedAlias' ? true : undefined,
    }) as Partial<ModelVariable>),
    ...parseScalarVariable(reader, inner, type, declared),
    name,
    valueReference: reader.integer(element, 'valueReference') ?? 0,
    type,
    ...roleOf(reader.choice(element, 'causality', CAUSALITIES, 'internal'), variability, held),
    relativeQuantity: reader.boolean(inner, 'relativeQuantity', declared?.relativeQuantity),
    unbounded: false,
    dimensions: [],
    reinit: false,
    clocks: [],
    canHandleMultipleSetPerTimeInstant: true,
    intermediateUpdate: false,
    aliases: [],
    line: element.line,
  };
}

/** Reads the root element of an FMI 1.0 description; faults go to the reader. */
export function parseFmi1(reader: AttributeReader, root: XmlElement): ModelDescription {
  const typeDefinitions = parseTypes(reader, root);
  const types = new Map(typeDefinitions.map((t) => [t.name, t]));
  const implementation = childOf(root, 'Implementation');
  const standAlone = childOf(implementation, 'CoSimulation_StandAlone');
  const tool = childOf(implementation, 'CoSimulation_Tool');
  const capabilities = childOf(standAlone ?? tool, 'Capabilities');
  const flag = (name: string) => capabilities !== undefined && reader.boolean(capabilities, name);
  const common = {
    modelIdentifier: reader.required(root, 'modelIdentifier'),
    needsExecutionTool: tool !== undefined,
    canBeInstantiatedOnlyOncePerProcess: flag('canBeInstantiatedOnlyOncePerProcess'),
    canGetAndSetFmuState: false,
    canSerializeFmuState: false,
    providesDirectionalDerivatives: false,
    providesAdjointDerivatives: false,
    canNotUseMemoryManagementFunctions: flag('canNotUseMemoryManagementFunctions'),
    sourceFiles: [],
    line: (implementation ?? root).line,
  };
  const modelExchange: ModelExchangeInfo = {
    ...common,
    needsCompletedIntegratorStep: true,
    providesEvaluateDiscreteStates: false,
  };
  const coSimulation: CoSimulationInfo = {
    ...common,
    canHandleVariableCommunicationStepSize: flag('canHandleVariableCommunicationStepSize'),
    maxOutputDerivativeOrder:
      (capabilities && reader.integer(capabilities, 'maxOutputDerivativeOrder')) ?? 0,
    canInterpolateInputs: flag('canInterpolateInputs'),
    canRunAsynchronuously: flag('canRunAsynchronuously'),
    providesIntermediateUpdate: false,
    mightReturnEarlyFromDoStep: false,
    canReturnEarlyAfterIntermediateUpdate: false,
    hasEventMode: false,
    providesEvaluateDiscreteStates: false,
  };
  return {
    fmiVersion: '1.0',
    fmiMajorVersion: 1,
    modelName: reader.required(root, 'modelName'),
    instantiationToken: reader.required(root, 'guid'),
    ...defined({
      description: reader.text(root, 'description'),
      author: reader.text(root, 'author'),
      version: reader.text(root, 'version'),
      generationTool: reader.text(root, 'generationTool'),
      generationDateAndTime: reader.text(root, 'generationDateAndTime'),
      modelExchange: implementation === undefined ? modelExchange : undefined,
      coSimulation: implementation === undefined ? undefined : coSimulation,
    }),
    variableNamingConvention: reader.text(root, 'variableNamingConvention') ?? 'flat',
    numberOfContinuousStates: reader.integer(root, 'numberOfContinuousStates') ?? 0,
    numberOfEventIndicators: reader.integer(root, 'numberOfEventIndicators') ?? 0,
    unitDefinitions: parseUnits(reader, root),
    typeDefinitions,
    logCategories: [],
    defaultExperiment: parseDefaultExperiment(reader, root),
    variables: childrenOf(childOf(root, 'ModelVariables'), 'ScalarVariable').flatMap(
      (element) => parseVariable(reader, element, types) ?? [],
    ),
    modelStructure: EMPTY_STRUCTURE,
  } as ModelDescription;
}
