import { setMaxListeners } from 'node:events';
import type { Twin } from '../../types.js';
import type { FitModel, ModelOptions } from './fit-model.js';
import { movingFitModel } from './moving-fit-model.js';
import { restFitModel } from './rest-fit-model.js';

/**
 * Opens a twin's FMU for fits. It needs no declared states; where they are declared and can be set,
 * the start is fitted too.
 *
 * @param options.lanes number of processes; default: one per core
 * @throws TwinError `FMU_INVALID`, `FMU_UNSUPPORTED`, `VARIABLE_UNKNOWN`
 */
export async function createFitModel(twin: Twin, options: ModelOptions = {}): Promise<FitModel> {
  if (options.signal !== undefined) setMaxListeners(0, options.signal);
  return twin.definition.simulation.mode === 'steady-state'
    ? restFitModel(twin, options)
    : movingFitModel(twin, options);
}
