import { messageOf } from '../../../core/index.js';
import { declaredTypeOf, findVariable, type ModelVariable } from '../model-description.js';
import { findScalar } from '../scalars.js';
import { coerceScalar } from '../start-values.js';
import type { Port, SystemComponent, Wire } from '../system.js';
import { type AttributeReader, quote } from '../xml-attributes.js';
import type { ConnectorType, Ssd, SsdConnection, SsdConnector, SsdSystem } from './ssd.js';
import { between, type NamedUnit, namedUnit, unitOf } from './ssp-units.js';

/** A connector with what stands behind it. */
export interface Node {
  /** `component.connector`, or the connector of the whole system by its name. */
  name: string;
  kind: string;
  type: ConnectorType | undefined;
  unit: NamedUnit | undefined;
  /** The FMU's variable; none behind a connector of a system. */
  variable?: ModelVariable;
  port: Port;
  line: number;
}

/** All connectors of a system and the connection that ends at each. */
export interface Network {
  nodes: ReadonlyMap<string, Node>;
  /** By the name of the node that they end at. */
  incoming: ReadonlyMap<string, { from: Node; connection: SsdConnection }>;
}

export const joined = (...parts: string[]): string => parts.filter((p) => p !== '').join('.');

const TYPE_OF = (v: ModelVariable): ConnectorType => {
  switch (v.type) {
    case 'Float32':
    case 'Float64':
      return 'real';
    case 'Boolean':
    case 'Clock':
      return 'boolean';
    case 'String':
      return 'string';
    case 'Binary':
      return 'binary';
    case 'Enumeration':
      return 'enumeration';
    default:
      return 'integer';
  }
};

/** What a connector of each kind may be in the FMU. */
const CAUSALITIES: Readonly<Record<string, readonly string[]>> = {
  input: ['input'],
  output: ['output'],
  parameter: ['parameter', 'structuralParameter'],
  structuralParameter: ['structuralParameter'],
  calculatedParameter: ['calculatedParameter'],
  constant: ['local', 'output', 'parameter'],
  local: ['local'],
};

/** Builds the network, gathering what does not fit. */
export function readNetwork(
  ssd: Ssd,
  components: readonly SystemComponent[],
  read: AttributeReader,
): Network {
  const nodes = new Map<string, Node>();
  const incoming = new Map<string, { from: Node; connection: SsdConnection }>();

  const addConnectors = (path: string, connectors: readonly SsdConnector[], index: number) => {
    for (const connector of connectors) {
      const node = nodeOf(ssd, path, connector, index, components, read);
      if (node === undefined) continue;
      if (nodes.has(node.name)) {
        read.report(connector, `${quote(node.name)} is the name of two connectors: rename one.`);
      }
      nodes.set(node.name, node);
    }
  };
  const visit = (system: SsdSystem, path: string): void => {
    addConnectors(path, system.connectors, -1);
    for (const element of system.elements) {
      const own = joined(path, element.name);
      if (element.kind === 'system') visit(element, own);
      else {
        const index = components.findIndex((c) => c.name === own);
        addConnectors(own, element.connectors, index);
      }
    }
    for (const connection of system.connections) connect(system, path, connection);
  };
  const endOf = (
    system: SsdSystem,
    path: string,
    connection: SsdConnection,
    which: 'start' | 'end',
  ): Node | undefined => {
    const element = connection[`${which}Element`];
    const connector = connection[`${which}Connector`];
    const owner = element === undefined ? system : system.elements.find((e) => e.name === element);
    if (owner === undefined) {
      read.report(
        connection,
        `${which}Element=${quote(element as string)} of <Connection>: ${quote(path || ssd.name)} has no such element, but ${names(system.elements)}.`,
      );
      return undefined;
    }
    const declared = owner.connectors.some((c) => c.name === connector);
    if (!declared) {
      read.report(
        connection,
        `${which}Connector=${quote(connector)} of <Connection>: ${quote(element ?? (path || ssd.name))} has no such connector, but ${names(owner.connectors)}.`,
      );
    }
    return declared ? nodes.get(joined(path, element ?? '', connector)) : undefined;
  };
  const connect = (system: SsdSystem, path: string, connection: SsdConnection): void => {
    const from = endOf(system, path, connection, 'start');
    const to = endOf(system, path, connection, 'end');
    if (from === undefined || to === undefined) return;
    const gives = isSource(from, connection.startElement === undefined);
    const takes = isTarget(to, connection.endElement === undefined);
    if (!gives || !takes) {
      const turned =
        isSource(to, connection.endElement === undefined) &&
        isTarget(from, connection.startElement === undefined);
      read.report(
        connection,
        `the connection from ${from.name} (${from.kind}) to ${to.name} (${to.kind}) does not run from a source to a target.${turned ? ' Swap its ends.' : ''}`,
      );
      return;
    }
    const before = incoming.get(to.name);
    if (before !== undefined) {
      read.report(
        connection,
        `${to.name} is fed twice: from ${before.from.name} and ${from.name}.`,
      );
      return;
    }
    const fault = typeFault(from, to, connection);
    if (fault !== undefined) {
      read.report(connection, `the connection from ${from.name} to ${to.name}: ${fault}`);
      return;
    }
    incoming.set(to.name, { from, connection });
  };
  visit(ssd.system, '');
  return { nodes, incoming };
}

