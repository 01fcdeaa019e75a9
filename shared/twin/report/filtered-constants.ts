import { refitSchedule } from '../refit/schedule.js';
import { isFitted } from '../transient/watch.js';
import type { CalibratorState, StepResult, Twin } from '../types.js';
import type { Finding } from './verdict.js';

/** Share of a prior's deviation below which a constant was learnt. */
const LEARNT = 0.5;

/**
 * Constants that the filter of a moving machine learns, as where the definition leaves fits out. It takes each
 * sample once, linearised where it stood then: what the first few said of a constant, with states hardly known,
 * is never asked again, and its band is narrow about that. Innovations of later samples seldom show it, so only
 * a fit of the record tells whether the band may be believed.
 *
 * @param last newest assimilated sample
 */
export function filteredConstantFindings(
  { definition }: Twin,
  { filter }: Pick<CalibratorState, 'filter'>,
  last: Pick<StepResult, 'parameters'> & { diagnostics: Pick<StepResult['diagnostics'], 'mode'> },
): Finding[] {
  const { parameters, calibration, simulation } = definition;
  if (last.diagnostics.mode !== 'transient' || isFitted(filter)) return [];
  if (refitSchedule(definition, parameters.length) !== undefined) return [];
  const learnt = parameters.flatMap(({ variable, dynamics, prior }) => {
    const std = last.parameters[variable]?.std;
    const isLearnt = dynamics === 'constant' && std !== undefined && std < LEARNT * prior.std;
    return isLearnt ? [variable] : [];
  });
  if (learnt.length === 0) return [];
  const instead =
    simulation.mode === 'auto'
      ? 'give it simulation.mode: transient where the machine moves in most samples'
      : calibration.refit === false
        ? 'leave out calibration.refit: false'
        : 'state calibration.refit.everyS';
  return [
    {
      grade: 'care',
      reason: `${learnt.join(', ')}: learnt by the filter of a moving machine, whose bands of constants may be too narrow about what the first samples said; compare with twinloop fit of the same record, or have them fitted: ${instead}`,
      about: learnt,
    },
  ];
}
