import type { RefitMark } from '../state/filter-state.js';
import type { Alarm, Twin } from '../types.js';
import type { Verdict } from './verdict.js';

/** Whether an alarm repeats the verdict of the newest fit of constants. */
export const isOfFit = (code: Alarm['code']): boolean =>
  code === 'fit-unusable' || code === 'fit-care';

/** Characters of a reason that a state keeps. */
const MOST_KEPT = 300;

/** What a state keeps of a fit's verdict. */
export function markOfVerdict({ grade, reasons }: Verdict): Pick<RefitMark, 'grade' | 'reason'> {
  const [first] = reasons;
  if (first === undefined) return { grade };
  const cut = first.length > MOST_KEPT ? `${first.slice(0, MOST_KEPT - 1)}…` : first;
  const more = reasons.length - 1;
  return { grade, reason: more === 0 ? cut : `${cut} (and ${more} more)` };
}

/** What the newest fit of a state's constants says against every sample until the next. */
export function fitAlarms(twin: Twin, mark: RefitMark | undefined): Alarm[] {
  if (mark?.grade === undefined || mark.grade === 'good') return [];
  const subject = twin.definition.name;
  const fit = `newest fit of the constants, over ${mark.samples} samples,`;
  const why = mark.reason === undefined ? '' : `: ${mark.reason}`;
  return mark.grade === 'care'
    ? [{ code: 'fit-care', subject, message: `The ${fit} is to be used with care${why}.` }]
    : [
        {
          code: 'fit-unusable',
          subject,
          message: `The ${fit} is not to be used, and the parameters are ${mark.fitted ? 'those of a fit before' : 'their priors'}${why}.`,
        },
      ];
}