function names(items: readonly { name: string }[]): string {
  if (items.length === 0) return 'none at all';
  const shown = items.slice(0, 10).map((i) => i.name);
  return `${shown.join(', ')}${items.length > 10 ? ` and ${items.length - 10} more` : ''}`;
}

function nodeOf(
  ssd: Ssd,
  path: string,
  connector: SsdConnector,
  index: number,
  components: readonly SystemComponent[],
  read: AttributeReader,
): Node | undefined {
  const declared = namedUnit(connector.unit, ssd.units);
  const name = joined(path, connector.name);
  const { kind, line } = connector;
  if (index < 0) {
    return {
      name,
      kind,
      type: connector.type,
      unit: declared,
      port: { component: -1, variable: name },
      line,
    };
  }
  const { fmu } = components[index] as SystemComponent;
  const md = fmu.modelDescription;
  const variable = findVariable(md, connector.name) ?? findScalar(md, connector.name)?.variable;
  if (variable === undefined) {
    read.report(
      connector,
      `the connector ${name}: ${md.modelName} has no variable ${quote(connector.name)}, but ${names(md.variables.filter((v) => v.causality === kind || kind === 'local'))}.`,
    );
    return undefined;
  }
  if (CAUSALITIES[kind]?.includes(variable.causality) !== true) {
    read.report(
      connector,
      `the connector ${name} is of kind ${quote(kind)}, but in ${md.modelName} the variable's causality is ${quote(variable.causality)}.`,
    );
    return undefined;
  }
  const type = TYPE_OF(variable);
  if (
    connector.type !== undefined &&
    connector.type !== type &&
    !(connector.type === 'integer' && type === 'enumeration')
  ) {
    read.report(
      connector,
      `the connector ${name} is of type ${connector.type}, the variable of ${md.modelName} is ${variable.type}.`,
    );
    return undefined;
  }
  if (variable.dimensions.length > 0 && variable === findVariable(md, connector.name)) {
    read.report(
      connector,
      `the connector ${name} is an array, which is not supported: connect its elements, as ${connector.name}[1].`,
    );
    return undefined;
  }
  return {
    name,
    kind,
    type,
    unit: declared,
    variable,
    port: { component: index, variable: connector.name },
    line,
  };
}

const isSource = ({ kind }: Node, ofParent: boolean): boolean =>
  ofParent
    ? ['input', 'parameter', 'structuralParameter'].includes(kind)
    : ['output', 'calculatedParameter', 'constant'].includes(kind);

const isTarget = ({ kind }: Node, ofParent: boolean): boolean =>
  ofParent
    ? ['output', 'calculatedParameter'].includes(kind)
    : ['input', 'parameter', 'structuralParameter'].includes(kind);

