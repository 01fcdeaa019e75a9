import {
  CAUSALITIES,
  type CoSimulationInfo,
  defaultInitial,
  INITIALS,
  type ModelDescription,
  type ModelExchangeInfo,
  type ModelStructure,
  type ModelVariable,
  type TypeDefinition,
  type Unknown,
  VARIABILITIES,
} from './model-description.js';
import {
  childOf,
  childrenOf,
  defined,
  EMPTY_STRUCTURE,
  parseDefaultExperiment,
  parseInterface,
  parseLogCategories,
  parseScalarType,
  parseScalarVariable,
  parseStart,
  parseUnits,
  SCALAR_TYPES,
  unknownOf,
} from './parse-common.js';
import type { XmlElement } from './xml.js';
import { type AttributeReader, quote } from './xml-attributes.js';

function parseTypes(reader: AttributeReader, root: XmlElement): TypeDefinition[] {
  return childrenOf(childOf(root, 'TypeDefinitions'), 'SimpleType').flatMap((element) => {
    const inner = element.children.find((child) => child.name in SCALAR_TYPES);
    const type = inner && SCALAR_TYPES[inner.name];
    if (inner === undefined || type === undefined) {
      reader.report(
        element,
        '<SimpleType> has none of Real, Integer, Boolean, String, Enumeration.',
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
        unbounded: reader.boolean(inner, 'unbounded'),
        items: childrenOf(inner, 'Item').map((item) => ({
          name: reader.required(item, 'name'),
          value: reader.integer(item, 'value', -(2 ** 31), 2 ** 31 - 1) ?? 0,
          ...defined({ description: reader.text(item, 'description') }),
        })),
        line: element.line,
      } as TypeDefinition,
    ];
  });
}

function parseVariable(
  reader: AttributeReader,
  element: XmlElement,
  types: ReadonlyMap<string, TypeDefinition>,
): (ModelVariable & { derivativeIndex?: number }) | undefined {
  const inner = element.children.find((child) => child.name in SCALAR_TYPES);
  const type = inner && SCALAR_TYPES[inner.name];
  if (inner === undefined || type === undefined) {
    reader.report(
      element,
      `variable ${quote(reader.text(element, 'name') ?? '')} has none of Real, Integer, Boolean, String, Enumeration.`,
    );
    return undefined;
  }
  const causality = reader.choice(element, 'causality', CAUSALITIES, 'local');
  const variability = reader.choice(
    element,
    'variability',
    VARIABILITIES,
    type === 'Float64' ? 'continuous' : 'discrete',
  );
  // The schema's default is continuous, which only a Real can be (FMI 2.0.4, 2.2.7).
  if (
    type !== 'Float64' &&
    !element.attributes.has('variability') &&
    causality !== 'parameter' &&
    causality !== 'calculatedParameter'
  ) {
    reader.tolerate(
      element,
      `variable ${quote(reader.text(element, 'name') ?? '')} of type ${inner.name} has no variability; the default, continuous, is for Real only. It is taken as discrete.`,
    );
  }
  const declared = types.get(reader.text(inner, 'declaredType') ?? '');
  const name = reader.required(element, 'name');
  reader.required(element, 'valueReference');
  const given = element.attributes.has('initial')
    ? reader.choice(element, 'initial', INITIALS, 'calculated')
    : defaultInitial(causality, variability);
  return {
    ...(defined({
      initial: given,
      description: reader.text(element, 'description'),
      declaredType: reader.text(inner, 'declaredType'),
      start: parseStart(reader, inner, type),
      derivativeIndex: reader.integer(inner, 'derivative', 1),
    }) as Partial<ModelVariable>),
    ...parseScalarVariable(reader, inner, type, declared),
    name,
    valueReference: reader.integer(element, 'valueReference') ?? 0,
    type,
    causality,
    variability,
    relativeQuantity: reader.boolean(inner, 'relativeQuantity', declared?.relativeQuantity),
    unbounded: reader.boolean(inner, 'unbounded', declared?.unbounded),
    dimensions: [],
    reinit: reader.boolean(inner, 'reinit'),
    clocks: [],
    canHandleMultipleSetPerTimeInstant: reader.boolean(
      element,
      'canHandleMultipleSetPerTimeInstant',
      true,
    ),
    intermediateUpdate: false,
    aliases: [],
    line: element.line,
  };
}

