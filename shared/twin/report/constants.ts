import type { Twin } from '../types.js';

/** Whether a parameter is declared to stay as it is. */
export const isConstant = ({ definition }: Twin, name: string): boolean =>
  definition.parameters.some((p) => p.variable === name && p.dynamics === 'constant');
