import { TwinError } from '../../core/index.js';
import { sizeOf } from './dimensions.js';
import { findVariable, type ModelDescription, type ModelVariable } from './model-description.js';
import { variableOf } from './variable-of.js';

/** One number of a model: a scalar variable, or an element of an array. */
export interface Scalar {
  /** As it was asked for, e.g. `x[2,3]`. */
  name: string;
  variable: ModelVariable;
  /** Position in the array, row by row; left out for a scalar variable. */
  element?: number;
}

/** Types whose values are numbers; truth values count as 0 and 1. */
const isNumeric = ({ type }: ModelVariable): boolean =>
  type !== 'String' && type !== 'Binary' && type !== 'Clock';

/** Splits `x[2,3]` into name and indices, which begin at 1. */
function indexed(name: string): { array: string; indices: number[] } | undefined {
  const match = /^(.+)\[\s*(\d{1,9}(?:\s*,\s*\d{1,9})*)\s*\]$/.exec(name);
  if (match === null) return undefined;
  return { array: match[1] as string, indices: (match[2] as string).split(',').map(Number) };
}

/** Length of each dimension, structural parameters at their start values. */
function lengthsOf(md: ModelDescription, variable: ModelVariable): number[] {
  return variable.dimensions.map((dimension) =>
    sizeOf(md, { ...variable, dimensions: [dimension] }),
  );
}

/** The names of an array's elements, row by row. */
export function elementNames(md: ModelDescription, variable: ModelVariable): string[] {
  let names = [''];
  for (const length of lengthsOf(md, variable)) {
    names = names.flatMap((head) =>
      Array.from({ length }, (_, i) => `${head}${head === '' ? '' : ','}${i + 1}`),
    );
  }
  return names.map((indices) => `${variable.name}[${indices}]`);
}

/**
 * The number that a name stands for: a scalar variable by its name, or an element of an array as
 * `x[2,3]`, counted from 1. A variable that is itself called `x[2,3]`, as in FMI 2, comes first.
 *
 * @throws TwinError `VARIABLE_UNKNOWN` with names that come near; `VALUE_INVALID` for an array without
 *   an index, an index outside of it, and what is no number
 */
export function scalarOf(md: ModelDescription, name: string): Scalar {
  const own = findVariable(md, name);
  const parts = own === undefined ? indexed(name) : undefined;
  const variable = own ?? (parts === undefined ? undefined : findVariable(md, parts.array));
  if (variable === undefined) return { name, variable: variableOf(md, name) };
  if (!isNumeric(variable)) {
    throw new TwinError(
      'VALUE_INVALID',
      `${name} is of type ${variable.type}: a number, a truth value or an enumeration was expected.`,
    );
  }
  if (variable.dimensions.length === 0) {
    if (parts === undefined) return { name, variable };
    throw new TwinError('VALUE_INVALID', `${name}: ${variable.name} is no array but one value.`);
  }
  const lengths = lengthsOf(md, variable);
  const last = `${variable.name}[${lengths.join(',')}]`;
  const first = `${variable.name}[${lengths.map(() => 1).join(',')}]`;
  const indices = parts?.indices;
  if (indices === undefined) {
    throw new TwinError(
      'VALUE_INVALID',
      `${name} is an array of ${lengths.join(' × ')} elements: name one of ${first} to ${last}.`,
    );
  }
  const inside =
    indices.length === lengths.length && indices.every((i, d) => i >= 1 && i <= lengths[d]!);
  if (!inside) {
    throw new TwinError(
      'VALUE_INVALID',
      `${name} is no element of ${variable.name}, which has ${first} to ${last}.`,
    );
  }
  const element = indices.reduce((at, index, d) => at * lengths[d]! + index - 1, 0);
  return { name, variable, element };
}

/** As {@link scalarOf}; `undefined` where the model has no such variable. */
export function findScalar(md: ModelDescription, name: string): Scalar | undefined {
  const array = indexed(name)?.array;
  const known =
    findVariable(md, name) ?? (array === undefined ? undefined : findVariable(md, array));
  return known === undefined ? undefined : scalarOf(md, name);
}
