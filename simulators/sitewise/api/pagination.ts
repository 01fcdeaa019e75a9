import { invalidRequest } from './faults.js';

/** Where a listing goes on; `scope` ties a token to the operation and request it came from. */
export function encodeToken(scope: string, position: unknown): string {
  return Buffer.from(JSON.stringify([scope, position])).toString('base64');
}

/**
 * Reads a token back.
 *
 * @returns undefined for the first page
 * @throws ApiFault `InvalidRequestException` for a token that is not from this scope
 */
export function decodeToken(scope: string, token: string | undefined): unknown {
  if (token === undefined) return undefined;
  try {
    const [from, position] = JSON.parse(Buffer.from(token, 'base64').toString()) as unknown[];
    if (from === scope) return position;
  } catch {
    // Falls through: not one of ours.
  }
  throw invalidRequest('The nextToken is not valid for this request.');
}

/**
 * One page of a listing.
 *
 * @param items all items, in an order that stays
 * @param idOf an item's id; the next page begins after the last id of this one
 */
export function paginate<T>(
  scope: string,
  items: readonly T[],
  idOf: (item: T) => string,
  request: { nextToken?: string | undefined; maxResults?: number | undefined },
  defaultSize = 50,
): { page: T[]; nextToken?: string } {
  const after = decodeToken(scope, request.nextToken);
  let start = 0;
  if (typeof after === 'string') {
    start = items.findIndex((item) => idOf(item) === after) + 1;
    if (start === 0) throw invalidRequest('The nextToken is no longer valid.');
  }
  const end = start + (request.maxResults ?? defaultSize);
  const page = items.slice(start, end);
  const last = page[page.length - 1];
  if (end >= items.length || last === undefined) return { page };
  return { page, nextToken: encodeToken(scope, idOf(last)) };
}
