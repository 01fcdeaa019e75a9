import type { Logger } from '../../core/index.js';
import { type Commission, commission, type FitModel, isUsable, leavesNoise } from '../fit/index.js';
import { markOfVerdict } from '../report/fit-alarms.js';
import { endedByFit, eventSpans, isEvent, mayHaveBegun } from '../transient/events.js';
import type { Calibrator, CalibratorState, Sample, Twin, TwinModel } from '../types.js';
import {
  afterFit,
  afterUnusable,
  type FittedWindow,
  NO_FIT,
  type RefitParts,
  withUnseenWear,
} from './after-refit.js';
import { isChange } from './change.js';
import { aroundEvents, withoutEvents } from './outside-events.js';
import {
  isChangeDue,
  isOutgrown,
  isRefitDue,
  isToldBetter,
  type RefitSchedule,
  refitSchedule,
  samplesUpTo,
  usableValues,
  windowBegin,
} from './schedule.js';

/** What a refit made of a state. */
export interface Refit {
  state: CalibratorState;
  result: Commission;
}

/** Fits a twin's constants anew, over windows of its samples, as its schedule has it. */
export interface Refitter {
  /** When a state's constants are fitted anew: over how long depends on how often its samples come. */
  schedule(state: CalibratorState): RefitSchedule;
  /** A state whose parameters come from fits: priors until there is one. */
  begin(state: CalibratorState): CalibratorState;
  /**
   * The samples of the window that ends with a state.
   *
   * @param samples in order
   * @param seen how many of them there are yet; default: all
   */
  window(samples: readonly Sample[], state: CalibratorState, seen?: number): readonly Sample[];
  /** Whether a state whose newest samples are these wants a refit. */
  isDue(state: CalibratorState, window: readonly Sample[]): boolean;
  /**
   * Fits a window and goes on from it. A fit that is not to be used leaves the parameters as they are.
   *
   * @param window samples in order, the newest the state's own
   */
  refit(state: CalibratorState, window: readonly Sample[], signal?: AbortSignal): Promise<Refit>;
}

/** Newest samples that one fit takes at most: it holds all of them, and runs the model along them. */
export const MOST_SAMPLES = 5000;

/** A state whose parameters come from fits, where its twin's do: priors until there is one. */
export function beginRefits(twin: Twin, state: CalibratorState): CalibratorState {
  const { filter } = state;
  if (filter.refit !== undefined || refitSchedule(twin.definition, 1) === undefined) return state;
  return { ...state, filter: { ...filter, ...withUnseenWear(twin, filter), refit: NO_FIT } };
}

/** Samples in which an event is told from noise, or is none: most need three to ten. */
const SAMPLES_TO_TELL = 10;

/** Whether an event may have begun that is not told yet. */
function mayBeginNow({ filter, timeS }: CalibratorState): boolean {
  const { events, intervalS } = filter.transient ?? {};
  if (events === undefined || intervalS === undefined) return false;
  return mayHaveBegun(events, timeS - SAMPLES_TO_TELL * intervalS);
}

/**
 * A refitter; undefined for twins whose parameters are filtered.
 *
 * @param fitModel,model of the same twin
 */
export function createRefitter(
  calibrator: Calibrator,
  fitModel: FitModel,
  model: TwinModel,
  logger?: Logger,
): Refitter | undefined {
  const { twin } = calibrator;
  const { definition } = twin;
  const unknowns = definition.parameters.length + fitModel.states.length;
  const dynamics = model.transient;
  if (
    refitSchedule(definition, unknowns) === undefined ||
    dynamics === undefined ||
    fitModel.states.length === 0
  )
    return undefined;
  const scheduleOf = ({ filter }: CalibratorState) =>
    refitSchedule(definition, unknowns, filter.transient?.intervalS)!;
  const parts: RefitParts = { calibrator, fitModel, model, dynamics, logger };
  return {
    schedule: scheduleOf,
    begin: (state) => beginRefits(twin, state),
    window: (samples, state, seen = samples.length) => {
      const { timeS } = state;
      const until = samplesUpTo(samples, timeS, seen);
      const since = windowBegin(samples, timeS, until, scheduleOf(state), MOST_SAMPLES);
      return samples.slice(since, until);
    },
    isDue: (state, window) => {
      const { filter, timeS } = state;
      if (filter.refit === undefined) return false;
      // During an event the window's end is no place to go on from, until it lasts.
      if (isEvent(filter.transient?.events)) {
        const { sinceS } = filter.transient!.events!;
        return (
          isOutgrown(filter.refit, sinceS, window) || isChangeDue(filter.refit, sinceS, window)
        );
      }
      // A fit that ends in the first samples of an event takes them for the machine's own. Of what may wear
      // it is asked again whether an event is a change.
      const { fitted, trendScale } = filter.refit;
      if (fitted && trendScale === undefined && mayBeginNow(state)) return false;
      const of = {
        samples: window.length,
        timeS,
        // Only a first fit waits for them: after it, a window is not gone through at each look.
        get values() {
          return usableValues(window);
        },
      };
      return isRefitDue(scheduleOf(state), filter.refit, of) || isToldBetter(filter.refit, window);
    },
    async refit(state, window, signal) {
      const before = state.filter.refit;
      const found = state.filter.transient?.events;
      const inEvent = isEvent(found);
      const outgrown = inEvent && before !== undefined && isOutgrown(before, found!.sinceS, window);
      const mayWear = before?.trendScale !== undefined;
      // Where nothing may wear, no change could be told: the event is left out.
      const lasts = inEvent && !outgrown && mayWear;
      const changeS = inEvent && mayWear ? found!.sinceS : before?.changeS;
      const spans = eventSpans(found).filter(
        ({ untilS }) => Number.isFinite(untilS) || (inEvent && !lasts && !outgrown),
      );
      const fitOf = (samples: readonly Sample[]) =>
        commission(twin, fitModel, samples, {
          ...(changeS === undefined ? {} : { changeS }),
          ...(signal === undefined ? {} : { signal }),
        });
      let seen = withoutEvents(window, spans);
      let result = await fitOf(seen);
      // What an event did to the states is still there after it, so that a run through it misses what follows. Of what
      // may wear, events may be changes.
      const around = mayWear || leavesNoise(result) ? undefined : aroundEvents(window, spans);
      if (around !== undefined) {
        const anew = await fitOf(around);
        const isBetter = isUsable(anew) && (!isUsable(result) || leavesNoise(anew));
        if (isBetter) [seen, result] = [around, anew];
      }
      const fit = isUsable(result) ? result.fit : undefined;
      if (lasts && !(fit !== undefined && isChange(fit, state.filter))) {
        // No change of parameters explains the event: it is none.
        const refit = { ...NO_FIT, ...before, timeS: state.timeS };
        return { state: { ...state, filter: { ...state.filter, refit } }, result };
      }
      const fitted: FittedWindow = {
        window,
        seen,
        mark: {
          timeS: state.timeS,
          samples: window.length,
          ...markOfVerdict(result.output.verdict),
        },
        changeS,
        events: lasts || outgrown ? endedByFit(found!, state.timeS) : found,
      };
      const next =
        fit !== undefined
          ? await afterFit(parts, state, fitted, fit, signal)
          : await afterUnusable(parts, state, fitted, result, signal);
      return { state: next, result };
    },
  };
}
