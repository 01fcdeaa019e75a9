import type { Logger } from '../../core/index.js';
import { initialNoise } from '../filter/noise.js';
import { predict } from '../filter/predict.js';
import { filterSettings } from '../filter/settings.js';
import type { Fit } from '../fit/fit.js';
import {
  type Commission,
  commission,
  type FitModel,
  isExplained,
  MOST_LASTING,
  MOST_LASTING_OF_STEP,
  STEP_KIND,
  stateAfterFit,
  UNSEEN_SCALE,
} from '../fit/index.js';
import type { FilterState, RefitMark } from '../state/filter-state.js';
import { endedByFit, eventSpans, isEvent } from '../transient/events.js';
import { newNoiseWatch } from '../transient/noise-watch.js';
import type { Calibrator, CalibratorState, Sample, Twin, TwinModel } from '../types.js';
import {
  isChangeDue,
  isOutgrown,
  isRefitDue,
  isToldBetter,
  type RefitSchedule,
  refitSchedule,
  samplesUpTo,
} from './schedule.js';
import { heldAt, type StateNoise, stateNoiseOf } from './state-noise.js';

/** Samples that the first noise is made from. */
const NOISE_SAMPLES = 200;

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

/** Before the first fit. */
const NO_FIT: RefitMark = { timeS: Number.NEGATIVE_INFINITY, samples: 0, fitted: false };

/** Newest samples that one fit takes at most: it holds all of them, and runs the model along them. */
export const MOST_SAMPLES = 5000;

/** A state whose parameters come from fits, where its twin's do: priors until there is one. */
export function beginRefits(twin: Twin, state: CalibratorState): CalibratorState {
  const { filter } = state;
  if (filter.refit !== undefined || refitSchedule(twin.definition, 1) === undefined) return state;
  return { ...state, filter: { ...filter, ...withUnseenWear(twin, filter), refit: NO_FIT } };
}

/** Measured values of samples that are there. */
const usableValues = (samples: readonly Sample[]): number =>
  samples.reduce((sum, s) => sum + s.measured.filter(Number.isFinite).length, 0);

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

/** The same estimate with a noise that a window found for its parameters. */
function withNoise(state: CalibratorState, noise: StateNoise): CalibratorState {
  const { filter } = state;
  const { noiseStd, stateNoiseLog, speedNoise, eventScale, inputStd } = noise;
  const transient = filter.transient && {
    ...filter.transient,
    stateNoiseLog,
    speedNoise,
    eventScale,
    inputStd,
    noiseWatch: newNoiseWatch(),
  };
  return { ...state, filter: { ...filter, noiseStd, transient } };
}

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
const isChange = (fit: Fit, { noiseStd }: Pick<FilterState, 'noiseStd'>): boolean =>
  isChanged(fit) &&
  fit.residualModels.every(
    ({ white, ou, samples }, c) =>
      samples === 0 || Math.hypot(white, ou.std) <= MOST_LEFT * noiseStd[c]!,
  );

/** When parameters last stepped, as a mark holds it. */
const steppedAt = (changeS: number | undefined) => (changeS === undefined ? {} : { changeS });

/** Trends as unsure as the hypotheses of wear are before any data. */
function withUnseenWear(
  twin: Twin,
  { x, S }: Pick<FilterState, 'x' | 'S'>,
): Pick<FilterState, 'x' | 'S'> {
  const { range, trend } = filterSettings(twin);
  const n = range.length;
  const wide = S.slice();
  range.forEach((r, i) => {
    const j = n + i;
    if (trend[i]) wide[j * 2 * n + j] = (UNSEEN_SCALE * r) / 2;
  });
  return { x, S: wide };
}

