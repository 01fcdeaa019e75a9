import {
  AttributeIds,
  BrowseDirection,
  type BrowseResult,
  type ClientSession,
  DataType,
  NodeClass,
  type ReferenceDescription,
  ResultMask,
  VariantArrayType,
} from 'node-opcua-client';
import type { OpcuaSourceConfig } from '../../shared/config/index.js';
import type { Logger } from '../../shared/core/index.js';
import {
  inPortions,
  isTooMuch,
  type OperationLimits,
  operationLimits,
  statusOf,
} from './opcua-limits.js';
import { openPki } from './opcua-security.js';
import { quietStack, sessionError, withSession } from './opcua-session.js';
import { plainValue } from './opcua-value.js';

/** What an address space holds below its Objects folder, each node once, parents before children. */
export interface AddressSpace {
  nodes: BrowsedNode[];
  /** References to nodes that were met before: the space is no tree, it may have cycles. */
  repeated: number;
  /** Nodes whose children the server did not tell, by its reason. */
  failed: Record<string, number>;
  /** Why the search ended before all was seen. */
  incomplete?: string;
}

export interface BrowsedNode {
  /** Browse names from the Objects folder on. */
  path: string[];
  /** With the namespace's URI, for indexes may change. */
  nodeId: string;
  /** Whether it has a value. */
  variable: boolean;
  /** A property of the node above it. */
  property: boolean;
  /** Built-in type of its value. */
  type?: string;
  /** Sizes of its array. */
  sizes?: number[];
  value?: string | number | boolean | null;
  unit?: string;
  /** Why its value can't be read. */
  unreadable?: string;
}

export interface BrowseBounds {
  /** Nodes at most. */
  maxNodes: number;
  maxDepth: number;
  signal: AbortSignal;
}

const OBJECTS_FOLDER = 'i=85';
/** The server's account of itself: thousands of nodes, none of the machine's. */
const SERVER = 'ns=0;i=2253';
const HIERARCHICAL = 'i=33';
const HAS_PROPERTY = 'ns=0;i=46';
/** References in one answer. */
const PAGE = 1000;
const SMALLEST_PAGE = 10;
/** Answers without a reference that still say that more will come. */
const MAX_EMPTY_PAGES = 3;
/** Bit of the access level: the current value can be read (OPC UA Part 3, 8.57). */
const CURRENT_READ = 1;

/** One that is still to be looked into. */
interface Open {
  nodeId: string;
  path: string[];
}

/**
 * Walks through a server's address space, level by level, in bounds: a server may be huge, have cycles, or
 * never come to an end.
 *
 * @throws where the server gives no answer at all
 */
export async function browseOpcua(
  session: ClientSession,
  limits: OperationLimits,
  bounds: BrowseBounds,
): Promise<AddressSpace> {
  const namespaces = await session.readNamespaceArray();
  session.requestedMaxReferencesPerNode = PAGE;
  const space: AddressSpace = { nodes: [], repeated: 0, failed: {} };
  const seen = new Set([`ns=0;${OBJECTS_FOLDER}`, SERVER]);
  const local = new Map<BrowsedNode, string>();
  const fail = (reason: string) => {
    space.failed[reason] = (space.failed[reason] ?? 0) + 1;
  };
  let level: Open[] = [{ nodeId: OBJECTS_FOLDER, path: [] }];
  for (let depth = 0; level.length > 0 && space.incomplete === undefined; depth++) {
    if (depth >= bounds.maxDepth) {
      space.incomplete = `it is deeper than ${bounds.maxDepth} levels`;
      break;
    }
    const next: Open[] = [];
    const take = (parent: Open, references: readonly ReferenceDescription[]): boolean => {
      for (const reference of references) {
        const nodeId = reference.nodeId.toString();
        if (seen.has(nodeId)) {
          if (nodeId !== SERVER) space.repeated++;
          continue;
        }
        if (space.nodes.length >= bounds.maxNodes) {
          space.incomplete = `it has more than ${bounds.maxNodes} nodes`;
          return false;
        }
        seen.add(nodeId);
        const node: BrowsedNode = {
          path: [...parent.path, reference.browseName.name ?? ''],
          nodeId: globalNodeId(nodeId, namespaces),
          variable: reference.nodeClass === NodeClass.Variable,
          property: reference.referenceTypeId.toString() === HAS_PROPERTY,
        };
        space.nodes.push(node);
        local.set(node, nodeId);
        if (!node.property) next.push({ nodeId, path: node.path });
      }
      return true;
    };
    await browseLevel(session, level, limits.browse, take, fail, bounds.signal);
    level = next;
  }
  await readVariables(session, space, local, limits.read, bounds.signal);
  return space;
}

