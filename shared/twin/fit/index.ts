/** Commissioning: constants, the start and the noise of a twin from a recording, by batch. */
export { type Commission, type CommissionOptions, commission } from './commission.js';
export { createFitModel } from './create-fit-model.js';
export type { FitModel, FitPoint, FreeRun } from './fit-model.js';
export { stateAfterFit } from './state.js';
export type { FitOutput, FitStart, HeldOut, OfferedWear } from './types.js';
export { withWearing } from './unstated-wear.js';
export type { Wear } from './wear.js';
export { STEP_KIND } from './wear-course.js';
export { UNSEEN_SCALE } from './wear-mixture.js';
export { isExplained, MOST_LASTING } from './wear-search.js';
export { MOST_LASTING_OF_STEP } from './wear-step.js';
