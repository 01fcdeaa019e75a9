import type { TwinLayout } from '../config/index.js';

/** A span of web between two components. */
export type LayoutSpan = TwinLayout['spans'][number];

/** Names of the glTF's nodes, for whoever turns or colours them. */
export interface PartNames {
  /** Node of a component, by its id; for a roller the drum, which turns. */
  component(id: string): string;
  /** Node of a nip's second roller. */
  press(id: string): string;
  /** Node of a span of web. */
  span(span: LayoutSpan): string;
}

/** Nodes and materials of what is no part of the layout. */
export const OTHER_NAMES = {
  root: 'machine',
  frame: 'frame',
  arms: 'dancer-arms',
  marks: 'marks',
} as const;

/**
 * Gives each part a name that is unique and that three.js, and TwinMaker with it, leaves as it is:
 * letters, digits, `_` and `-`.
 */
export function partNames(layout: TwinLayout): PartNames {
  const taken = new Set<string>(Object.values(OTHER_NAMES));
  const give = (wanted: string): string => {
    const clean = wanted.replaceAll(/[^A-Za-z0-9_-]/g, '_');
    let name = clean;
    for (let i = 2; taken.has(name); i++) name = `${clean}_${i}`;
    taken.add(name);
    return name;
  };
  const components = new Map(layout.components.map((c) => [c.id, give(c.id)]));
  const nips = layout.components.filter((c) => c.kind === 'nip');
  const presses = new Map(nips.map((c) => [c.id, give(`${c.id}-press`)]));
  const spans = new Map(layout.spans.map((s) => [s, give(`web-${s.from}-${s.to}`)]));
  const known = <K>(names: ReadonlyMap<K, string>, key: K): string => {
    const name = names.get(key);
    if (name === undefined) throw new RangeError(`${JSON.stringify(key)} is no part of the layout`);
    return name;
  };
  return {
    component: (id) => known(components, id),
    press: (id) => known(presses, id),
    span: (span) => known(spans, span),
  };
}
