import type { Store } from './store.js';

/**
 * How far a tension has moved since the page's history began, as a share of the colour scale: half
 * of it lost or gained is the scale's end.
 */
export function tensionShare(store: Store, channel: string): number {
  const value = store.now(channel)?.[1];
  const first = store.rows(channel).find((row) => row[1] !== null)?.[1];
  if (value === undefined || value === null || first === undefined || first === null) return 0;
  return Math.abs(value - first) / (0.5 * Math.abs(first) || 1);
}
