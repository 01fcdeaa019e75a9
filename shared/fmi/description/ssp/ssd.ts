import type { ParsedUnit } from '../unit-expressions.js';
import type { XmlElement } from '../xml.js';
import { type AttributeReader, quote } from '../xml-attributes.js';
import { parseUnitDefinition } from './ssp-units.js';

/** What kinds of values a connector carries; whole numbers of every width are one kind. */
export type ConnectorType = 'real' | 'integer' | 'boolean' | 'string' | 'binary' | 'enumeration';

/** One connector of an element. */
export interface SsdConnector {
  name: string;
  kind: string;
  type?: ConnectorType;
  unit?: string;
  line: number;
}

/** What a connection or a mapping makes of a value. */
export type Transformation =
  | { kind: 'linear'; factor: number; offset: number }
  | { kind: 'table'; of: ConnectorType; entries: readonly (readonly [string, string])[] };

export interface SsdConnection {
  startElement?: string;
  startConnector: string;
  endElement?: string;
  endConnector: string;
  suppressUnitConversion: boolean;
  transformation?: Transformation;
  line: number;
}

/** Where values or a mapping come from: a file, or elements in place. */
export interface SsdSource {
  source?: string;
  base: 'SSD' | 'component';
  inline?: XmlElement;
}

export interface SsdBinding extends SsdSource {
  prefix: string;
  mapping?: SsdSource;
  line: number;
}

interface SsdElement {
  name: string;
  connectors: readonly SsdConnector[];
  bindings: readonly SsdBinding[];
  line: number;
}

export interface SsdComponent extends SsdElement {
  kind: 'component';
  source: string;
  implementation: 'any' | 'CoSimulation' | 'ModelExchange';
}

export interface SsdSystem extends SsdElement {
  kind: 'system';
  elements: readonly (SsdComponent | SsdSystem)[];
  connections: readonly SsdConnection[];
}

/** A SystemStructure.ssd as it is written. */
export interface Ssd {
  name: string;
  version: string;
  units: ReadonlyMap<string, ParsedUnit>;
  enumerations: ReadonlyMap<string, ReadonlyMap<string, number>>;
  startTimeS?: number;
  stopTimeS?: number;
  stepSizeS?: number;
  system: SsdSystem;
}

const KINDS = [
  'input',
  'output',
  'inout',
  'parameter',
  'calculatedParameter',
  'structuralParameter',
  'constant',
  'local',
] as const;

const TYPES: Readonly<Record<string, ConnectorType>> = {
  Real: 'real',
  Float32: 'real',
  Float64: 'real',
  Integer: 'integer',
  Int8: 'integer',
  UInt8: 'integer',
  Int16: 'integer',
  UInt16: 'integer',
  Int32: 'integer',
  UInt32: 'integer',
  Int64: 'integer',
  UInt64: 'integer',
  Boolean: 'boolean',
  String: 'string',
  Binary: 'binary',
  Enumeration: 'enumeration',
};

/** An element's name without its namespace. */
export const localName = ({ name }: XmlElement): string => name.slice(name.indexOf(':') + 1);

/** The first child of a name. */
export const child = (element: XmlElement | undefined, name: string): XmlElement | undefined =>
  element?.children.find((c) => localName(c) === name);

/** All children of a name. */
export const children = (element: XmlElement | undefined, name: string): XmlElement[] =>
  element?.children.filter((c) => localName(c) === name) ?? [];

/** The kind of value that an element stands for, and the element. */
export function typedChild(
  element: XmlElement,
): { type: ConnectorType; at: XmlElement } | undefined {
  for (const at of element.children) {
    const type = TYPES[localName(at)];
    if (type !== undefined) return { type, at };
  }
  return undefined;
}

