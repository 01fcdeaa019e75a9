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
/** A server looks through all children of a folder for each path: many at once are not answered in time. */
const MOST_PATHS = 100;

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
  const limit = (name: keyof OperationLimits, value: unknown) => {
    const most = name === 'browsePaths' ? MOST_PATHS : UNSAID;
    return typeof value === 'number' && value > 0 ? Math.min(value, most) : most;
  };
  return Object.fromEntries(
    names.map((name, i) => [name, limit(name, values[i])]),
  ) as unknown as OperationLimits;
}

/** How a server says that a request held too many items, whatever they are. */
const TOO_MANY = /TooManyOperations|TooManyMonitoredItems/;
/** How it says that the request, or its answer, would be too long: one item may be to blame. */
const TOO_LONG = /RequestTooLarge|EncodingLimits|ResponseTooLarge/;

/** Whether a server's word is that there was too much in a request, or would be in its answer. */
export function isTooMuch(error: unknown): boolean {
  const text = messageOf(error);
  return TOO_MANY.test(text) || TOO_LONG.test(text);
}

/** The status in an error of the stack: one word. */
export function statusOf(error: unknown, otherwise: string): string {
  return /Bad[A-Za-z]+/.exec(messageOf(error))?.[0] ?? otherwise;
}

/**
 * Does something with many items, a portion at a time. A portion that the server finds too large after all is halved,
 * for it may not keep the limits that it names; one item that is too much by itself takes no other with it.
 *
 * @param use may throw in the middle of a portion: it is called again with the halves of it
 * @param refused is told of an item that is too much by itself, with the server's status
 * @throws as `use`, where it is for another reason
 */
export async function inPortions<T>(
  items: readonly T[],
  size: number,
  use: (portion: readonly T[]) => Promise<void>,
  refused: (item: T, status: string) => void,
): Promise<void> {
  let most = Math.max(1, Math.floor(size));
  const attempt = async (portion: readonly T[]): Promise<void> => {
    try {
      await use(portion);
    } catch (error) {
      if (!isTooMuch(error)) throw error;
      const [first] = portion;
      if (portion.length === 1 && first !== undefined) {
        refused(first, statusOf(error, 'too-much'));
        return;
      }
      const half = Math.ceil(portion.length / 2);
      // How many it takes holds for all that follow; how long these are does not.
      if (TOO_MANY.test(messageOf(error))) most = Math.min(most, half);
      for (let at = 0; at < portion.length; ) {
        const part = portion.slice(at, at + Math.min(most, half));
        await attempt(part);
        at += part.length;
      }
    }
  };
  for (let at = 0; at < items.length; ) {
    const portion = items.slice(at, at + most);
    await attempt(portion);
    at += portion.length;
  }
}
