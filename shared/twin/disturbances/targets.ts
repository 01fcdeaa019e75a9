import type { TwinDefinition } from '../../config/index.js';
import { findScalar, type ModelDescription } from '../../fmi/index.js';
import type { Twin } from '../types.js';

/** What a disturbance adds to. */
export type ForceTarget =
  | { kind: 'input' | 'parameter'; index: number; variable: string }
  /** What the definition names nowhere else, with the value that it has undisturbed. */
  | { kind: 'other'; base: number; variable: string };

/**
 * Where each disturbance of a definition acts.
 *
 * @param fromFmu a value of the FMU in the definition's unit
 */
export function forceTargets(
  definition: Pick<TwinDefinition, 'inputs' | 'parameters'> & {
    disturbances: readonly { on: string }[];
  },
  md: ModelDescription,
  fromFmu: (name: string, value: number) => number,
): ForceTarget[] {
  return definition.disturbances.map(({ on: variable }) => {
    const input = definition.inputs.findIndex((v) => v.variable === variable);
    if (input >= 0) return { kind: 'input', index: input, variable };
    const parameter = definition.parameters.findIndex((v) => v.variable === variable);
    if (parameter >= 0) return { kind: 'parameter', index: parameter, variable };
    const found = findScalar(md, variable);
    const value = Number(found?.variable.start?.[found.element ?? 0] ?? 0);
    return { kind: 'other', base: fromFmu(variable, Number.isFinite(value) ? value : 0), variable };
  });
}

/** What a disturbed parameter, or another variable, is while something adds to it; bounds are kept. */
export function disturbedValue(
  { definition }: Pick<Twin, 'definition'>,
  target: ForceTarget,
  parameters: Float64Array,
  add: number,
): number {
  if (target.kind === 'other') return target.base + add;
  const { lower = -Infinity, upper = Infinity } = definition.parameters[target.index]!;
  return Math.min(upper, Math.max(lower, parameters[target.index]! + add));
}
