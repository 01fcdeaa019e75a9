import type { TwinDefinition } from '../../config/index.js';
import type { Assimilate } from '../calibrator/assimilate.js';
import type { StatedError } from '../definition/stated-errors.js';
import type { FilterSettings } from '../filter/settings.js';
import type { TransientMemory } from '../state/filter-state.js';
import { habitsAfter } from './input-habits.js';
import { leadOfRest } from './stated-lead.js';

/**
 * Takes a sample as a state of rest: of the states nothing is known from there on.
 *
 * @param errors that are stated and last, `lead` what they have led off so far
 */
export async function takenAtRest(
  { definition, settings }: { definition: TwinDefinition; settings: FilterSettings },
  steady: Assimilate,
  input: Parameters<Assimilate>[0],
  memory: TransientMemory,
  errors: readonly StatedError[],
  lead: Float64Array | undefined,
): ReturnType<Assimilate> {
  const { state, sample, dtS } = input;
  const { noiseStd, inputSlopes: before } = state.filter;
  const { prior, filtered, inputSlopes } = await steady(input);
  const followed =
    lead &&
    leadOfRest(
      lead,
      errors,
      definition,
      {
        ...{ dtS, inputs: sample.inputs, noiseStd, prior, filtered },
        slopes: inputSlopes ?? before,
      },
      settings,
    );
  return {
    prior,
    filtered: followed
      ? { ...filtered, stated: followed.stated, persistent: followed.persistent }
      : filtered,
    transient: {
      ...memory,
      stateMean: new Float64Array(),
      stateFactor: new Float64Array(),
      lastInnovation: new Float64Array(),
      lastInputs: sample.inputs.slice(),
      inputHabits: habitsAfter(memory, sample.inputs, dtS),
      modelMemory: undefined,
      ...(followed && { statedLead: followed.lead, statedStd: undefined }),
    },
    ...(inputSlopes && { inputSlopes }),
  };
}
