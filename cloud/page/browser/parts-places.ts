import type { PartsPicture, PicturePart } from './protocol.js';

/** The column and row of each part. */
export type Places = ReadonlyMap<string, { column: number; row: number }>;

/**
 * Where parts stand: as they say, else one column after what they come from, one below the other.
 * Links that lead round in a circle do not move a part further than all others could.
 */
export function placesOf({ parts, links }: PartsPicture): Places {
  const column = new Map(parts.map((p) => [p.id, p.x ?? 0]));
  const free = new Set(parts.filter((p) => p.x === undefined).map((p) => p.id));
  for (let round = 0; round < parts.length; round++) {
    let moved = false;
    for (const { from, to } of links) {
      const next = (column.get(from) ?? 0) + 1;
      if (!free.has(to) || next <= (column.get(to) ?? 0) || next >= parts.length) continue;
      column.set(to, next);
      moved = true;
    }
    if (!moved) break;
  }
  const taken = new Set<string>();
  const places = new Map<string, { column: number; row: number }>();
  const put = (part: PicturePart, row: number) => {
    const at = { column: column.get(part.id) ?? 0, row };
    taken.add(`${at.column}:${row}`);
    places.set(part.id, at);
  };
  for (const part of parts) if (part.y !== undefined) put(part, part.y);
  for (const part of parts) {
    if (part.y !== undefined) continue;
    let row = 0;
    while (taken.has(`${column.get(part.id) ?? 0}:${row}`)) row++;
    put(part, row);
  }
  return places;
}
