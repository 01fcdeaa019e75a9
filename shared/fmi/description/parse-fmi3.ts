import {
  CAUSALITIES,
  type ClockInfo,
  type CoSimulationInfo,
  type Dimension,
  defaultInitial,
  INITIALS,
  type ModelDescription,
  type ModelExchangeInfo,
  type ModelVariable,
  type ScalarValue,
  type TypeDefinition,
  type Unknown,
  VARIABILITIES,
  VARIABLE_TYPES,
  type VariableType,
} from './model-description.js';
import {
  childOf,
  childrenOf,
  defined,
  parseDefaultExperiment,
  parseInterface,
  parseLogCategories,
  parseUnits,
  unknownOf,
} from './parse-common.js';
import type { XmlElement } from './xml.js';
import { type AttributeReader, parseScalar, quote, words } from './xml-attributes.js';

const TYPE_NAMES: ReadonlySet<string> = new Set(VARIABLE_TYPES);
const INTERVAL_VARIABILITIES = [
  'constant',
  'fixed',
  'tunable',
  'changing',
  'countdown',
  'triggered',
] as const;

function parseClock(reader: AttributeReader, element: XmlElement): ClockInfo {
  const big = (name: string) => {
    const value = reader.typed(element, name, 'UInt64');
    return typeof value === 'bigint' ? value : undefined;
  };
  return {
    intervalVariability: reader.choice(
      element,
      'intervalVariability',
      INTERVAL_VARIABILITIES,
      'triggered',
    ),
    canBeDeactivated: reader.boolean(element, 'canBeDeactivated'),
    supportsFraction: reader.boolean(element, 'supportsFraction'),
    ...(defined({
      intervalDecimal: reader.number(element, 'intervalDecimal'),
      shiftDecimal: reader.number(element, 'shiftDecimal'),
      intervalCounter: big('intervalCounter'),
      shiftCounter: big('shiftCounter'),
      resolution: big('resolution'),
    }) as Partial<ClockInfo>),
  };
}

function parseTypes(reader: AttributeReader, root: XmlElement): TypeDefinition[] {
  return (childOf(root, 'TypeDefinitions')?.children ?? []).flatMap((element) => {
    const type = element.name.replace(/Type$/, '') as VariableType;
    if (!element.name.endsWith('Type') || !TYPE_NAMES.has(type)) return [];
    return [
      {
        ...defined({
          description: reader.text(element, 'description'),
          quantity: reader.text(element, 'quantity'),
          unit: reader.text(element, 'unit'),
          displayUnit: reader.text(element, 'displayUnit'),
          min: reader.typed(element, 'min', type),
          max: reader.typed(element, 'max', type),
          nominal: reader.number(element, 'nominal'),
          mimeType: reader.text(element, 'mimeType'),
          maxSize: reader.integer(element, 'maxSize', 0, Number.MAX_SAFE_INTEGER),
          clock: type === 'Clock' ? parseClock(reader, element) : undefined,
        }),
        name: reader.required(element, 'name'),
        type,
        relativeQuantity: reader.boolean(element, 'relativeQuantity'),
        unbounded: reader.boolean(element, 'unbounded'),
        items: childrenOf(element, 'Item').map((item) => ({
          name: reader.required(item, 'name'),
          value: reader.typed(item, 'value', 'Enumeration') ?? 0,
          ...defined({ description: reader.text(item, 'description') }),
        })),
        line: element.line,
      } as TypeDefinition,
    ];
  });
}

/** Bytes from hexadecimal text, as Binary start values are written. */
function parseHex(text: string): Uint8Array | undefined {
  return /^([0-9a-fA-F]{2})*$/.test(text) ? new Uint8Array(Buffer.from(text, 'hex')) : undefined;
}

function parseStart(
  reader: AttributeReader,
  element: XmlElement,
  type: VariableType,
): ScalarValue[] | undefined {
  if (type === 'String' || type === 'Binary') {
    const texts = childrenOf(element, 'Start').map((start) => reader.required(start, 'value'));
    if (texts.length === 0) return undefined;
    if (type === 'String') return texts;
    return texts.map((text) => {
      const bytes = parseHex(text.trim());
      if (bytes === undefined) {
        reader.report(element, `start value ${quote(text)}: expected pairs of hexadecimal digits.`);
      }
      return bytes ?? new Uint8Array();
    });
  }
  const text = element.attributes.get('start');
  if (text === undefined) return undefined;
  const values: ScalarValue[] = [];
  for (const word of words(text)) {
    const value = parseScalar(word, type);
    if (value === undefined) {
      reader.report(element, `start=${quote(text)}: ${quote(word)} is no value of type ${type}.`);
      return undefined;
    }
    values.push(value);
  }
  return values;
}