/** @param take is told the children of each; false ends the search */
async function browseLevel(
  session: ClientSession,
  level: readonly Open[],
  portionSize: number,
  take: (parent: Open, references: readonly ReferenceDescription[]) => boolean,
  fail: (reason: string) => void,
  signal: AbortSignal,
): Promise<void> {
  let more = true;
  const crowded: Open[] = [];
  const browse = async (portion: readonly Open[], alone: boolean) => {
    signal.throwIfAborted();
    if (!more) return;
    const results = await session.browse(
      portion.map(({ nodeId }) => ({
        nodeId,
        browseDirection: BrowseDirection.Forward,
        referenceTypeId: HIERARCHICAL,
        includeSubtypes: true,
        nodeClassMask: NodeClass.Object | NodeClass.Variable,
        resultMask: ResultMask.BrowseName | ResultMask.NodeClass | ResultMask.ReferenceType,
      })),
    );
    for (const [n, parent] of portion.entries()) {
      const result = results[n];
      const status = result?.statusCode.name ?? 'no-answer';
      if (status === 'BadNoContinuationPoints' && !alone) {
        crowded.push(parent);
      } else if (result === undefined || !result.statusCode.isGood()) {
        fail(status);
      } else if (more) {
        more = await followPages(session, result, (refs) => take(parent, refs), fail, signal);
      }
    }
  };
  const alone = async (parent: Open) => {
    try {
      await browse([parent], true);
    } catch (error) {
      if (!isTooMuch(error)) throw error;
      const page = session.requestedMaxReferencesPerNode;
      if (page <= SMALLEST_PAGE) {
        fail(statusOf(error, 'too-much'));
        return;
      }
      // One with many children: fewer of them at a time.
      session.requestedMaxReferencesPerNode = Math.max(SMALLEST_PAGE, Math.floor(page / 4));
      await alone(parent);
      session.requestedMaxReferencesPerNode = page;
    }
  };
  await inPortions(
    level,
    portionSize,
    (portion) => browse(portion, portion.length === 1),
    (parent) => crowded.push(parent),
  );
  // A server can keep few places at a time: what it had none for is asked for again, one by one.
  for (const parent of crowded.splice(0)) await alone(parent);
}

/** Asks for the rest of an answer, page by page. */
async function followPages(
  session: ClientSession,
  first: BrowseResult,
  take: (references: readonly ReferenceDescription[]) => boolean,
  fail: (reason: string) => void,
  signal: AbortSignal,
): Promise<boolean> {
  let result = first;
  for (let empty = 0; ; ) {
    signal.throwIfAborted();
    const references = result.references ?? [];
    const more = take(references);
    const point = result.continuationPoint;
    const isLast = point === null || point === undefined || point.length === 0;
    if (isLast) return more;
    empty = references.length === 0 ? empty + 1 : 0;
    const babbles = empty >= MAX_EMPTY_PAGES;
    if (babbles) fail('empty-pages-without-end');
    const next = await session.browseNext(point, !more || babbles).catch((error: unknown) => {
      // What came of this node stays; the rest of it is missing.
      if (!isTooMuch(error)) throw error;
      return statusOf(error, 'too-much');
    });
    if (!more || babbles) return more;
    const status = typeof next === 'string' ? next : next.statusCode.name;
    if (typeof next === 'string' || !next.statusCode.isGood()) {
      fail(status);
      return more;
    }
    result = next;
  }
}