/** Parameters as before any data, after so many seconds in which they may have worn. */
function priorAfter(calibrator: Calibrator, elapsedS: number): Pick<FilterState, 'x' | 'S'> {
  const { twin } = calibrator;
  const { filter } = calibrator.initialState();
  return predict(withUnseenWear(twin, filter), elapsedS, filterSettings(twin));
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
  /** The noise that suits parameters which a window did not change. */
  const noiseOfHeld = async (
    { filter }: CalibratorState,
    fit: Fit | undefined,
    window: readonly Sample[],
    signal: AbortSignal | undefined,
  ): Promise<StateNoise | undefined> => {
    const { transient } = filter;
    if (fit === undefined || transient === undefined) return undefined;
    const held = await heldAt(fitModel, fit, filter.x.slice(0, definition.parameters.length));
    return (
      held &&
      stateNoiseOf(twin, fitModel, dynamics, held, {
        scale: transient.stateScale,
        firstNoise: initialNoise(definition, window.slice(-NOISE_SAMPLES)),
        signal,
      })
    );
  };
  return {
    schedule: scheduleOf,
    begin: (state) => beginRefits(twin, state),
    window: (samples, state, seen = samples.length) => {
      const { timeS } = state;
      const { windowS } = scheduleOf(state);
      const until = samplesUpTo(samples, timeS, seen);
      const since = Math.max(samplesUpTo(samples, timeS - windowS, until), until - MOST_SAMPLES);
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
      const outgrown =
        isEvent(found) && before !== undefined && isOutgrown(before, found!.sinceS, window);
      const mayWear = before?.trendScale !== undefined;
      // Where nothing may wear, no change could be told: the event is left out.
      const lasts = isEvent(found) && !outgrown && mayWear;
      const changeS = isEvent(found) && mayWear ? found!.sinceS : before?.changeS;
      const spans = eventSpans(found).filter(
        ({ untilS }) => Number.isFinite(untilS) || (isEvent(found) && !lasts && !outgrown),
      );
      const seen = withoutEvents(window, spans);
      const result = await commission(twin, fitModel, seen, {
        ...steppedAt(changeS),
        ...(signal === undefined ? {} : { signal }),
      });
      const { grade } = result.output.verdict;
      const mark = { timeS: state.timeS, samples: window.length, grade };
      const { fit, output } = result;
      if (lasts && (grade === 'unusable' || fit === undefined || !isChange(fit, state.filter))) {
        // No change of parameters explains the event: it is none.
        const refit = { ...NO_FIT, ...before, timeS: state.timeS };
        return { state: { ...state, filter: { ...state.filter, refit } }, result };
      }
      const events = lasts || outgrown ? endedByFit(found!, state.timeS) : found;
      if (fit === undefined || output.verdict.grade === 'unusable') {
        const disturbed = seen !== window;
        const grown = window.length > (before?.samples ?? 0) && !disturbed;
        logger?.info(
          `A refit is not to be used: the parameters ${grown ? 'are their priors again' : 'stay as they were'}`,
          { samples: window.length, because: output.verdict.reasons[0] },
        );
        // More of the same data contradict what less of them said; another window may be bad itself, as
        // may one with an event in it, which a free run passes through without knowing.
        const worn = state.timeS - (window[0]?.timeS ?? state.timeS);
        const { x, S } = grown ? priorAfter(calibrator, worn) : state.filter;
        const refit = { ...mark, fitted: !grown && before?.fitted === true };
        const { transient } = state.filter;
        const filter = {
          ...state.filter,
          x,
          S,
          refit,
          transient: transient && {
            ...transient,
            events,
            // Of priors nothing is watched until the next fit.
            ...(refit.fitted ? {} : { noiseWatch: newNoiseWatch() }),
          },
        };
        const next: CalibratorState = { ...state, filter };
        const noise = refit.fitted ? await noiseOfHeld(next, fit, seen, signal) : undefined;
        return { state: noise === undefined ? next : withNoise(next, noise), result };
      }
      const initial = calibrator.initialState(window.slice(-NOISE_SAMPLES));
      const after = await stateAfterFit(twin, fitModel, fit, seen, initial, model);
      const memory = after.filter.transient;
      if (memory === undefined) return { state, result };
      const noise = await stateNoiseOf(twin, fitModel, dynamics, fit, {
        scale: memory.stateScale,
        firstNoise: initial.filter.noiseStd,
        signal,
      });
      const next: CalibratorState = {
        ...after,
        sampleCount: state.sampleCount,
        filter: {
          ...state.filter,
          x: after.filter.x,
          S: after.filter.S,
          noiseStd: noise?.noiseStd ?? after.filter.noiseStd,
          unexplained: 0,
          refit: {
            ...mark,
            fitted: true,
            ...steppedAt(fit.wear?.changeS ?? changeS),
            ...(fit.wear === undefined ? {} : { trendScale: fit.wear.trendScale }),
          },
          transient: {
            ...memory,
            stateMean: memory.stateMean.map((v, i) => v + (noise?.shift[i] ?? 0)),
            stateNoiseLog: noise?.stateNoiseLog ?? 0,
            ...(noise === undefined
              ? {}
              : {
                  eventScale: noise.eventScale,
                  speedNoise: noise.speedNoise,
                  held: {
                    x: memory.stateMean.map((v, i) => v + noise.shift[i]!),
                    S: noise.factor,
                  },
                }),
            ...(events === undefined ? {} : { events }),
            lastInputs: state.filter.transient?.lastInputs ?? memory.lastInputs,
            intervalS: state.filter.transient?.intervalS,
          },
        },
      };
      return { state: next, result };
    },
  };
}
