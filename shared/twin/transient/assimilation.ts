import { TwinError } from '../../core/index.js';
import type { Assimilate } from '../calibrator/assimilate.js';
import type { FilterSettings } from '../filter/settings.js';
import type { TransientMemory } from '../state/filter-state.js';
import type { Twin, TwinModel } from '../types.js';
import { takenMoving } from './moving-sample.js';
import { restIn } from './rest-mode.js';
import { takenAtRest } from './rest-sample.js';
import { lastingErrors, leadBefore } from './stated-lead.js';

const NONE = new Float64Array();

const NOTHING: TransientMemory = {
  stateMean: NONE,
  stateFactor: NONE,
  stateScale: NONE,
  stateNoiseLog: 0,
  lastInnovation: NONE,
  lastInputs: NONE,
  window: NONE,
};

/**
 * Takes samples as moments of a moving machine, whose continuous states are estimated together with
 * the parameters; in mode `auto` as states of rest where the data show rest.
 *
 * @param steady the way of samples at rest
 * @throws TwinError `FMU_UNSUPPORTED` for a model without states that can be set
 */
export function transientAssimilation(
  twin: Twin,
  model: TwinModel,
  settings: FilterSettings,
  steady: Assimilate,
): Assimilate {
  const { definition } = twin;
  const { mode } = definition.simulation;
  const dynamics = model.transient;
  if (dynamics === undefined) {
    throw new TwinError(
      'FMU_UNSUPPORTED',
      `"${definition.name}" has mode "${mode}", but its model offers no states.`,
    );
  }
  const machine = { definition, dynamics, settings };
  const stated = lastingErrors(definition);

  return async (input) => {
    const { filter, sampleCount } = input.state;
    // Where parameters come from fits, these hold what is stated.
    const errors = filter.refit === undefined ? stated : [];
    const isFirst = sampleCount === 0 && filter.transient === undefined;
    const before = filter.transient ?? NOTHING;
    const sizes = {
      n: definition.parameters.length,
      states: dynamics.states.length,
      errors: errors.length,
    };
    const leadOf = (known: boolean) =>
      errors.length === 0 ? undefined : leadBefore(before.statedLead, sizes, isFirst, known);
    if (mode !== 'auto') return takenMoving(machine, input, before, errors, leadOf);
    const { isRest, memory } = await restIn(twin, dynamics, before, filter, input, input.signal);
    return isRest
      ? takenAtRest(machine, steady, input, memory, errors, leadOf(false))
      : takenMoving(machine, input, memory, errors, leadOf);
  };
}
