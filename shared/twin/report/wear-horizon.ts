import type { TwinDefinition } from '../../config/index.js';
import { durationText } from '../../core/index.js';

/** The time in which each parameter that wears may wear through its range, seconds by name. */
export const wearHorizonsOf = ({
  parameters,
  estimator,
}: Pick<TwinDefinition, 'parameters' | 'estimator'>): Record<string, number> =>
  Object.fromEntries(
    parameters
      .filter((p) => p.dynamics !== 'constant' && p.dynamics !== 'mean-reverting')
      .map((p) => [p.variable, p.wearHorizonS ?? estimator.wearHorizonS]),
  );

/** Which wear horizons a result was made with, in a line. */
export function horizonLine(wearHorizonS: Readonly<Record<string, number>>): string {
  const by = new Map<number, string[]>();
  for (const [name, s] of Object.entries(wearHorizonS)) by.set(s, [...(by.get(s) ?? []), name]);
  if (by.size === 0) return 'Wear horizon: none, no parameter is expected to wear.';
  const parts = [...by].map(([s, names]) =>
    by.size === 1 ? durationText(s) : `${durationText(s)} (${names.join(', ')})`,
  );
  return `Wear horizon: ${parts.join(', ')}, in which a parameter may wear through its whole range.`;
}