/** Reads type and value of the variables, and the units that their properties tell. */
async function readVariables(
  session: ClientSession,
  space: AddressSpace,
  local: ReadonlyMap<BrowsedNode, string>,
  portionSize: number,
  signal: AbortSignal,
): Promise<void> {
  const variables = space.nodes.filter((n) => n.variable);
  const byPath = new Map(variables.map((n) => [pathKey(n.path), n]));
  const ask = async (portion: readonly BrowsedNode[]) => {
    signal.throwIfAborted();
    const read = await session.read(
      portion.flatMap((n) => {
        const nodeId = local.get(n) ?? '';
        return [
          { nodeId, attributeId: AttributeIds.UserAccessLevel },
          { nodeId, attributeId: AttributeIds.Value },
        ];
      }),
    );
    for (const [i, node] of portion.entries()) {
      const access: unknown = read[2 * i]?.value.value;
      const value = read[2 * i + 1];
      if (typeof access === 'number' && (access & CURRENT_READ) === 0) {
        node.unreadable = 'not-readable';
      }
      if (value === undefined || value.statusCode.value >>> 30 === 2) {
        node.unreadable ??= value?.statusCode.name ?? 'no-answer';
        continue;
      }
      const variant = value.value;
      node.type = DataType[variant.dataType];
      if (variant.arrayType === VariantArrayType.Matrix)
        node.sizes = [...(variant.dimensions ?? [])];
      else if (variant.arrayType === VariantArrayType.Array)
        node.sizes = [variant.value?.length ?? 0];
      const plain = plainValue(variant, 'STRING');
      if (plain.reason === undefined) {
        const { value: held } = plain;
        node.value = typeof held === 'bigint' ? held.toString() : held;
      } else node.value = null;
      if (node.property && node.path.at(-1) === 'EngineeringUnits') {
        const of = byPath.get(pathKey(node.path.slice(0, -1)));
        const unit = unitOf(variant.value);
        if (of !== undefined && unit !== undefined) of.unit = unit;
      }
    }
  };
  // Two attributes of each.
  const size = Math.max(1, Math.floor(portionSize / 2));
  await inPortions(variables, size, ask, (node, status) => {
    node.unreadable = status;
  });
}

function pathKey(path: readonly string[]): string {
  return path.join('\u0000');
}

/** The text of an EUInformation structure. */
function unitOf(value: unknown): string | undefined {
  const text = (value as { displayName?: { text?: unknown } } | null)?.displayName?.text;
  return typeof text === 'string' && text !== '' ? text : undefined;
}

/** A node id that keeps its meaning when the server gives its namespaces other indexes. */
function globalNodeId(nodeId: string, namespaces: readonly string[]): string {
  const [, index, identifier] = /^ns=(\d+);(.*)$/s.exec(nodeId) ?? [];
  if (index === undefined || identifier === undefined) return nodeId;
  if (index === '0') return identifier;
  const uri = namespaces[Number(index)];
  return uri === undefined ? nodeId : `nsu=${uri};${identifier}`;
}

/** Browses a source's server. @throws TwinError `NETWORK` */
export async function browseSource(
  config: OpcuaSourceConfig,
  options: { pkiDir: string; baseDir: string; logger: Logger } & BrowseBounds,
): Promise<AddressSpace> {
  const { pkiDir, baseDir, logger, signal } = options;
  quietStack(logger);
  const pki = await openPki(config, pkiDir, logger);
  try {
    return await withSession(config, pki, baseDir, signal, async (session) =>
      browseOpcua(session, await operationLimits(session), options),
    );
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    throw await sessionError(error, config, pki);
  }
}