/** The transformation that an element contains, if any. */
export function readTransformation(
  read: AttributeReader,
  element: XmlElement,
): Transformation | undefined {
  for (const at of element.children) {
    const name = localName(at);
    if (name === 'LinearTransformation') {
      const factor = read.number(at, 'factor') ?? 1;
      const offset = read.number(at, 'offset') ?? 0;
      if (!Number.isFinite(factor) || !Number.isFinite(offset)) {
        read.report(at, 'factor and offset of <LinearTransformation>: expected finite numbers.');
      }
      return { kind: 'linear', factor, offset };
    }
    const of = /^(Boolean|Integer|Enumeration)MappingTransformation$/.exec(name)?.[1];
    if (of === undefined) continue;
    return {
      kind: 'table',
      of: TYPES[of] as ConnectorType,
      entries: children(at, 'MapEntry').map(
        (entry) => [read.required(entry, 'source'), read.required(entry, 'target')] as const,
      ),
    };
  }
  return undefined;
}

/** Reads the root element of a SystemStructure.ssd, gathering what is wrong with it. */
export function readSsd(root: XmlElement, read: AttributeReader): Ssd | undefined {
  const system = child(root, 'System');
  if (localName(root) !== 'SystemStructureDescription' || system === undefined) {
    read.report(
      root,
      `found <${root.name}>${system === undefined ? ' without <System>' : ''}, expected <SystemStructureDescription> with a <System>: it is no system structure.`,
    );
    return undefined;
  }
  const version = read.required(root, 'version');
  if (!/^[12]\.\d/.test(version)) {
    read.report(root, `version=${quote(version)}: SSP 1.0 and 2.0 are read.`);
  }
  const units = new Map<string, ParsedUnit>();
  for (const unit of children(child(root, 'Units'), 'Unit')) {
    const parsed = parseUnitDefinition(read, unit);
    if (parsed !== undefined) units.set(read.required(unit, 'name'), parsed);
  }
  const enumerations = new Map(
    children(child(root, 'Enumerations'), 'Enumeration').map((e) => [
      read.required(e, 'name'),
      new Map(
        children(e, 'Item').map((item) => [
          read.required(item, 'name'),
          read.number(item, 'value') ?? 0,
        ]),
      ),
    ]),
  );
  const experiment = child(root, 'DefaultExperiment');
  const startTimeS = experiment && read.number(experiment, 'startTime');
  const stopTimeS = experiment && read.number(experiment, 'stopTime');
  const master = child(child(system, 'SimulationInformation'), 'FixedStepMaster');
  const stepSizeS = master && read.number(master, 'stepSize');
  return {
    name: read.text(root, 'name') ?? 'system',
    version,
    units,
    enumerations,
    ...(startTimeS !== undefined && { startTimeS }),
    ...(stopTimeS !== undefined && { stopTimeS }),
    ...(stepSizeS !== undefined && stepSizeS > 0 && { stepSizeS }),
    system: readSystem(read, system, false),
  };
}

function readSystem(read: AttributeReader, element: XmlElement, nested: boolean): SsdSystem {
  const dictionaries = child(element, 'SignalDictionaries');
  if (dictionaries !== undefined && dictionaries.children.length > 0) {
    read.report(
      dictionaries,
      '<SignalDictionaries> is not supported: connect the components themselves.',
    );
  }
  const elements: (SsdComponent | SsdSystem)[] = [];
  const names = new Set<string>();
  for (const at of child(element, 'Elements')?.children ?? []) {
    const kind = localName(at);
    if (kind === 'Annotations') continue;
    const name = read.required(at, 'name');
    if (names.has(name)) read.report(at, `the element ${quote(name)} occurs twice.`);
    names.add(name);
    if (kind === 'System') elements.push(readSystem(read, at, true));
    else if (kind === 'Component') elements.push(readComponent(read, at));
    else if (kind === 'SignalDictionaryReference') {
      read.report(
        at,
        '<SignalDictionaryReference> is not supported: connect the components themselves.',
      );
    } else read.report(at, `<${at.name}> among the elements: expected Component or System.`);
  }
  return {
    kind: 'system',
    ...readElement(read, element, nested),
    elements,
    connections: children(child(element, 'Connections'), 'Connection').map((c) =>
      readConnection(read, c),
    ),
  };
}

