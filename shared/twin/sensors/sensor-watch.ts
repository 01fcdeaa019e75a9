import { noCompanions, updateCompanions } from '../filter/companions.js';
import type { Gaussian } from '../filter/gaussian-update.js';
import { initialHealth } from '../filter/innovation-tests.js';
import { keepAnchor, type LeftOut, nothingLeftOut } from '../filter/left-out.js';
import { predict } from '../filter/predict.js';
import { readingsUntil } from '../filter/readings.js';
import type { FilterSettings } from '../filter/settings.js';
import type { FilterStep } from '../filter/step.js';
import type { FilterState } from '../state/filter-state.js';
import { faultySensor } from './faulty-sensor.js';
import {
  agreesAgain,
  initialRedundancy,
  largestDeviation,
  updateRedundancy,
  WATCH,
} from './redundancy.js';

/**
 * Leaves a sensor out from the next sample on where those before it show that it is off, and takes the
 * belief back to one in which it had no part: what it has done since then is not to be told from what
 * the machine did. The tests begin anew, as their residuals were pulled by it.
 *
 * @param timeS of the state
 */
export function withoutFaulty(
  state: FilterState,
  timeS: number,
  settings: FilterSettings,
): FilterState {
  const { leftOut, noiseStd } = state;
  const found = leftOut === undefined ? undefined : faultySensor(state);
  if (leftOut === undefined || found === undefined || found.leaveOut.length === 0) return state;
  const m = noiseStd.length;
  const { anchor } = leftOut;
  // What the sensors contradict from the start on may as well be the model's: it widens the bands.
  if (anchor === undefined) return state;
  const belief = predict(anchor, timeS - anchor.timeS, settings);
  const offset = leftOut.offset.slice();
  for (const { channel, size } of found.leaveOut) offset[channel] = size * noiseStd[channel]!;
  return {
    ...state,
    x: belief.x,
    S: belief.S,
    bank: undefined,
    beforeChange: undefined,
    unexplained: 0,
    readings: readingsUntil(state.readings, anchor.timeS),
    leftOut: { offset, companions: noCompanions(m, settings.range.length), anchor },
    redundancy: initialRedundancy(m),
    health: initialHealth(m),
  };
}

/** A sample with all that it takes to watch the sensors. */
export interface WatchedSample {
  /** The belief before it. */
  prior: Gaussian;
  filtered: FilterStep;
  /** Every channel's value, those left out too; `NaN` without one. */
  measured: Float64Array;
  timeS: number;
  /** Since the sample before. */
  dtS: number;
}

/**
 * What is left out after a sample, and what sensors say of each other: where one of them counts again,
 * that begins anew.
 *
 * @param state after the sample but for these
 */
export function watchSensors(
  state: FilterState,
  sample: WatchedSample,
  settings: FilterSettings,
): Pick<FilterState, 'leftOut' | 'redundancy'> {
  const { redundancy, noiseStd } = state;
  if (redundancy === undefined) return {};
  const { prior, filtered, measured, dtS, timeS } = sample;
  const m = noiseStd.length;
  const before = state.leftOut ?? nothingLeftOut(m, settings.range.length);
  const watched = watchLeftOut(before, sample, noiseStd, settings.range);
  const kept = keepAnchor(watched, state, timeS, largestDeviation(redundancy, m));
  const companions = updateCompanions(
    before.companions,
    prior,
    filtered,
    measured,
    noiseStd,
    dtS,
    settings,
  );
  const isBack = watched.offset.some((o, i) => o !== before.offset[i]);
  return {
    leftOut: { ...kept, companions },
    redundancy: isBack ? initialRedundancy(m) : redundancy,
  };
}

/** Looks whether channels that are left out agree with all the others again. */
function watchLeftOut(
  of: LeftOut,
  { filtered, measured }: WatchedSample,
  noiseStd: Float64Array,
  range: Float64Array,
): LeftOut {
  const out = [...of.offset.keys()].filter((i) => of.offset[i] !== 0);
  if (out.length === 0) return of;
  const m = noiseStd.length;
  const heard = [...measured.keys()].filter((i) => Number.isFinite(measured[i]!));
  const watch = updateRedundancy(
    of.watch ?? initialRedundancy(m),
    { ...filtered, active: heard },
    measured,
    noiseStd,
    range,
    WATCH,
  );
  const offset = of.offset.map((o, i) =>
    o !== 0 && agreesAgain(watch, m, i, o / noiseStd[i]!) ? 0 : o,
  );
  return { ...of, offset, watch };
}
