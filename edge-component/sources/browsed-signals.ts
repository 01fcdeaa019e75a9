import type { BrowsedNode } from './opcua-browse.js';

/** A signal for the config of an OPC UA source. */
export interface BrowsedSignal {
  nodeId: string;
  alias: string;
  dataType: 'DOUBLE' | 'INTEGER' | 'BOOLEAN' | 'STRING';
  unit?: string;
  indexRange?: string;
}

/** Signals for what was found, and why the rest has none. */
export interface SignalsOfNodes {
  signals: BrowsedSignal[];
  left: { nodeId: string; path: string; reason: string }[];
}

const DATA_TYPES: Readonly<Record<string, BrowsedSignal['dataType']>> = {
  Boolean: 'BOOLEAN',
  SByte: 'INTEGER',
  Byte: 'INTEGER',
  Int16: 'INTEGER',
  UInt16: 'INTEGER',
  Int32: 'INTEGER',
  // SiteWise's integers have 32 bits with a sign.
  UInt32: 'DOUBLE',
  Int64: 'DOUBLE',
  UInt64: 'DOUBLE',
  Float: 'DOUBLE',
  Double: 'DOUBLE',
  String: 'STRING',
  LocalizedText: 'STRING',
  DateTime: 'STRING',
  Guid: 'STRING',
  XmlElement: 'STRING',
  NodeId: 'STRING',
  ExpandedNodeId: 'STRING',
  QualifiedName: 'STRING',
  StatusCode: 'STRING',
  ByteString: 'STRING',
};
/** Elements that an array may have to get a stream each. */
const MAX_ELEMENTS = 1000;

/**
 * Makes a signal of each variable that has a value; the alias is its path, once each.
 *
 * @param prefix before every alias, e.g. `/line1`
 */
export function signalsOfNodes(nodes: readonly BrowsedNode[], prefix: string): SignalsOfNodes {
  const result: SignalsOfNodes = { signals: [], left: [] };
  const taken = new Set<string>();
  for (const node of nodes) {
    if (!node.variable || node.property) continue;
    const reason = whyNoSignal(node);
    if (reason !== undefined) {
      result.left.push({ nodeId: node.nodeId, path: `/${node.path.join('/')}`, reason });
      continue;
    }
    const isArray = node.sizes !== undefined;
    const base = `${prefix}/${node.path.map(aliasPart).join('/')}${isArray ? '/{index}' : ''}`;
    let alias = base;
    for (let n = 2; taken.has(alias); n++) alias = base.replace(/(\/\{index\})?$/, `_${n}$1`);
    taken.add(alias);
    const signal: BrowsedSignal = {
      nodeId: node.nodeId,
      alias,
      dataType: DATA_TYPES[node.type ?? ''] ?? 'DOUBLE',
    };
    if (node.unit !== undefined) signal.unit = node.unit;
    if (isArray) signal.indexRange = node.sizes?.map((size) => `0:${size - 1}`).join(',') ?? '';
    result.signals.push(signal);
  }
  return result;
}

function whyNoSignal({ unreadable, type, sizes }: BrowsedNode): string | undefined {
  if (unreadable !== undefined) return unreadable;
  if (type === undefined || type === 'Null') return 'no-value';
  if (DATA_TYPES[type] === undefined) return `type-${type}`;
  if (sizes === undefined) return undefined;
  const count = sizes.reduce((a, b) => a * b, 1);
  if (count === 0) return 'empty-array';
  return count > MAX_ELEMENTS ? `array-of-${count}` : undefined;
}

/** A browse name as a part of an alias: no slash, no braces, no control characters. */
function aliasPart(name: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: an alias may have none.
  return name.replaceAll(/[/{}\u0000-\u001f\u007f]/g, '_');
}
