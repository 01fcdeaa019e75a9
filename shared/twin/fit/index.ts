/** Commissioning: constants, the start and the noise of a twin from a recording, by batch. */
export {
  type Commission,
  type CommissionOptions,
  commission,
  isUsable,
  leavesNoise,
} from './commission/commission.js';
export type { FitOutput } from './commission/fit-output.js';
export type { Wear } from './fitting/added.js';
export type { FitStart } from './fitting/fit.js';
export { stateAfterFit } from './handover/state.js';
export { createFitModel } from './model/create-fit-model.js';
export type { FitModel, FitPoint, FreeRun } from './model/fit-model.js';
export type { HeldOut } from './outputs/held-out.js';
export { type OfferedWear, withWearing } from './wear/unstated-wear.js';
export { STEP_KIND } from './wear/wear-course.js';
export { UNSEEN_SCALE } from './wear/wear-mixture.js';
export { isExplained, MOST_LASTING } from './wear/wear-search.js';
export { MOST_LASTING_OF_STEP } from './wear/wear-step.js';
