import type { TwinDefinition } from '../../config/index.js';
import { partitionPoint } from '../../core/index.js';
import { CALM_TREND } from '../fit/wear/wear-course.js';
import type { FilterState, RefitMark, TransientMemory } from '../state/filter-state.js';
import { isEvent } from '../transient/events.js';
import type { CalibratorState, Sample } from '../types.js';

/** When constants of a moving machine are fitted anew, and over what. */
export interface RefitSchedule {
  /** Samples older than this, seconds before the newest, are left out. */
  windowS: number;
  /** How far back they may be taken all the same where the window holds too few values, seconds. */
  reachS: number;
  /** Seconds between two refits. */
  everyS: number;
  /** Usable measured values from which a first fit is tried. */
  firstValues: number;
  /** Before a window is full: times the last fit's samples, where that did not look for wear. */
  growth: number;
}

/** Longest window where nothing says otherwise, seconds: what a gateway's history surely holds. */
const LONGEST_WINDOW_S = 30 * 86_400;
/** Samples that a window of constants holds at least, however seldom they come: a month may be 30 of them. */
const FEWEST_OF_CONSTANTS = 500;
/**
 * Share of the time in which a parameter may wear through its range that a window may last: what wears
 * moves through this share of its range meanwhile, and passes for a constant.
 */
const SHARE_OF_WEAR = 1 / 20;
/** Refits in the time of one window. */
const REFITS_PER_WINDOW = 4;
/** Values for each unknown of a first fit. */
const VALUES_PER_UNKNOWN = 10;
/** Windows that a fit may reach back for its values, where nobody says how long one is. */
const REACH = 10;
/** Before a window is full, a refit waits until it has so many times the last one's samples. */
const GROWTH = 2;
/** The same where parameters may wear, … */
const GROWTH_OF_WEAR = 1.5;
/** … and where they were seen to: as often as when the window is full. */
const GROWTH_SEEN = 1 + 1 / REFITS_PER_WINDOW;

function growthAfter({ trendScale }: RefitMark, { growth }: RefitSchedule): number {
  if (trendScale === undefined) return growth;
  return trendScale.some((s) => s > CALM_TREND) ? GROWTH_SEEN : GROWTH_OF_WEAR;
}

/** How long a window of constants lasts where samples come so often, seconds, if it is to hold `fewest`. */
const windowOfConstantsS = (intervalS: number, fewest: number) =>
  Math.max(LONGEST_WINDOW_S, fewest * intervalS);

/** Sensors, no fewer than parameters, from which each sample tells the parameters by itself. */
const REDUNDANT = 3;

/**
 * Whether the filter follows the parameters by itself: each sample tells them, and none is a constant. A
 * filter never forgets what it learnt of a constant while it was linearised far from it, or noise was small.
 */
const isFollowed = ({ measured, parameters }: TwinDefinition): boolean =>
  measured.length >= Math.max(REDUNDANT, parameters.length) &&
  parameters.every((p) => p.dynamics !== 'constant');

/**
 * The schedule of a twin; undefined where its parameters are filtered: of states of rest, in mode
 * `auto`, where sensors are redundant and every parameter may wear, and where the definition says so.
 *
 * @param unknowns parameters and start states
 * @param intervalS usual time between samples, where it is known
 */
export function refitSchedule(
  definition: TwinDefinition,
  unknowns: number,
  intervalS = 0,
): RefitSchedule | undefined {
  const { simulation, calibration, parameters, estimator } = definition;
  if (simulation.mode !== 'transient' || calibration.refit === false) return undefined;
  const asked = calibration.refit.windowS !== undefined || calibration.refit.everyS !== undefined;
  if (isFollowed(definition) && !asked) return undefined;
  const still = parameters.map((p) => {
    if (p.dynamics === 'constant') return Number.POSITIVE_INFINITY;
    if (p.timeConstantS !== undefined) return p.timeConstantS * SHARE_OF_WEAR;
    return (p.wearHorizonS ?? estimator.wearHorizonS) * SHARE_OF_WEAR;
  });
  const firstValues = VALUES_PER_UNKNOWN * unknowns;
  // Of samples that come so seldom that a window holds too few for a fit, none would ever come.
  const constant = still.every((s) => s === Number.POSITIVE_INFINITY);
  const windowS =
    calibration.refit.windowS ??
    (constant
      ? windowOfConstantsS(intervalS, Math.max(FEWEST_OF_CONSTANTS, firstValues))
      : Math.max(Math.min(LONGEST_WINDOW_S, ...still), firstValues * intervalS));
  return {
    windowS,
    reachS: calibration.refit.windowS ?? REACH * windowS,
    everyS: calibration.refit.everyS ?? windowS / REFITS_PER_WINDOW,
    firstValues,
    growth: constant ? GROWTH : GROWTH_OF_WEAR,
  };
}

/**
 * How far back a machine's samples are worth reading where nothing is known of it: as far as a window of
 * constants reaches, or the definition's own window where that is longer.
 *
 * @param intervalS usual time between samples, where it is known
 * @returns seconds
 */
export function lookBackS(definition: TwinDefinition, intervalS = 0): number {
  const schedule = refitSchedule(definition, definition.parameters.length, intervalS);
  return Math.max(windowOfConstantsS(intervalS, FEWEST_OF_CONSTANTS), schedule?.windowS ?? 0);
}

/**
 * Whether a refit is due where nothing has happened.
 *
 * @param window its samples and usable values, and the time of its newest
 */
