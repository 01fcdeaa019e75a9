import type { Alarm, Twin } from '../types.js';
import { eventsOf } from './machine-events.js';
import type { StepTrace } from './step-trace.js';
import { instantText } from './time-axis.js';

/** Samples after which an event that still stands may as well be a change of the machine. */
const LASTS = 15;
/** Share of a run's samples in events from which the rest is not what the machine does. */
const MUCH = 1 / 3;
/** Samples from which a run says something of its events. */
const FEWEST = 20;

/** How many samples came since a time, those of before the run reckoned by how often its own come. */
function samplesSince(sinceS: number, used: readonly StepTrace[]): number {
  const [first, last] = [used[0]!.timeS, used.at(-1)!.timeS];
  const own = used.filter(({ timeS }) => timeS > sinceS).length;
  return sinceS >= first || used.length < 2
    ? own
    : own + Math.floor((first - sinceS) / ((last - first) / (used.length - 1)));
}

/**
 * That a run's parameters and bands are of another machine than it ended with: an event still stands
 * at its end, or events took much of it. Fits leave events out, and so say nothing of them.
 */
export function lastingEvents({ definition }: Twin, used: readonly StepTrace[]): Alarm[] {
  const events = eventsOf(used);
  const inEvent = used.filter(({ timeS }) =>
    events.some(({ sinceS, untilS = timeS }) => timeS > sinceS && timeS <= untilS),
  ).length;
  const last = events.at(-1);
  const open =
    last === undefined || last.untilS !== undefined ? 0 : samplesSince(last.sinceS, used);
  const isMuch = used.length >= FEWEST && inEvent > MUCH * used.length;
  if (open < LASTS && !isMuch) return [];
  const what = [
    ...(open < LASTS
      ? []
      : [`an event has stood since ${instantText(last!.sinceS)}, for ${open} samples`]),
    ...(isMuch ? [`${inEvent} of ${used.length} samples are in events`] : []),
  ].join(', and ');
  const { parameters, name } = definition;
  const constant = parameters.every((p) => p.dynamics === 'constant');
  const remedy = constant
    ? 'no parameter may wear, so a change of one is an event: where one may, give it wearHorizonS in place of dynamics: constant, which fit on the same data offers with its figure'
    : 'give the model what it lacks; a disturbance may be it';
  return [
    {
      code: 'inconsistent',
      subject: name,
      message: `${what[0]!.toUpperCase()}${what.slice(1)}: the parameters were kept as before, and no band holds what has changed; ${remedy}.`,
    },
  ];
}
