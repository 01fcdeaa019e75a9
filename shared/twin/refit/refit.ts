import type { Logger } from '../../core/index.js';
import { type Commission, commission, type FitModel } from '../fit/index.js';
import { markOfVerdict } from '../report/fit-alarms.js';
import { endedByFit, eventSpans, isEvent } from '../transient/events.js';
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

/** The same samples, with what was measured during events as missing: it is not the model's. */
function withoutEvents(
  window: readonly Sample[],
  spans: readonly { sinceS: number; untilS: number }[],
): readonly Sample[] {
  const isIn = (timeS: number) =>
    spans.some(({ sinceS, untilS }) => timeS > sinceS && timeS <= untilS);
  if (!window.some(({ timeS }) => isIn(timeS))) return window;
  return window.map((sample) =>
    isIn(sample.timeS) ? { ...sample, measured: sample.measured.map(() => Number.NaN) } : sample,
  );
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
      const seen = withoutEvents(window, spans);
      const result = await commission(twin, fitModel, seen, {
        ...(changeS === undefined ? {} : { changeS }),
        ...(signal === undefined ? {} : { signal }),
      });
      const { fit } = result;
      const { grade } = result.output.verdict;
      const isUsable = fit !== undefined && grade !== 'unusable';
      if (lasts && !(isUsable && isChange(fit, state.filter))) {
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
      const next = isUsable
        ? await afterFit(parts, state, fitted, fit, signal)
        : await afterUnusable(parts, state, fitted, result, signal);
      return { state: next, result };
    },
  };
}
