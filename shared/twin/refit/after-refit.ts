import type { Logger } from '../../core/index.js';
import { initialNoise } from '../filter/initial-noise.js';
import { predict } from '../filter/predict.js';
import { filterSettings } from '../filter/settings.js';
import type { Fit } from '../fit/fitting/fit.js';
import { type Commission, type FitModel, stateAfterFit, UNSEEN_SCALE } from '../fit/index.js';
import type { FilterState, RefitMark } from '../state/filter-state.js';
import type { EventMemory } from '../transient/events.js';
import { newNoiseWatch } from '../transient/noise-watch.js';
import type { Calibrator, CalibratorState, Sample, Twin, TwinModel } from '../types.js';
import { heldAt, type StateNoise, stateNoiseOf } from './state-noise.js';

/** Samples that the first noise is made from. */
const NOISE_SAMPLES = 200;

/** Before the first fit. */
export const NO_FIT: RefitMark = { timeS: Number.NEGATIVE_INFINITY, samples: 0, fitted: false };

/** What a refitter works with. */
export interface RefitParts {
  calibrator: Calibrator;
  fitModel: FitModel;
  model: TwinModel;
  dynamics: NonNullable<TwinModel['transient']>;
  logger: Logger | undefined;
}

/** A window that was fitted. */
export interface FittedWindow {
  /** Its samples in order, the newest the state's own. */
  window: readonly Sample[];
  /** The same as the fit saw them: without what was measured during events. */
  seen: readonly Sample[];
  mark: Pick<RefitMark, 'timeS' | 'samples' | 'grade' | 'reason'>;
  /** Since when the fit let parameters have stepped, seconds. */
  changeS: number | undefined;
  /** What is remembered of events from now on. */
  events: EventMemory | undefined;
}

/** Trends as unsure as the hypotheses of wear are before any data. */
export function withUnseenWear(
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

/** The noise that suits parameters which a window did not change. */
async function noiseOfHeld(
  { calibrator, fitModel, dynamics }: RefitParts,
  { filter }: CalibratorState,
  fit: Fit | undefined,
  { seen }: FittedWindow,
  signal: AbortSignal | undefined,
): Promise<StateNoise | undefined> {
  const { twin } = calibrator;
  const { definition } = twin;
  const { transient } = filter;
  if (fit === undefined || transient === undefined) return undefined;
  const held = await heldAt(fitModel, fit, filter.x.slice(0, definition.parameters.length));
  return (
    held &&
    stateNoiseOf(twin, fitModel, dynamics, held, {
      scale: transient.stateScale,
      firstNoise: initialNoise(definition, seen.slice(-NOISE_SAMPLES)),
      signal,
    })
  );
}

/** A state after a fit that is not to be used: priors where more data only said so again, else as it was. */
export async function afterUnusable(
  parts: RefitParts,
  state: CalibratorState,
  fitted: FittedWindow,
  { fit, output }: Commission,
  signal?: AbortSignal,
): Promise<CalibratorState> {
  const { window, seen, mark, events } = fitted;
  const before = state.filter.refit;
  const grown = window.length > (before?.samples ?? 0) && seen === window;
  parts.logger?.info(
    `A refit is not to be used: the parameters ${grown ? 'are their priors again' : 'stay as they were'}`,
    { samples: window.length, because: output.verdict.reasons[0] },
  );
  // More of the same data contradict what less of them said; another window may be bad itself, as
  // may one with an event in it, which a free run passes through without knowing.
  const worn = state.timeS - (window[0]?.timeS ?? state.timeS);
  const { x, S } = grown ? priorAfter(parts.calibrator, worn) : state.filter;
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
  const noise = refit.fitted ? await noiseOfHeld(parts, next, fit, fitted, signal) : undefined;
  return noise === undefined ? next : withNoise(next, noise);
}

/** A state that goes on from a fit. */
export async function afterFit(
  { calibrator, fitModel, model, dynamics }: RefitParts,
  state: CalibratorState,
  { window, seen, mark, changeS, events }: FittedWindow,
  fit: Fit,
  signal?: AbortSignal,
): Promise<CalibratorState> {
  const { twin } = calibrator;
  const initial = calibrator.initialState(window.slice(-NOISE_SAMPLES));
  const after = await stateAfterFit(twin, fitModel, fit, seen, initial, model);
  const memory = after.filter.transient;
  if (memory === undefined) return state;
  const noise = await stateNoiseOf(twin, fitModel, dynamics, fit, {
    scale: memory.stateScale,
    firstNoise: initial.filter.noiseStd,
    signal,
  });
  const steppedS = fit.wear?.changeS ?? changeS;
  const stateMean = memory.stateMean.map((v, i) => v + (noise?.shift[i] ?? 0));
  return {
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
        ...(steppedS === undefined ? {} : { changeS: steppedS }),
        ...(fit.wear === undefined ? {} : { trendScale: fit.wear.trendScale }),
      },
      transient: {
        ...memory,
        stateMean,
        stateNoiseLog: noise?.stateNoiseLog ?? 0,
        ...(noise === undefined
          ? {}
          : {
              eventScale: noise.eventScale,
              speedNoise: noise.speedNoise,
              held: { x: stateMean.slice(), S: noise.factor },
            }),
        ...(events === undefined ? {} : { events }),
        lastInputs: state.filter.transient?.lastInputs ?? memory.lastInputs,
        intervalS: state.filter.transient?.intervalS,
        inputHabits: state.filter.transient?.inputHabits,
      },
    },
  };
}
