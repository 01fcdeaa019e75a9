import { type ClientSession, makeBrowsePath, resolveNodeId } from 'node-opcua-client';
import type { OpcuaSourceConfig } from '../../shared/config/index.js';
import { inPortions } from './opcua-limits.js';

/** Where signals are on a server as it is now. */
export interface ResolvedNodes {
  /** Node ids by the signals' indexes. */
  nodeIds: Map<number, string>;
  /** Why others have none, in a word. */
  reasons: Map<number, string>;
}

const BY_URI = /^nsu=([^;]+);(.*)$/s;
/** At the start of a step of a browse path. */
const STEP_BY_URI = /(^|(?<!&)[/.>])nsu=([^;]+);/g;

/**
 * Finds the nodes of signals by their ids or browse paths, both also by the URI of their namespace: its
 * index may be another at each start of the server. One that can't be found takes no other with it.
 *
 * @param portionSize browse paths in one request
 * @param progress is called after each request for browse paths
 */
export async function resolveNodes(
  config: OpcuaSourceConfig,
  session: ClientSession,
  indexes: readonly number[],
  portionSize: number,
  progress: () => void = () => {},
): Promise<ResolvedNodes> {
  const found: ResolvedNodes = { nodeIds: new Map(), reasons: new Map() };
  const namespaces = await namespacesOf(config, session, indexes);
  const byPath: { index: number; path: ReturnType<typeof makeBrowsePath> }[] = [];
  for (const index of indexes) {
    const signal = config.signals[index];
    try {
      if (signal?.nodeId !== undefined) {
        const nodeId = toLocalNodeId(signal.nodeId, namespaces);
        resolveNodeId(nodeId);
        found.nodeIds.set(index, nodeId);
      } else {
        const path = toLocalPath(signal?.browsePath ?? '', namespaces);
        byPath.push({ index, path: makeBrowsePath('ObjectsFolder', path) });
      }
    } catch (error) {
      found.reasons.set(
        index,
        error instanceof NoNamespace ? 'no-such-namespace' : 'malformed-name',
      );
    }
  }
  const translate = async (portion: readonly (typeof byPath)[number][]) => {
    const results = await session.translateBrowsePath(portion.map((p) => p.path));
    progress();
    portion.forEach(({ index }, n) => {
      const result = results[n];
      const target = result?.targets?.[0]?.targetId;
      if (result?.statusCode.isGood() && target !== undefined) {
        found.nodeIds.set(index, target.toString());
      } else {
        found.reasons.set(index, result?.statusCode.name ?? 'no-answer');
      }
    });
  };
  await inPortions(byPath, portionSize, translate, ({ index }, status) =>
    found.reasons.set(index, status),
  );
  return found;
}

/** The server's namespaces as they are now, where any node is named by its namespace's URI. */
async function namespacesOf(
  config: OpcuaSourceConfig,
  session: ClientSession,
  indexes: readonly number[],
): Promise<readonly string[]> {
  const byUri = indexes.some((i) => {
    const { nodeId, browsePath } = config.signals[i] ?? {};
    return `${nodeId}${browsePath}`.includes('nsu=');
  });
  return byUri ? await session.readNamespaceArray() : [];
}

/** A namespace that the server does not have, now at least. */
class NoNamespace extends Error {}

function indexOf(uri: string, namespaces: readonly string[]): number {
  const index = namespaces.indexOf(uri);
  if (index < 0) throw new NoNamespace();
  return index;
}

function toLocalNodeId(nodeId: string, namespaces: readonly string[]): string {
  const [, uri, identifier] = BY_URI.exec(nodeId) ?? [];
  return uri === undefined ? nodeId : `ns=${indexOf(uri, namespaces)};${identifier}`;
}

function toLocalPath(path: string, namespaces: readonly string[]): string {
  const rooted = /^[/.<]/.test(path) ? path : `/${path}`;
  return rooted.replaceAll(
    STEP_BY_URI,
    (_, before: string, uri: string) => `${before}${indexOf(uri, namespaces)}:`,
  );
}

/** How the config names a signal's node. */
export function nodeName(config: OpcuaSourceConfig, index: number): string {
  const signal = config.signals[index];
  return signal?.nodeId ?? signal?.browsePath ?? '';
}
