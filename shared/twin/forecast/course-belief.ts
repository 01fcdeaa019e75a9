import type { Readings } from '../filter/readings.js';
import type { FilterSettings } from '../filter/settings.js';
import type { CalibratorState, Twin } from '../types.js';
import { renewed } from './renewed.js';
import { type WearHypothesis, wearHypotheses } from './wear-hypotheses.js';

/** What is believed of one parameter's course. */
export interface WearCourses {
  /** From its first reading until now, seconds. */
  spanS: number;
  /** All of the same weight. */
  hypotheses: readonly WearHypothesis[];
}

/** Where all parameters are now, and how their courses go on. */
export interface CourseBelief {
  /** Parameters and trends. */
  x: Float64Array;
  S: Float64Array;
  /** Per parameter; undefined where it goes on by the filter's trend alone. */
  courses?: readonly (WearCourses | undefined)[];
}

/** The filter knows a parameter better than its readings do, where their deviation is so many of its. */
const WIDER = 1.5;
/** The readings' course does not hold where it is so many deviations of the filter from its mean. */
const ASIDE = 3;

/**
 * What a state believes of the courses to come. A parameter with a trend goes on by laws of wear that
 * its readings bear, unless the filter says otherwise of it now.
 *
 * @param fresh parameters of parts that are taken as new
 */
export function courseBelief(
  twin: Twin,
  state: CalibratorState,
  settings: FilterSettings,
  fresh: readonly string[] = [],
): CourseBelief {
  const { readings, ...filter } = state.filter;
  const estimated = { x: filter.x, S: filter.S };
  const now = fresh.length === 0 ? estimated : renewed(twin, estimated, fresh);
  const courses = twin.definition.parameters.map((p, i) => {
    if (readings === undefined || !settings.trend[i] || fresh.includes(p.variable))
      return undefined;
    const found = coursesOf(twin, state, readings, settings, i);
    return found !== undefined && agrees(found, estimated, i) ? found : undefined;
  });
  return { ...now, courses };
}

/** By state, as what-ifs and plans ask about one again and again. */
const known = new WeakMap<Readings, Map<number, WearCourses | undefined>>();

function coursesOf(
  twin: Twin,
  state: CalibratorState,
  readings: Readings,
  settings: FilterSettings,
  i: number,
): WearCourses | undefined {
  const before = known.get(readings) ?? new Map<number, WearCourses | undefined>();
  known.set(readings, before);
  if (before.has(i)) return before.get(i);
  const n = settings.range.length;
  const kept = [...readings.timeS.keys()].filter(
    (k) =>
      readings.meanTimeS[k * n + i]! >= readings.sinceS[i]! && readings.precision[k * n + i]! > 0,
  );
  const timeS = kept.map((k) => readings.meanTimeS[k * n + i]!);
  const hypotheses = wearHypotheses(
    {
      timeS,
      lengthS: kept.map((k) => readings.timeS[k]! - (readings.timeS[k - 1] ?? readings.startS[0]!)),
      value: kept.map((k) => readings.value[k * n + i]!),
      variance: kept.map((k) => 1 / readings.precision[k * n + i]!),
      nowS: state.timeS,
      range: settings.range[i]!,
      horizonS: settings.horizonS[i]!,
      prior: twin.definition.parameters[i]!.prior,
      trendScale: settings.trendScale,
    },
    i + 1,
  );
  const found = hypotheses && { spanS: state.timeS - timeS[0]!, hypotheses };
  before.set(i, found);
  return found;
}

/** Whether readings know a parameter about as well as the filter does, and say the same of it. */
function agrees(
  { hypotheses }: WearCourses,
  { x, S }: Pick<CourseBelief, 'x' | 'S'>,
  i: number,
): boolean {
  const N = x.length;
  const std = Math.hypot(...S.subarray(i * N, i * N + N));
  const mean = hypotheses.reduce((sum, h) => sum + h.mean[0], 0) / hypotheses.length;
  const variance =
    hypotheses.reduce((sum, h) => sum + h.factor[0]! ** 2 + (h.mean[0] - mean) ** 2, 0) /
    hypotheses.length;
  return Math.sqrt(variance) <= WIDER * std && Math.abs(mean - x[i]!) <= ASIDE * std;
}