function typeFault(from: Node, to: Node, { transformation }: SsdConnection): string | undefined {
  const [a, b] = [from.type, to.type];
  if (transformation?.kind === 'linear') {
    const bad = [a, b].find((t) => t !== undefined && t !== 'real' && t !== 'integer');
    return bad && `a linear transformation of ${bad} values makes no sense.`;
  }
  if (transformation !== undefined) {
    return [a, b].some((t) => t !== undefined && t !== transformation.of)
      ? `a mapping of ${transformation.of} values does not fit ${a} to ${b}.`
      : undefined;
  }
  if (a === undefined || b === undefined || a === b) return undefined;
  if (a === 'integer' && b === 'real') return undefined;
  return `${a} values can't become ${b}. Connect values of one type, or give a mapping.`;
}

/** A target with what it is fed by, through the connectors of nested systems. */
export function wireTo(
  ssd: Ssd,
  network: Network,
  end: Node,
  components: readonly SystemComponent[],
  read: AttributeReader,
): Wire | undefined {
  const hops: { from: Node; to: Node; connection: SsdConnection }[] = [];
  let at = end;
  for (;;) {
    const found = network.incoming.get(at.name);
    if (found === undefined) break;
    hops.unshift({ from: found.from, to: at, connection: found.connection });
    at = found.from;
    if (at.variable !== undefined) break;
    if (hops.length > network.nodes.size) {
      read.report(found.connection, `${end.name} is fed by itself, through connectors of systems.`);
      return undefined;
    }
  }
  if (hops.length === 0) return undefined;
  const own = (node: Node) =>
    node.variable === undefined
      ? undefined
      : unitOf(components[node.port.component]!.fmu.modelDescription, node.variable);
  let [factor, offset] = [1, 0];
  let table: Wire['table'];
  let unit = own(at);
  const convert = (to: NamedUnit | undefined, suppressed: boolean) => {
    const conversion = suppressed ? undefined : between(unit, to);
    if (conversion !== undefined) {
      factor *= conversion.factor;
      offset = offset * conversion.factor + conversion.offset;
    }
    unit = to ?? unit;
  };
  for (const { from, to, connection } of hops) {
    try {
      convert(from.unit, connection.suppressUnitConversion);
      convert(to.unit, connection.suppressUnitConversion);
      if (to === end) convert(own(to), connection.suppressUnitConversion);
    } catch (error) {
      read.report(
        connection,
        `the connection from ${from.name} to ${to.name}, ${messageOf(error)}.`,
      );
      return undefined;
    }
    const { transformation } = connection;
    if (transformation?.kind === 'linear') {
      factor *= transformation.factor;
      offset = offset * transformation.factor + transformation.offset;
    } else if (transformation !== undefined) {
      if (table !== undefined) {
        read.report(connection, `two mappings on the way to ${end.name} are not supported.`);
        return undefined;
      }
      table = tableOf(ssd, at, end, transformation.entries, components, connection, read);
    }
  }
  return {
    from: at.port,
    to: end.port,
    factor,
    offset,
    ...(table !== undefined && { table }),
    ...(end.kind !== 'input' && end.kind !== 'output' && { once: true as const }),
  };
}

/** A mapping's texts as values of the variables at its ends. */
function tableOf(
  ssd: Ssd,
  from: Node,
  to: Node,
  entries: readonly (readonly [string, string])[],
  components: readonly SystemComponent[],
  connection: SsdConnection,
  read: AttributeReader,
): Wire['table'] {
  const asValue = (node: Node, text: string) => {
    const { variable } = node;
    if (variable === undefined) {
      if (/^(true|false)$/.test(text)) return text === 'true';
      for (const items of ssd.enumerations.values()) {
        const value = items.get(text);
        if (value !== undefined) return value;
      }
      return Number.isFinite(Number(text)) ? Number(text) : text;
    }
    const md = components[node.port.component]!.fmu.modelDescription;
    const item = declaredTypeOf(md, variable)?.items.find((i) => i.name === text)?.value;
    return item ?? coerceScalar(variable, text);
  };
  try {
    return entries.map(([a, b]) => [asValue(from, a), asValue(to, b)] as const);
  } catch (error) {
    read.report(connection, `the mapping from ${from.name} to ${to.name}: ${messageOf(error)}`);
    return undefined;
  }
}
