/** Constants of moving machines, fitted anew over windows of their samples. */
export {
  beginRefits,
  createRefitter,
  MOST_SAMPLES,
  type Refit,
  type Refitter,
} from './refit.js';
export { type RefittedRun, runWithRefits } from './run.js';
export {
  isRefitDue,
  isToldBetter,
  lookBackS,
  mayRefitBeDue,
  type RefitSchedule,
  refitSchedule,
  usableValues,
  windowBegin,
} from './schedule.js';