function parseDimensions(reader: AttributeReader, element: XmlElement): Dimension[] {
  return childrenOf(element, 'Dimension').flatMap((dimension): Dimension[] => {
    const start = reader.integer(dimension, 'start', 0, Number.MAX_SAFE_INTEGER);
    const valueReference = reader.integer(dimension, 'valueReference');
    if ((start === undefined) === (valueReference === undefined)) {
      reader.report(dimension, '<Dimension> needs either start or valueReference.');
      return [];
    }
    return [start !== undefined ? { start } : { valueReference: valueReference as number }];
  });
}

function parseVariable(
  reader: AttributeReader,
  element: XmlElement,
  types: ReadonlyMap<string, TypeDefinition>,
): ModelVariable & { derivativeReference?: number; previousReference?: number } {
  const type = element.name as VariableType;
  const causality = reader.choice(element, 'causality', CAUSALITIES, 'local');
  const isParameter =
    causality === 'parameter' ||
    causality === 'structuralParameter' ||
    causality === 'calculatedParameter';
  const isFloat = type === 'Float64' || type === 'Float32';
  const variability = reader.choice(
    element,
    'variability',
    VARIABILITIES,
    isParameter ? 'fixed' : isFloat ? 'continuous' : 'discrete',
  );
  const declared = types.get(reader.text(element, 'declaredType') ?? '');
  reader.required(element, 'valueReference');
  return {
    ...(defined({
      initial: element.attributes.has('initial')
        ? reader.choice(element, 'initial', INITIALS, 'calculated')
        : type === 'Clock'
          ? undefined
          : defaultInitial(causality, variability),
      description: reader.text(element, 'description'),
      declaredType: reader.text(element, 'declaredType'),
      quantity: reader.text(element, 'quantity') ?? declared?.quantity,
      unit: reader.text(element, 'unit') ?? declared?.unit,
      displayUnit: reader.text(element, 'displayUnit') ?? declared?.displayUnit,
      min: reader.typed(element, 'min', type) ?? declared?.min,
      max: reader.typed(element, 'max', type) ?? declared?.max,
      nominal: reader.number(element, 'nominal') ?? declared?.nominal,
      start: parseStart(reader, element, type),
      mimeType: reader.text(element, 'mimeType') ?? declared?.mimeType,
      maxSize: reader.integer(element, 'maxSize', 0, Number.MAX_SAFE_INTEGER) ?? declared?.maxSize,
      clock: type === 'Clock' ? parseClock(reader, element) : undefined,
      derivativeReference: isFloat ? reader.integer(element, 'derivative') : undefined,
      previousReference: reader.integer(element, 'previous'),
    }) as Partial<ModelVariable>),
    name: reader.required(element, 'name'),
    valueReference: reader.integer(element, 'valueReference') ?? 0,
    type,
    causality,
    variability,
    relativeQuantity: reader.boolean(element, 'relativeQuantity', declared?.relativeQuantity),
    unbounded: reader.boolean(element, 'unbounded', declared?.unbounded),
    dimensions: parseDimensions(reader, element),
    reinit: reader.boolean(element, 'reinit'),
    clocks: reader.integers(element, 'clocks') ?? [],
    canHandleMultipleSetPerTimeInstant: reader.boolean(
      element,
      'canHandleMultipleSetPerTimeInstant',
      true,
    ),
    intermediateUpdate: reader.boolean(element, 'intermediateUpdate'),
    aliases: childrenOf(element, 'Alias').map((alias) => ({
      name: reader.required(alias, 'name'),
      ...defined({
        description: reader.text(alias, 'description'),
        displayUnit: reader.text(alias, 'displayUnit'),
      }),
    })),
    line: element.line,
  };
}

function parseUnknowns(
  reader: AttributeReader,
  structure: XmlElement | undefined,
  name: string,
  byReference: ReadonlyMap<number, ModelVariable>,
): Unknown[] {
  return childrenOf(structure, name).flatMap((element) => {
    reader.required(element, 'valueReference');
    const find = (reference: number) => {
      const variable = byReference.get(reference);
      if (variable === undefined) {
        reader.report(
          element,
          `valueReference ${reference} in <${name}>: there is no such variable.`,
        );
      }
      return variable;
    };
    const own = reader.integer(element, 'valueReference');
    return unknownOf(reader, element, own === undefined ? undefined : find(own), find);
  });
}

