import { TwinError } from '../../core/index.js';
import type { DiscreteStatesInfo, FmuInstance } from '../binding/instance.js';

/** Rounds of event iteration after which a model is taken to have no end of it. */
const MAX_EVENT_ITERATIONS = 1000;

/**
 * Updates the discrete states until they rest; the instance is in event mode.
 *
 * @returns the last answer, with what changed in any of the rounds
 * @throws TwinError `NUMERIC` when the iteration does not end
 */
export function iterateEvents(instance: FmuInstance, timeS: number): DiscreteStatesInfo {
  let nominals = false;
  let values = false;
  for (let round = 0; round < MAX_EVENT_ITERATIONS; round++) {
    const info = instance.updateDiscreteStates();
    nominals ||= info.nominalsOfContinuousStatesChanged;
    values ||= info.valuesOfContinuousStatesChanged;
    if (info.terminateSimulation || !info.discreteStatesNeedUpdate) {
      return {
        ...info,
        nominalsOfContinuousStatesChanged: nominals,
        valuesOfContinuousStatesChanged: values,
      };
    }
  }
  throw new TwinError(
    'NUMERIC',
    `Event iteration at ${timeS} s did not end within ${MAX_EVENT_ITERATIONS} rounds: the model's discrete equations contradict each other.`,
  );
}
