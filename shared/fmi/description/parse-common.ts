import type {
  DefaultExperiment,
  InterfaceInfo,
  LogCategory,
  ModelStructure,
  ModelVariable,
  ScalarValue,
  TypeDefinition,
  Unit,
  Unknown,
  VariableType,
} from './model-description.js';
import type { XmlElement } from './xml.js';
import { type AttributeReader, parseScalar, quote, words } from './xml-attributes.js';

/** The first child element of a name. */
export function childOf(element: XmlElement | undefined, name: string): XmlElement | undefined {
  return element?.children.find((child) => child.name === name);
}

/** All child elements of a name. */
export function childrenOf(element: XmlElement | undefined, name: string): XmlElement[] {
  return element?.children.filter((child) => child.name === name) ?? [];
}

/** Leaves out what is undefined: optional properties are absent, not undefined. */
export function defined<T extends object>(object: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(object).filter(([, v]) => v !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>;
  };
}

/** The seven SI base units and the radian, whose exponents a BaseUnit carries. */
const BASE_UNITS = ['kg', 'm', 's', 'A', 'K', 'mol', 'cd', 'rad'] as const;

export function parseUnits(reader: AttributeReader, root: XmlElement): Unit[] {
  return childrenOf(childOf(root, 'UnitDefinitions'), 'Unit').map((element) => {
    const base = childOf(element, 'BaseUnit');
    const exponents: Record<string, number> = {};
    for (const name of BASE_UNITS) {
      const exponent = base && reader.integer(base, name, -(2 ** 31), 2 ** 31 - 1);
      if (exponent !== undefined && exponent !== 0) exponents[name] = exponent;
    }
    return {
      name: reader.required(element, 'name'),
      ...(base && {
        baseUnit: {
          exponents,
          factor: reader.number(base, 'factor') ?? 1,
          offset: reader.number(base, 'offset') ?? 0,
        },
      }),
      displayUnits: childrenOf(element, 'DisplayUnit').map((display) => ({
        name: reader.required(display, 'name'),
        factor: reader.number(display, 'factor') ?? 1,
        offset: reader.number(display, 'offset') ?? 0,
        inverse: reader.boolean(display, 'inverse'),
      })),
      line: element.line,
    };
  });
}

export function parseDefaultExperiment(
  reader: AttributeReader,
  root: XmlElement,
): DefaultExperiment {
  const element = childOf(root, 'DefaultExperiment');
  if (element === undefined) return {};
  return defined({
    startTime: reader.number(element, 'startTime'),
    stopTime: reader.number(element, 'stopTime'),
    tolerance: reader.number(element, 'tolerance'),
    stepSize: reader.number(element, 'stepSize'),
  }) as DefaultExperiment;
}

export function parseLogCategories(reader: AttributeReader, root: XmlElement): LogCategory[] {
  return childrenOf(childOf(root, 'LogCategories'), 'Category').map(
    (element) =>
      defined({
        name: reader.required(element, 'name'),
        description: reader.text(element, 'description'),
      }) as LogCategory,
  );
}

/** Flags that all interface types of both versions share; names differ in their capitals. */
export function parseInterface(
  reader: AttributeReader,
  element: XmlElement,
  stateWord: 'FMUstate' | 'FMUState',
): InterfaceInfo {
  const canSerialize = stateWord === 'FMUstate' ? 'canSerializeFMUstate' : 'canSerializeFMUState';
  return {
    modelIdentifier: reader.required(element, 'modelIdentifier'),
    needsExecutionTool: reader.boolean(element, 'needsExecutionTool'),
    canBeInstantiatedOnlyOncePerProcess: reader.boolean(
      element,
      'canBeInstantiatedOnlyOncePerProcess',
    ),
    canGetAndSetFmuState: reader.boolean(element, `canGetAndSet${stateWord}`),
    canSerializeFmuState: reader.boolean(element, canSerialize),
    providesDirectionalDerivatives:
      reader.boolean(element, 'providesDirectionalDerivative') ||
      reader.boolean(element, 'providesDirectionalDerivatives'),
    providesAdjointDerivatives: reader.boolean(element, 'providesAdjointDerivatives'),
    canNotUseMemoryManagementFunctions: reader.boolean(
      element,
      'canNotUseMemoryManagementFunctions',
    ),
    sourceFiles: childrenOf(childOf(element, 'SourceFiles'), 'File').map((file) =>
      reader.required(file, 'name'),
    ),
    line: element.line,
  };
}

