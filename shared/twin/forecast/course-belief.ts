import { createHash } from 'node:crypto';
import type { Readings } from '../filter/readings.js';
import type { FilterSettings } from '../filter/settings.js';
import { lastingVariance } from '../report/report.js';
import type { CalibratorState, Twin } from '../types.js';
import { renewed } from './renewed.js';
import type { ParameterReadings } from './wear-evidence.js';
import { type WearHypothesis, wearHypotheses } from './wear-hypotheses.js';
import { hasTurned } from './wear-law.js';

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
  /** Deviation of each parameter by errors that stay, n: the same along a course; left out where there are none. */
  lasting?: Float64Array;
  /** Per parameter; undefined where it goes on by the filter's model alone. */
  courses?: readonly (WearCourses | undefined)[];
}

/** What a parameter's course goes by. */
export interface CourseSource {
  /** Laws of wear that its readings bear, or the filter's model of it: the definition's dynamics. */
  by: 'wear-laws' | Dynamics;
  /** Of a parameter that wears, why not by laws of wear. */
  because?: NoLaws;
  /** By laws of wear: how probable it is that the course strays from every one of them. */
  strays?: number;
  /** By laws of wear: how probable it is that it goes by one that has turned, from ever faster to ever slower or back. */
  turned?: number;
}

type Dynamics = Twin['definition']['parameters'][number]['dynamics'];

/**
 * `renewed`: its part is taken as new; `few-readings`: too few samples tell of it; `filter-knows-more`:
 * all samples jointly tell much more of it than each by itself; `filter-disagrees`: they say otherwise.
 */
export type NoLaws = 'renewed' | 'few-readings' | 'filter-knows-more' | 'filter-disagrees';

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
): CourseBelief & { goesBy: Record<string, CourseSource> } {
  const { readings, ...filter } = state.filter;
  const estimated = { x: filter.x, S: filter.S };
  const now = fresh.length === 0 ? estimated : renewed(twin, estimated, fresh);
  const all = twin.definition.parameters.map(
    ({ variable, dynamics }, i): { source: CourseSource; courses?: WearCourses } => {
      if (!settings.trend[i]) return { source: { by: dynamics } };
      const byTrend = (because: NoLaws) => ({ source: { by: dynamics, because } });
      if (fresh.includes(variable)) return byTrend('renewed');
      const courses = readings && coursesOf(twin, state, readings, settings, i);
      if (courses === undefined) return byTrend('few-readings');
      const against = whatSpeaksAgainst(courses, estimated, i);
      return against === undefined
        ? { source: { by: 'wear-laws', ...unsureOf(courses) }, courses }
        : byTrend(against);
    },
  );
  const goesBy = Object.fromEntries(
    twin.definition.parameters.map((p, i) => [p.variable, all[i]!.source]),
  );
  const lasting = lastingStd(twin, state, fresh);
  return {
    ...now,
    ...(lasting === undefined ? {} : { lasting }),
    courses: all.map((c) => c.courses),
    goesBy,
  };
}

/** Deviation of each parameter by errors that stay, as published bands have it; none of parts that are new. */
function lastingStd(
  { definition }: Twin,
  { filter: { persistent } }: CalibratorState,
  fresh: readonly string[],
): Float64Array | undefined {
  if (persistent === undefined) return undefined;
  const n = definition.parameters.length;
  return Float64Array.from(definition.parameters, ({ variable }, i) =>
    fresh.includes(variable) ? 0 : Math.sqrt(lastingVariance(persistent, i, n)),
  );
}

/** Noise of the trend, in that of the filter's model, from which on a course follows no law. */
const LAWLESS = 1 / 4;

function unsureOf({ hypotheses }: WearCourses): Required<Pick<CourseSource, 'strays' | 'turned'>> {
  const count = { strays: 0, turned: 0 };
  for (const { law, straying } of hypotheses) {
    if (straying.kind === 'drifting' && straying.scale >= LAWLESS) count.strays++;
    else if (hasTurned(law)) count.turned++;
  }
  const { length } = hypotheses;
  return { strays: count.strays / length, turned: count.turned / length };
}

/** Newest last, by what they were drawn from: what-ifs and plans ask about one state again and again. */
const known = new Map<string, WearHypothesis[] | undefined>();
/** About 150 kB each. */
const MOST_KNOWN = 64;

function hypothesesOf(of: ParameterReadings, seed: number): WearHypothesis[] | undefined {
  // By content, as a state that comes from another process is another object each time.
  const key = createHash('sha256')
    .update(JSON.stringify([seed, of]))
    .digest('hex');
  const isKnown = known.has(key);
  const found = isKnown ? known.get(key) : wearHypotheses(of, seed);
  known.delete(key);
  known.set(key, found);
  for (const oldest of known.keys()) {
    if (known.size <= MOST_KNOWN) break;
    known.delete(oldest);
  }
  return found;
}

function coursesOf(
  twin: Twin,
  state: CalibratorState,
  readings: Readings,
  settings: FilterSettings,
  i: number,
): WearCourses | undefined {
  const n = settings.range.length;
  const kept = [...readings.timeS.keys()].filter(
    (k) =>
      readings.meanTimeS[k * n + i]! >= readings.sinceS[i]! && readings.precision[k * n + i]! > 0,
  );
  const timeS = kept.map((k) => readings.meanTimeS[k * n + i]!);
  const hypotheses = hypothesesOf(
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
  return hypotheses && { spanS: state.timeS - timeS[0]!, hypotheses };
}

/** Whether readings know a parameter much less well than the filter does, or say otherwise of it. */
function whatSpeaksAgainst(
  { hypotheses }: WearCourses,
  { x, S }: Pick<CourseBelief, 'x' | 'S'>,
  i: number,
): NoLaws | undefined {
  const N = x.length;
  const std = Math.hypot(...S.subarray(i * N, i * N + N));
  const mean = hypotheses.reduce((sum, h) => sum + h.mean[0], 0) / hypotheses.length;
  const variance =
    hypotheses.reduce((sum, h) => sum + h.factor[0]! ** 2 + (h.mean[0] - mean) ** 2, 0) /
    hypotheses.length;
  if (Math.sqrt(variance) > WIDER * std) return 'filter-knows-more';
  return Math.abs(mean - x[i]!) > ASIDE * std ? 'filter-disagrees' : undefined;
}