export function isRefitDue(
  schedule: RefitSchedule,
  last: RefitMark,
  window: { samples: number; values: number; timeS: number },
): boolean {
  if (last.samples === 0) return window.values >= schedule.firstValues;
  const elapsedS = window.timeS - last.timeS;
  return (
    elapsedS >= schedule.everyS || window.samples >= growthAfter(last, schedule) * last.samples
  );
}

/** Samples that an event lasts before parameters are asked whether they have changed … */
const CHANGE_SAMPLES = 10;
/** … and times as long until they are asked again, also what they are after a change that was found. */
const CHANGE_AGAIN = 1.5;

/** How many of the first `seen` samples, in order, are no later than a time. */
export const samplesUpTo = (
  samples: readonly Sample[],
  timeS: number,
  seen: number = samples.length,
): number => partitionPoint(seen, (k) => samples[k]!.timeS <= timeS);

const samplesSince = (sinceS: number, window: readonly Sample[]) =>
  window.length - samplesUpTo(window, sinceS);

/** Measured values of a sample that are there. */
const valuesIn = ({ measured }: Pick<Sample, 'measured'>): number =>
  measured.filter(Number.isFinite).length;

/** Measured values of samples that are there. */
export const usableValues = (samples: readonly Pick<Sample, 'measured'>[]): number =>
  samples.reduce((sum, s) => sum + valuesIn(s), 0);

/**
 * Where the window begins that ends with a sample: where sensors have no value in many samples, or these come
 * irregularly, as far back as the values of a first fit are, or none would ever be made.
 *
 * @param samples in order
 * @param until how many of them there are yet
 * @param most samples that it may hold
 */
export function windowBegin(
  samples: readonly Sample[],
  timeS: number,
  until: number,
  { windowS, reachS, firstValues }: RefitSchedule,
  most: number,
): number {
  const since = samplesUpTo(samples, timeS - windowS, until);
  const oldest = Math.max(samplesUpTo(samples, timeS - reachS, until), until - most);
  let enough = until;
  for (let values = 0; enough > oldest && values < firstValues; ) {
    enough--;
    values += valuesIn(samples[enough]!);
  }
  return Math.max(oldest, Math.min(since, enough));
}

/** Whether so many more samples have come since a time as are worth another fit than the last had of them. */
function hasGrownSince(last: RefitMark, sinceS: number, window: readonly Sample[]): boolean {
  const now = samplesSince(sinceS, window);
  return now >= CHANGE_AGAIN * (now - samplesSince(Math.max(last.timeS, sinceS), window));
}

/** Whether an event has lasted for as many samples as the fit that it contradicts had: the fit is what is off. */
export const isOutgrown = (last: RefitMark, sinceS: number, window: readonly Sample[]): boolean =>
  samplesSince(sinceS, window) >= last.samples;

/** Whether an event has lasted long enough to ask whether it is a change of parameters, where these may wear. */
export function isChangeDue(last: RefitMark, sinceS: number, window: readonly Sample[]): boolean {
  return (
    last.trendScale !== undefined &&
    samplesSince(sinceS, window) >= CHANGE_SAMPLES &&
    hasGrownSince(last, sinceS, window)
  );
}

/**
 * Whether so many more samples have come since parameters stepped that they tell better what these are now:
 * a step is taken while few do.
 */
export function isToldBetter(last: RefitMark, window: readonly Sample[]): boolean {
  const { changeS, timeS } = last;
  return changeS !== undefined && timeS > changeS && hasGrownSince(last, changeS, window);
}

/** Share of the time that so many samples take in which they surely have not come. */
const SURELY_NOT_YET = 0.5;

/**
 * Whether a refit may be due, from what a state knows without its window: reading a window and opening
 * a model for it are for those that are.
 *
 * @param intervalS mean time between samples, where it is known
 */
export function mayRefitBeDue(
  definition: TwinDefinition,
  state: Pick<CalibratorState, 'timeS' | 'sampleCount'> & {
    filter: Pick<FilterState, 'refit'> & {
      transient?: Pick<TransientMemory, 'events'> | undefined;
    };
  },
  intervalS: number | undefined,
): boolean {
  const schedule = refitSchedule(definition, definition.parameters.length, intervalS);
  const { refit: last, transient } = state.filter;
  if (schedule === undefined || last === undefined) return false;
  if (last.samples === 0) {
    return state.sampleCount * definition.measured.length >= schedule.firstValues;
  }
  const mayHold = (samples: number, spanS: number) =>
    intervalS === undefined || spanS >= SURELY_NOT_YET * samples * intervalS;
  const elapsedS = state.timeS - last.timeS;
  const mayHaveGrownSince = (sinceS: number) =>
    elapsedS >= SURELY_NOT_YET * (CHANGE_AGAIN - 1) * Math.max(0, last.timeS - sinceS);
  if (isEvent(transient?.events)) {
    const { sinceS } = transient!.events!;
    return mayHold(CHANGE_SAMPLES, state.timeS - sinceS) && mayHaveGrownSince(sinceS);
  }
  const doubled =
    state.sampleCount >= growthAfter(last, schedule) * last.samples &&
    mayHold((growthAfter(last, schedule) - 1) * last.samples, elapsedS);
  const told = last.changeS !== undefined && mayHaveGrownSince(last.changeS);
  return elapsedS >= schedule.everyS || doubled || told;
}
