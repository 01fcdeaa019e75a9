import { TwinError } from '../../core/index.js';
import type { ModelDescription, ModelVariable } from './model-description.js';

/** Elements of one variable beyond which its size is taken for a fault. */
const MAX_ELEMENTS = 2 ** 27;

/**
 * Number of elements of a variable.
 *
 * @param read the value of a structural parameter; default: its start value
 * @throws TwinError `FMU_INVALID` for a dimension that refers to nothing or is absurd
 */
export function sizeOf(
  md: ModelDescription,
  variable: ModelVariable,
  read: (parameter: ModelVariable) => number = (p) => Number(p.start?.[0] ?? Number.NaN),
): number {
  let size = 1;
  for (const dimension of variable.dimensions) {
    if ('start' in dimension) size *= dimension.start;
    else {
      const parameter = md.variables.find((v) => v.valueReference === dimension.valueReference);
      size *= parameter === undefined ? Number.NaN : read(parameter);
    }
  }
  if (!(size >= 0 && size <= MAX_ELEMENTS && Number.isInteger(size))) {
    throw new TwinError(
      'FMU_INVALID',
      `${variable.name} (line ${variable.line}) has no sensible size: ${size} elements.`,
    );
  }
  return size;
}
