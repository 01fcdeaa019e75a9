import type { TwinDefinition } from '../../config/index.js';
import type { Interpolation } from '../../fmi/index.js';

/** How each input of a moving machine runs between samples, in the definition's order. */
export const inputInterpolations = ({
  inputs,
  transient,
}: Pick<TwinDefinition, 'inputs' | 'transient'>): Interpolation[] =>
  inputs.map((input) => input.interpolation ?? transient.inputInterpolation);
