import type { TwinDefinition } from '../../config/index.js';
import type { Interpolation } from '../../fmi/index.js';

/** How each input of a moving machine runs between samples, in the definition's order. */
export const inputInterpolations = ({
  inputs,
  transient,
}: Pick<TwinDefinition, 'inputs' | 'transient'>): Interpolation[] =>
  inputs.map((input) => input.interpolation ?? transient.inputInterpolation);

/** An input of so few values is a switch. */
const VALUES_OF_SWITCH = 3;

/** Whether values are those of a switch: more than one, and few. Values that are missing do not count. */
export function isSwitch(values: Iterable<number>): boolean {
  const found = new Set<number>();
  for (const v of values) {
    if (Number.isFinite(v)) found.add(v);
    if (found.size > VALUES_OF_SWITCH) return false;
  }
  return found.size > 1;
}
