import { type Force, forceOfState } from '../disturbances/index.js';
import type { FilterState, TransientMemory } from '../state/filter-state.js';
import type { EventMemory } from './events.js';
import { isEvent, noEvents, watchForEvents } from './events.js';
import type { TransientStep } from './filter.js';
import { heldStep, tellsOfNoise, withoutError } from './held-states.js';
import { leading } from './joint.js';
import { watchNoise } from './noise-watch.js';

/** Whether noise was found by likelihood over a window, so that nothing else moves it. */
export const isFitted = ({ refit }: Pick<FilterState, 'refit'>): boolean => refit?.fitted === true;

/** What is known of events before a sample. */
export function eventsBefore(
  filter: FilterState,
  memory: TransientMemory,
  states: number,
): { events: EventMemory; during: boolean } {
  const events = memory.events ?? noEvents(filter.noiseStd.length);
  // Innovations mean something once the noise is known: from the first fit on.
  const during = isFitted(filter) && isEvent(events) && events.boost.length === states;
  return { events, during };
}

/** What a sample says of events, and of the noise that a fit found. */
export interface Watched {
  remembered: Pick<TransientMemory, 'events' | 'noiseWatch' | 'held'>;
  /** Since when an event has been under way, s; absent while none is. */
  eventSinceS?: number;
  /** NIS of the states alone, the parameters held; absent where it says nothing of the noise. */
  statesNis?: number;
}

/**
 * Looks at a fitted machine's sample for events and for noise that is not right, by innovations of the states
 * with the parameters held: those of the joint filter hide both in the bands of the parameters.
 *
 * @param known whether the states before the sample were known
 * @param noiseStd,stateStd that the step was made with
 */
export function watchSample(
  filter: FilterState,
  memory: TransientMemory,
  step: TransientStep,
  sample: {
    timeS: number;
    dtS: number;
    measured: Float64Array;
    known: boolean;
    noiseStd: Float64Array;
    stateStd: Float64Array;
    stateScale: Float64Array;
    forces: readonly Force[];
  },
): Watched {
  const { timeS, measured, noiseStd, stateStd, stateScale, forces } = sample;
  const n = filter.x.length / 2;
  const ns = stateScale.length;
  const { events, during } = eventsBefore(filter, memory, ns);
  if (!isFitted(filter)) return { remembered: { held: undefined } };
  const held =
    sample.known && memory.held?.x.length === ns
      ? heldStep(memory.held, step.line, n, {
          measured,
          noiseStd,
          stateStd,
          ignored: during ? [] : step.filtered.gated,
        })
      : undefined;
  const { S } = leading(filter, n);
  // Where parameters may wear, an event is how their change is found.
  const apart =
    held === undefined || filter.refit?.trendScale !== undefined
      ? undefined
      : withoutError(held, memory.held?.error ?? { x: new Float64Array(n), S });
  const next = watchForEvents(events, {
    timeS,
    lastTimeS: timeS - sample.dtS,
    innovation: apart?.innovation ?? held?.innovation ?? step.innovation,
    std: held?.std ?? step.innovation.map((v, i) => v / step.own[i]!),
    stateSlope: step.stateSlope,
    // What is unknown already is not where an event shows.
    stateScale: stateScale.map((v, i) => (forceOfState(forces, ns, i) === undefined ? v : 0)),
    scale: memory.eventScale,
  });
  const { sinceS } = during ? events : next;
  const remembered = {
    events: next,
    // What happens during an event says nothing of the parameters.
    held: held && {
      ...held.states,
      ...(apart && { error: during ? memory.held?.error : apart.error }),
    },
  };
  const since = Number.isNaN(sinceS) ? {} : { eventSinceS: sinceS };
  if (held === undefined) return { remembered, ...since };
  // Constants that are hardly known yet make innovations that are not the noise's.
  const tells = apart === undefined || tellsOfNoise(held, S);
  const noiseWatch = watchNoise(
    memory.noiseWatch,
    during ? events : next,
    {
      timeS,
      nis: tells ? held.nis : 0,
      channels: tells ? step.filtered.active.length : 0,
    },
    filter.refit!.samples,
  );
  return {
    remembered: { ...remembered, noiseWatch },
    ...since,
    ...(tells && { statesNis: held.nis }),
  };
}