function parseModelExchange(reader: AttributeReader, element: XmlElement): ModelExchangeInfo {
  return {
    ...parseInterface(reader, element, 'FMUState'),
    needsCompletedIntegratorStep: reader.boolean(element, 'needsCompletedIntegratorStep'),
    providesEvaluateDiscreteStates: reader.boolean(element, 'providesEvaluateDiscreteStates'),
  };
}

function parseCoSimulation(reader: AttributeReader, element: XmlElement): CoSimulationInfo {
  return {
    ...parseInterface(reader, element, 'FMUState'),
    ...defined({
      fixedInternalStepSize: reader.number(element, 'fixedInternalStepSize'),
      recommendedIntermediateInputSmoothness: reader.integer(
        element,
        'recommendedIntermediateInputSmoothness',
        -(2 ** 31),
        2 ** 31 - 1,
      ),
    }),
    canHandleVariableCommunicationStepSize: reader.boolean(
      element,
      'canHandleVariableCommunicationStepSize',
    ),
    maxOutputDerivativeOrder: reader.integer(element, 'maxOutputDerivativeOrder') ?? 0,
    canInterpolateInputs: false,
    canRunAsynchronuously: false,
    providesIntermediateUpdate: reader.boolean(element, 'providesIntermediateUpdate'),
    mightReturnEarlyFromDoStep: reader.boolean(element, 'mightReturnEarlyFromDoStep'),
    canReturnEarlyAfterIntermediateUpdate: reader.boolean(
      element,
      'canReturnEarlyAfterIntermediateUpdate',
    ),
    hasEventMode: reader.boolean(element, 'hasEventMode'),
    providesEvaluateDiscreteStates: reader.boolean(element, 'providesEvaluateDiscreteStates'),
  };
}

/** Reads the root element of an FMI 3.0 description; faults go to the reader. */
export function parseFmi3(reader: AttributeReader, root: XmlElement): ModelDescription {
  const typeDefinitions = parseTypes(reader, root);
  const types = new Map(typeDefinitions.map((t) => [t.name, t]));
  const container = childOf(root, 'ModelVariables');
  if (container === undefined) reader.report(root, '<ModelVariables> is missing.');
  const parsed = (container?.children ?? []).flatMap((element) => {
    if (TYPE_NAMES.has(element.name)) return [parseVariable(reader, element, types)];
    reader.report(element, `<${quote(element.name)}> is no type of variable.`);
    return [];
  });
  const byReference = new Map<number, ModelVariable>(parsed.map((v) => [v.valueReference, v]));
  const variables = parsed.map((variable) => {
    const { derivativeReference, previousReference, ...rest } = variable;
    const nameOf = (reference: number | undefined, what: string) => {
      if (reference === undefined) return undefined;
      const target = byReference.get(reference);
      if (target === undefined) {
        reader.report(
          variable,
          `${what}=${reference} of ${quote(variable.name)}: there is no such variable.`,
        );
      }
      return target?.name;
    };
    return {
      ...rest,
      ...defined({
        derivative: nameOf(derivativeReference, 'derivative'),
        previous: nameOf(previousReference, 'previous'),
      }),
    } as ModelVariable;
  });
  const structure = childOf(root, 'ModelStructure');
  if (structure === undefined) reader.report(root, '<ModelStructure> is missing.');
  const unknowns = (name: string) => parseUnknowns(reader, structure, name, byReference);
  const me = childOf(root, 'ModelExchange');
  const cs = childOf(root, 'CoSimulation');
  const se = childOf(root, 'ScheduledExecution');
  const eventIndicators = unknowns('EventIndicator');
  return {
    fmiVersion: reader.required(root, 'fmiVersion'),
    fmiMajorVersion: 3,
    modelName: reader.required(root, 'modelName'),
    instantiationToken: reader.required(root, 'instantiationToken'),
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
      scheduledExecution: se && parseInterface(reader, se, 'FMUState'),
    }),
    variableNamingConvention: reader.text(root, 'variableNamingConvention') ?? 'flat',
    numberOfEventIndicators: eventIndicators.length,
    unitDefinitions: parseUnits(reader, root),
    typeDefinitions,
    logCategories: parseLogCategories(reader, root),
    defaultExperiment: parseDefaultExperiment(reader, root),
    variables,
    modelStructure: {
      outputs: unknowns('Output'),
      continuousStateDerivatives: unknowns('ContinuousStateDerivative'),
      clockedStates: unknowns('ClockedState'),
      initialUnknowns: unknowns('InitialUnknown'),
      eventIndicators,
    },
  } as ModelDescription;
}
