import type { Twin } from '../../types.js';
import type { FitModel } from './fit-model.js';

/** What every fit of one twin needs. */
export interface FitContext {
  twin: Twin;
  model: FitModel;
  signal?: AbortSignal;
  /** Called with the number of model runs so far. */
  onPass?: (passes: number) => void;
  passes: number;
}

/**
 * The context of fits that begin: no model has run.
 *
 * @param options of the command that fits, of which those for all fits are taken
 */
export function fitContext(
  twin: Twin,
  model: FitModel,
  { signal, onPass }: Pick<FitContext, 'signal' | 'onPass'> = {},
): FitContext {
  return {
    twin,
    model,
    passes: 0,
    ...(signal === undefined ? {} : { signal }),
    ...(onPass === undefined ? {} : { onPass }),
  };
}