/** What FMI 1.0 and 2.0 call the types of variables. */
export const SCALAR_TYPES: Readonly<Record<string, VariableType>> = {
  Real: 'Float64',
  Integer: 'Int32',
  Boolean: 'Boolean',
  String: 'String',
  Enumeration: 'Enumeration',
};

type ScalarFacts = Pick<
  TypeDefinition,
  'quantity' | 'unit' | 'displayUnit' | 'min' | 'max' | 'nominal'
>;

/** What FMI 1.0 and 2.0 say of a type in the same words, but for its name. */
export function parseScalarType(
  reader: AttributeReader,
  inner: XmlElement,
  type: VariableType,
): ScalarFacts {
  return defined({
    quantity: reader.text(inner, 'quantity'),
    unit: reader.text(inner, 'unit'),
    displayUnit: reader.text(inner, 'displayUnit'),
    min: reader.typed(inner, 'min', type),
    max: reader.typed(inner, 'max', type),
    nominal: reader.number(inner, 'nominal'),
  }) as ScalarFacts;
}

/** The same of a variable, what it leaves out from its declared type. */
export function parseScalarVariable(
  reader: AttributeReader,
  inner: XmlElement,
  type: VariableType,
  declared: TypeDefinition | undefined,
): ScalarFacts {
  const own = parseScalarType(reader, inner, type);
  return defined({
    quantity: own.quantity ?? declared?.quantity,
    unit: own.unit ?? declared?.unit,
    displayUnit: own.displayUnit ?? declared?.displayUnit,
    min: own.min ?? declared?.min,
    max: own.max ?? declared?.max,
    nominal: own.nominal ?? declared?.nominal,
  }) as ScalarFacts;
}

/** The start value of a variable of FMI 1.0 or 2.0. */
export function parseStart(
  reader: AttributeReader,
  inner: XmlElement,
  type: VariableType,
): ScalarValue[] | undefined {
  const text = inner.attributes.get('start');
  if (text === undefined) return undefined;
  if (type === 'String') return [text];
  const value = parseScalar(text.trim(), type);
  if (value === undefined) {
    reader.report(inner, `start=${quote(text)}: expected a value of type ${inner.name}.`);
    return undefined;
  }
  return [value];
}

export const EMPTY_STRUCTURE: ModelStructure = {
  outputs: [],
  continuousStateDerivatives: [],
  clockedStates: [],
  initialUnknowns: [],
  eventIndicators: [],
};

/**
 * An unknown of a model's structure, with what it depends on; nothing where its variable is not there.
 *
 * @param find the variable of an index or a reference, which says so where there is none
 */
export function unknownOf(
  reader: AttributeReader,
  element: XmlElement,
  variable: ModelVariable | undefined,
  find: (reference: number) => ModelVariable | undefined,
): Unknown[] {
  const dependencies = reader
    .integers(element, 'dependencies')
    ?.flatMap((reference) => find(reference)?.name ?? []);
  const kinds = reader.text(element, 'dependenciesKind');
  if (variable === undefined) return [];
  return [
    {
      name: variable.name,
      valueReference: variable.valueReference,
      ...(dependencies && { dependencies }),
      ...(kinds !== undefined && { dependenciesKind: words(kinds) }),
      line: element.line,
    },
  ];
}
