import { AttributeIds, type ClientSession } from 'node-opcua-client';
import { messageOf } from '../../shared/core/index.js';

/** What one request may hold at most. */
export interface OperationLimits {
  read: number;
  historyRead: number;
  browse: number;
  browsePaths: number;
  monitoredItems: number;
}

/** Children of Server_ServerCapabilities_OperationLimits, OPC UA Part 5, 6.3.11. */
const NODES: Record<keyof OperationLimits, string> = {
  read: 'i=11705',
  historyRead: 'i=12165',
  browse: 'i=11710',
  browsePaths: 'i=11712',
  monitoredItems: 'i=11714',
};
/** Where a server names no limit: small servers have one all the same, and do not say so. */
const UNSAID = 500;

/** The limits that a server names; 0 and none mean that it names none. */
export async function operationLimits(
  session: Pick<ClientSession, 'read'>,
): Promise<OperationLimits> {
  const names = Object.keys(NODES) as (keyof OperationLimits)[];
  let values: unknown[] = [];
  try {
    const read = await session.read(
      names.map((name) => ({ nodeId: NODES[name], attributeId: AttributeIds.Value })),
    );
    values = read.map((v) => v.value.value);
  } catch {
    // A server without the nodes is no worse than one that names no limit.
  }
  const limit = (value: unknown) =>
    typeof value === 'number' && value > 0 ? Math.min(value, UNSAID) : UNSAID;
  return Object.fromEntries(
    names.map((name, i) => [name, limit(values[i])]),
  ) as unknown as OperationLimits;
}

/** How a server says that a request held too much. */
const TOO_MUCH =
  /TooManyOperations|TooManyMonitoredItems|RequestTooLarge|EncodingLimits|ResponseTooLarge/;

/**
 * Does something with many items, a portion at a time; a portion that the server finds too large after
 * all is halved, for it may not keep the limits that it names.
 *
 * @throws as `use`, where a portion of one is refused, or for another reason
 */
export async function inPortions<T>(
  items: readonly T[],
  size: number,
  use: (portion: readonly T[]) => Promise<void>,
): Promise<void> {
  let most = Math.max(1, Math.floor(size));
  for (let at = 0; at < items.length; ) {
    const portion = items.slice(at, at + most);
    try {
      await use(portion);
      at += portion.length;
    } catch (error) {
      if (portion.length === 1 || !TOO_MUCH.test(messageOf(error))) throw error;
      most = Math.ceil(portion.length / 2);
    }
  }
}
