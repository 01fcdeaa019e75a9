import type { RefitMark } from '../state/filter-state.js';
import type { Alarm, Twin } from '../types.js';

/** Whether an alarm repeats the verdict of the newest fit of constants. */
export const isOfFit = (code: Alarm['code']): boolean =>
  code === 'fit-unusable' || code === 'fit-care';

/** What the newest fit of a state's constants says against every sample until the next. */
export function fitAlarms(twin: Twin, mark: RefitMark | undefined): Alarm[] {
  if (mark?.grade === undefined || mark.grade === 'good') return [];
  const subject = twin.definition.name;
  const fit = `newest fit of the constants, over ${mark.samples} samples,`;
  return mark.grade === 'care'
    ? [{ code: 'fit-care', subject, message: `The ${fit} is to be used with care.` }]
    : [
        {
          code: 'fit-unusable',
          subject,
          message: `The ${fit} is not to be used: the parameters are ${mark.fitted ? 'those of a fit before' : 'their priors'}.`,
        },
      ];
}
