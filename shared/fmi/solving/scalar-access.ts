import type { Float64Block, FmuInstance } from '../binding/instance.js';
import type { ModelVariable } from '../description/model-description.js';
import type { Scalar } from '../description/scalars.js';
import { coerceScalar } from '../description/start-values.js';

/** Makes shared memory for Float64 scalars of an instance. */
export type BlockMaker = (
  instance: FmuInstance,
  variables: readonly ModelVariable[],
) => Float64Block;

/** Reads numbers of any type; `values` is filled by each `get`. */
export interface ScalarReader {
  readonly values: Float64Array;
  get(): void;
}

const isPlain = ({ variable, element }: Scalar): boolean =>
  element === undefined && variable.type === 'Float64';

/**
 * Reads scalars and elements of arrays as numbers: Float64 scalars in one call, other variables in
 * one call each.
 */
export function scalarReader(
  instance: FmuInstance,
  scalars: readonly Scalar[],
  makeBlock: BlockMaker,
): ScalarReader {
  const block = makeBlock(
    instance,
    scalars.filter(isPlain).map(({ variable }) => variable),
  );
  if (scalars.every(isPlain)) return block;
  const values = new Float64Array(scalars.length);
  const plain: number[] = [];
  const others = new Map<ModelVariable, { slot: number; element: number }[]>();
  scalars.forEach((scalar, slot) => {
    if (isPlain(scalar)) {
      plain.push(slot);
      return;
    }
    const wanted = { slot, element: scalar.element ?? 0 };
    const sameVariable = others.get(scalar.variable);
    if (sameVariable === undefined) others.set(scalar.variable, [wanted]);
    else sameVariable.push(wanted);
  });
  return {
    values,
    get() {
      block.get();
      plain.forEach((slot, i) => {
        values[slot] = block.values[i] as number;
      });
      for (const [variable, wanted] of others) {
        const found = instance.getValue(variable);
        for (const { slot, element } of wanted) values[slot] = Number(found[element]);
      }
    },
  };
}

/**
 * Sets scalars and elements of arrays. Of an array of which some elements are given, the others stay
 * as they are.
 */
export function setScalars(
  instance: FmuInstance,
  assignments: readonly (readonly [Scalar, number])[],
  makeBlock: BlockMaker,
): void {
  const plain = assignments.filter(([scalar]) => isPlain(scalar));
  const arrays = new Map<ModelVariable, [number, number][]>();
  for (const [scalar, value] of assignments) {
    if (isPlain(scalar)) continue;
    const { variable, element } = scalar;
    if (element === undefined) instance.setValue(variable, [coerceScalar(variable, value)]);
    else {
      const sameArray = arrays.get(variable);
      if (sameArray === undefined) arrays.set(variable, [[element, value]]);
      else sameArray.push([element, value]);
    }
  }
  for (const [variable, elements] of arrays) {
    const values = instance.getValue(variable);
    for (const [element, value] of elements) values[element] = coerceScalar(variable, value);
    instance.setValue(variable, values);
  }
  const block = makeBlock(
    instance,
    plain.map(([{ variable }]) => variable),
  );
  plain.forEach(([, value], i) => {
    block.values[i] = value;
  });
  block.set();
}
