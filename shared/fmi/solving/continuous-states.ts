import { TwinError } from '../../core/index.js';
import type { InterfaceType } from '../binding/instance.js';
import {
  findVariable,
  type ModelDescription,
  type ModelVariable,
} from '../description/model-description.js';
import { elementNames } from '../description/scalars.js';

/** One continuous state; those of an array are named by their elements, as `x[1]`. */
export interface ContinuousState {
  name: string;
  nominal?: number;
}

/** A model's continuous states, and whether a run can be begun from any values of them. */
export interface StateAccess {
  /** In the FMU's order. */
  states: readonly ContinuousState[];
  /** Why a run can't be begun from them; left out where it can. */
  obstacle?: string;
}

/**
 * The continuous states that a model names in its structure, and how they can be set: under model
 * exchange always, under co-simulation where each is a start value of the model.
 */
export function stateAccess(md: ModelDescription, type: InterfaceType): StateAccess {
  const variables: ModelVariable[] = [];
  const nameless: string[] = [];
  for (const { name } of md.modelStructure.continuousStateDerivatives) {
    const of = findVariable(md, name)?.derivative;
    const state = of === undefined ? undefined : findVariable(md, of);
    if (state === undefined) nameless.push(name);
    else variables.push(state);
  }
  const states = variables.flatMap((v): ContinuousState[] => {
    const names = v.dimensions.length === 0 ? [v.name] : elementNames(md, v);
    return names.map((name) => ({ name, ...(v.nominal !== undefined && { nominal: v.nominal }) }));
  });
  const quoted = (names: readonly string[]) =>
    `${names
      .slice(0, 5)
      .map((n) => `"${n}"`)
      .join(', ')}${names.length > 5 ? ` and ${names.length - 5} more` : ''}`;
  const fail = (obstacle: string): StateAccess => ({ states, obstacle });
  if (type === 'me' && md.modelExchange === undefined) {
    return fail(`${md.modelName} offers no model exchange`);
  }
  if (type === 'cs' && md.coSimulation === undefined) {
    return fail(`${md.modelName} offers no co-simulation`);
  }
  if (nameless.length > 0) {
    return fail(
      `${md.modelName} does not say which variables its derivatives ${quoted(nameless)} belong to`,
    );
  }
  if (states.length === 0) return fail(`${md.modelName} names no continuous states`);
  const wrong = variables.filter((v) => v.type !== 'Float64');
  if (wrong.length > 0) {
    return fail(
      `the states ${quoted(wrong.map((v) => v.name))} of ${md.modelName} are no Float64 numbers`,
    );
  }
  if (type === 'cs') {
    const fixed = variables.filter((v) => v.initial !== 'exact' && v.initial !== 'approx');
    if (fixed.length > 0) {
      return fail(
        `the states ${quoted(fixed.map((v) => v.name))} of ${md.modelName} are no start values (\`initial="exact"\`), so co-simulation can't begin from them`,
      );
    }
  }
  return { states };
}

/**
 * The states that a run can be begun from.
 *
 * @throws TwinError `FMU_UNSUPPORTED` with what is missing and what would do
 */
export function settableStates(
  md: ModelDescription,
  type: InterfaceType,
): readonly ContinuousState[] {
  const { states, obstacle } = stateAccess(md, type);
  if (obstacle === undefined) return states;
  const other = type === 'cs' ? 'me' : 'cs';
  const remedy =
    stateAccess(md, other).obstacle === undefined
      ? `Use the interface "${other}", where they can be set.`
      : 'Use `twinloop fit`, which runs from the start of a recording and needs no states, or have the FMU exported with model exchange and its states as variables.';
  throw new TwinError(
    'FMU_UNSUPPORTED',
    `Runs can't begin from given states: ${obstacle}. ${remedy}`,
  );
}
