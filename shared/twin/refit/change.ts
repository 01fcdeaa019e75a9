import type { Fit } from '../fit/fitting/fit.js';
import { isExplained, MOST_LASTING, MOST_LASTING_OF_STEP, STEP_KIND } from '../fit/index.js';
import type { FilterState } from '../state/filter-state.js';

/** What a change of parameters leaves of an event, in deviations of the sensors' noise. */
const MOST_LEFT = 2;

/** Nats that a change of parameters must gain to be taken for what an event shows, if anything else is in doubt. */
const LEAST_GAIN = 6;

/**
 * Whether what a fit found of its parameters explains its residuals: almost anything is explained by some step,
 * a little; wear that gains enough may leave more.
 */
function isChanged({ wear, ...fit }: Fit): boolean {
  const gains = (wear?.gain ?? 0) >= LEAST_GAIN;
  const steps = wear?.kinds.includes(STEP_KIND.name) === true;
  return (
    (gains || !steps) && isExplained(fit, gains && !steps ? MOST_LASTING : MOST_LASTING_OF_STEP)
  );
}

/** Whether a fit with a change of parameters explains an event: what it leaves is noise as it was before. */
export const isChange = (fit: Fit, { noiseStd }: Pick<FilterState, 'noiseStd'>): boolean =>
  isChanged(fit) &&
  fit.residualModels.every(
    ({ white, ou, samples }, c) =>
      samples === 0 || Math.hypot(white, ou.std) <= MOST_LEFT * noiseStd[c]!,
  );
