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