function readElement(read: AttributeReader, element: XmlElement, named = true): SsdElement {
  const connectors: SsdConnector[] = [];
  for (const at of children(child(element, 'Connectors'), 'Connector')) {
    const name = read.required(at, 'name');
    const kind = read.required(at, 'kind');
    const typed = typedChild(at);
    if (connectors.some((c) => c.name === name)) {
      read.report(at, `the connector ${quote(name)} occurs twice.`);
      continue;
    }
    if (!(KINDS as readonly string[]).includes(kind)) {
      read.report(at, `kind=${quote(kind)} of <Connector>: expected one of ${KINDS.join(', ')}.`);
    }
    if (kind === 'inout') {
      read.report(
        at,
        `the connector ${quote(name)} is "inout", which is not supported: make it two.`,
      );
    }
    const unit = typed && read.text(typed.at, 'unit');
    connectors.push({
      name,
      kind,
      ...(typed !== undefined && { type: typed.type }),
      ...(unit !== undefined && unit !== '' && { unit }),
      line: at.line,
    });
  }
  return {
    name: named ? read.required(element, 'name') : (read.text(element, 'name') ?? ''),
    connectors,
    bindings: children(child(element, 'ParameterBindings'), 'ParameterBinding').map((b) =>
      readBinding(read, b),
    ),
    line: element.line,
  };
}

function readComponent(read: AttributeReader, at: XmlElement): SsdComponent {
  const type = read.text(at, 'type') ?? 'application/x-fmu-sharedlibrary';
  if (type !== 'application/x-fmu-sharedlibrary') {
    read.report(
      at,
      `type=${quote(type)} of <Component>: expected application/x-fmu-sharedlibrary. Put systems in place, as <System>.`,
    );
  }
  const implementation = read.text(at, 'implementation') ?? 'any';
  if (!['any', 'CoSimulation', 'ModelExchange'].includes(implementation)) {
    read.report(
      at,
      `implementation=${quote(implementation)} of <Component>: expected any, CoSimulation or ModelExchange.`,
    );
  }
  return {
    kind: 'component',
    ...readElement(read, at),
    source: read.required(at, 'source'),
    implementation: implementation as SsdComponent['implementation'],
  };
}

function readConnection(read: AttributeReader, at: XmlElement): SsdConnection {
  const startElement = read.text(at, 'startElement');
  const endElement = read.text(at, 'endElement');
  const transformation = readTransformation(read, at);
  return {
    ...(startElement !== undefined && { startElement }),
    startConnector: read.required(at, 'startConnector'),
    ...(endElement !== undefined && { endElement }),
    endConnector: read.required(at, 'endConnector'),
    suppressUnitConversion: read.boolean(at, 'suppressUnitConversion'),
    ...(transformation !== undefined && { transformation }),
    line: at.line,
  };
}

function readSource(
  read: AttributeReader,
  at: XmlElement,
  type: string,
  inline: XmlElement | undefined,
): SsdSource {
  const found = read.text(at, 'type') ?? type;
  if (found !== type) {
    read.report(at, `type=${quote(found)} of <${at.name}>: expected ${type}.`);
  }
  const source = read.text(at, 'source');
  if ((source === undefined) === (inline === undefined)) {
    read.report(
      at,
      `<${at.name}> ${source === undefined ? 'has neither a source nor content in place' : 'has both a source and content in place'}: expected one of them.`,
    );
  }
  return {
    ...(source !== undefined && { source }),
    base: read.choice(at, 'sourceBase', ['SSD', 'component'] as const, 'SSD'),
    ...(inline !== undefined && { inline }),
  };
}

function readBinding(read: AttributeReader, at: XmlElement): SsdBinding {
  const values = child(at, 'ParameterValues');
  const mapping = child(at, 'ParameterMapping');
  return {
    ...readSource(
      read,
      at,
      'application/x-ssp-parameter-set',
      values && (child(values, 'ParameterSet') ?? values),
    ),
    prefix: read.text(at, 'prefix') ?? '',
    ...(mapping !== undefined && {
      mapping: readSource(
        read,
        mapping,
        'application/x-ssp-parameter-mapping',
        child(mapping, 'ParameterMapping'),
      ),
    }),
    line: at.line,
  };
}