function parseUnknowns(
  reader: AttributeReader,
  element: XmlElement | undefined,
  variables: readonly (ModelVariable | undefined)[],
): Unknown[] {
  return childrenOf(element, 'Unknown').flatMap((unknown) => {
    reader.required(unknown, 'index');
    const find = (index: number) => {
      const variable = variables[index - 1];
      if (variable === undefined) {
        reader.report(
          unknown,
          `index ${index} in <${element?.name}>: there are ${variables.length} variables.`,
        );
      }
      return variable;
    };
    const index = reader.integer(unknown, 'index', 1);
    return unknownOf(reader, unknown, index === undefined ? undefined : find(index), find);
  });
}

function parseModelExchange(reader: AttributeReader, element: XmlElement): ModelExchangeInfo {
  return {
    ...parseInterface(reader, element, 'FMUstate'),
    needsCompletedIntegratorStep: !reader.boolean(element, 'completedIntegratorStepNotNeeded'),
    providesEvaluateDiscreteStates: false,
  };
}

function parseCoSimulation(reader: AttributeReader, element: XmlElement): CoSimulationInfo {
  return {
    ...parseInterface(reader, element, 'FMUstate'),
    canHandleVariableCommunicationStepSize: reader.boolean(
      element,
      'canHandleVariableCommunicationStepSize',
    ),
    maxOutputDerivativeOrder: reader.integer(element, 'maxOutputDerivativeOrder') ?? 0,
    canInterpolateInputs: reader.boolean(element, 'canInterpolateInputs'),
    canRunAsynchronuously: reader.boolean(element, 'canRunAsynchronuously'),
    providesIntermediateUpdate: false,
    mightReturnEarlyFromDoStep: false,
    canReturnEarlyAfterIntermediateUpdate: false,
    hasEventMode: false,
    providesEvaluateDiscreteStates: false,
  };
}

/** Reads the root element of an FMI 2.0 description; faults go to the reader. */
export function parseFmi2(reader: AttributeReader, root: XmlElement): ModelDescription {
  const typeDefinitions = parseTypes(reader, root);
  const types = new Map(typeDefinitions.map((t) => [t.name, t]));
  const parsed = childrenOf(childOf(root, 'ModelVariables'), 'ScalarVariable').map((element) =>
    parseVariable(reader, element, types),
  );
  const variables: ModelVariable[] = [];
  for (const variable of parsed) {
    if (variable === undefined) continue;
    const { derivativeIndex, ...rest } = variable;
    if (derivativeIndex === undefined) {
      variables.push(rest);
      continue;
    }
    const state = parsed[derivativeIndex - 1];
    if (state === undefined) {
      reader.report(
        variable,
        `derivative=${derivativeIndex} of ${quote(variable.name)}: there is no such variable.`,
      );
      variables.push(rest);
    } else variables.push({ ...rest, derivative: state.name });
  }
  const structureElement = childOf(root, 'ModelStructure');
  if (structureElement === undefined) reader.report(root, '<ModelStructure> is missing.');
  const structure: ModelStructure = {
    ...EMPTY_STRUCTURE,
    outputs: parseUnknowns(reader, childOf(structureElement, 'Outputs'), parsed),
    continuousStateDerivatives: parseUnknowns(
      reader,
      childOf(structureElement, 'Derivatives'),
      parsed,
    ),
    initialUnknowns: parseUnknowns(reader, childOf(structureElement, 'InitialUnknowns'), parsed),
  };
  for (const name of ['ModelExchange', 'CoSimulation']) {
    const second = childrenOf(root, name)[1];
    if (second !== undefined) reader.tolerate(second, `there is a second <${name}>.`);
  }
  const me = childOf(root, 'ModelExchange');
  const cs = childOf(root, 'CoSimulation');
  return {
    fmiVersion: reader.required(root, 'fmiVersion'),
    fmiMajorVersion: 2,
    modelName: reader.required(root, 'modelName'),
    instantiationToken: reader.required(root, 'guid'),
    ...defined({
      description: reader.text(root, 'description'),
      author: reader.text(root, 'author'),
      version: reader.text(root, 'version'),
      copyright: reader.text(root, 'copyright'),
      license: reader.text(root, 'license'),
      generationTool: reader.text(root, 'generationTool'),
      generationDateAndTime: reader.text(root, 'generationDateAndTime'),
      modelExchange: me && parseModelExchange(reader, me),
      coSimulation: cs && parseCoSimulation(reader, cs),
    }),
    variableNamingConvention: reader.text(root, 'variableNamingConvention') ?? 'flat',
    numberOfEventIndicators: reader.integer(root, 'numberOfEventIndicators') ?? 0,
    unitDefinitions: parseUnits(reader, root),
    typeDefinitions,
    logCategories: parseLogCategories(reader, root),
    defaultExperiment: parseDefaultExperiment(reader, root),
    variables,
    modelStructure: structure,
  } as ModelDescription;
}
