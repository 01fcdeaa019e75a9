import type { Bounds } from '../filter/linearise.js';
import { type FilterSettings, filterSettings, keepsWithinBounds } from '../filter/settings.js';
import { operatingInputs } from '../identifiability/operating-points.js';
import type { CalibratorState, Twin, TwinModel } from '../types.js';
import { type CourseBelief, type CourseSource, courseBelief } from './course-belief.js';
import { driversOf } from './drivers.js';
import { type ForecastSeries, fanOf, type Grid, within } from './fan.js';
import { type Effort, modelResponse, type Response, valuesOf } from './response.js';
import { drawTrendPaths, type TrendPaths } from './trend-paths.js';

export interface Forecast {
  twin: string;
  /** Time of the state. */
  fromS: number;
  /** Seconds after it. */
  aheadS: number[];
  inputs: Record<string, number>;
  parameters: Record<string, ForecastSeries>;
  /** What each parameter's course goes by. */
  goesBy: Record<string, CourseSource>;
  virtualSensors: Record<string, ForecastSeries>;
  /** What sensors will read but for their noise. */
  measured: Record<string, ForecastSeries>;
  /** Parameters of parts that were taken as new. */
  renewed: string[];
  /** Courses drawn. */
  paths: number;
  modelRuns: number;
  /** Root mean square of what the interpolated response missed, per virtual sensor, in its unit. */
  responseError: Record<string, number>;
}

const PATHS = 2000;
/** Steps of the paths between two reported times. */
const SUBSTEPS = { thorough: 4, quick: 2 } as const;
/** Points at which the interpolated response is compared with the model itself. */
const TRIALS = { thorough: 24, quick: 6 } as const;
/** Standard deviations of the present estimate that the model is asked about beyond the bounds. */
const NOW_REACH = 3;
/**
 * How far parameters may go as the model sees them: as the filter has it, beyond their bounds by
 * what is uncertain now where the model bears that. Cutting at the bound itself would move the mean
 * of healthy parts, whose estimates lie about it.
 */
function responseBounds(
  twin: Twin,
  state: CalibratorState,
  { x, S, lasting }: CourseBelief,
  settings: FilterSettings,
): Bounds {
  const { bounds, range } = settings;
  if (keepsWithinBounds(twin, state)) return bounds;
  const N = 2 * range.length;
  const reach = range.map(
    (_, i) => NOW_REACH * Math.hypot(lasting?.[i] ?? 0, ...S.subarray(i * N, i * N + N)),
  );
  return {
    lower: bounds.lower.map((b, i) => Math.min(b, x[i]! - reach[i]!)),
    upper: bounds.upper.map((b, i) => Math.max(b, x[i]! + reach[i]!)),
  };
}

/**
 * Carries parameters forward: courses are drawn by the laws of wear that the samples bear, or else by the
 * filter's own trend model, and go through the twin's response, so that the time to limit is that of the first passage.
 *
 * @param options.inputs operating inputs to assume instead of the definition's values
 * @param options.points times to report after now; default 24
 * @param options.paths courses to draw; default 2000
 * @param options.renewed parameters whose parts are taken as new, now
 * @param options.effort `quick` runs the model about half as often
 * @throws TwinError `CONFIG_INVALID` (an input without a value), or as the model does at the
 *   present estimate
 */
export async function forecast(options: {
  twin: Twin;
  model: TwinModel;
  state: CalibratorState;
  horizonS: number;
  points?: number;
  paths?: number;
  inputs?: Readonly<Record<string, number>>;
  renewed?: readonly string[];
  effort?: Effort;
  signal?: AbortSignal;
}): Promise<Forecast> {
  const { twin, model, state, horizonS, effort = 'thorough' } = options;
  const { definition } = twin;
  const { measured, virtualSensors } = definition;
  const settings = filterSettings(twin);
  const n = definition.parameters.length;
  const inputs = operatingInputs(twin, options.inputs);
  const fresh = options.renewed ?? [];
  const now = courseBelief(twin, state, settings, fresh);
  const grid = gridOf(horizonS, options.points ?? 24, SUBSTEPS[effort]);
  const { times, substeps } = grid;
  const drawn = drawTrendPaths(now, settings, times, options.paths ?? PATHS);
  const response = await modelResponse({
    model,
    inputs,
    anchor: now.x.slice(0, n),
    values: valuesOf(drawn.values, n),
    bounds: responseBounds(twin, state, now, settings),
    limits: [...measured.map(() => undefined), ...virtualSensors.map((s) => s.alarm)],
    trials: trialsOf(drawn, n, TRIALS[effort]),
    effort: options.effort,
    signal: options.signal,
  });
  const courses = outputCourses(response, drawn, n);
  const m = measured.length;
  const sensors = virtualSensors.map(({ variable, alarm }, s): [string, ForecastSeries] => {
    const found = fanOf(courses[m + s]!, grid, alarm);
    if (alarm === undefined) return [variable, found];
    const drivers = driversOf(twin, response, m + s, drawn, times, found.timeToLimitS?.p50);
    return [variable, { ...found, drivers }];
  });
  return {
    twin: definition.name,
    fromS: state.timeS,
    aheadS: [...times.filter((_, k) => k % substeps === 0)],
    inputs: Object.fromEntries(definition.inputs.map((i, k) => [i.variable, inputs[k]!])),
    parameters: Object.fromEntries(
      definition.parameters.map((p, i) => {
        const own = drawn.values.map((at) => columnOf(at, drawn.count, n, i));
        return [p.variable, fanOf(own, grid, p.alarm, (at) => within(at, p.lower, p.upper))];
      }),
    ),
    goesBy: now.goesBy,
    virtualSensors: Object.fromEntries(sensors),
    measured: Object.fromEntries(
      measured.map(({ variable }, c) => [variable, fanOf(courses[c]!, grid, undefined)]),
    ),
    renewed: [...fresh],
    paths: drawn.count,
    modelRuns: response.modelRuns,
    responseError: Object.fromEntries(
      virtualSensors.map(({ variable }, s) => [variable, response.error[m + s] ?? 0]),
    ),
  };
}

/** Times from now to the horizon. */
function gridOf(horizonS: number, points: number, substeps: number): Grid {
  const steps = points * substeps;
  return {
    times: Float64Array.from({ length: steps + 1 }, (_, k) => (k * horizonS) / steps),
    substeps,
  };
}

/** Points of the courses, from early to late, at which the interpolated response is tried. */
function trialsOf({ values, count }: TrendPaths, n: number, trials: number): Float64Array[] {
  return Array.from({ length: trials }, (_, k) => {
    const at = Math.floor(((k + 1) / trials) * (values.length - 1));
    const path = (k * 83) % count;
    return values[at]!.slice(path * n, path * n + n);
  });
}

/** One parameter in all courses at a time, of courses × parameters. */
const columnOf = (at: Float64Array, count: number, n: number, i: number): Float64Array =>
  Float64Array.from({ length: count }, (_, path) => at[path * n + i]!);

/** What the response makes of the courses: by output, then time, one value per course. */
function outputCourses(
  response: Response,
  { values, count }: TrendPaths,
  n: number,
): Float64Array[][] {
  const outputs = response.error.length;
  const all = response.pick(Array.from({ length: outputs }, (_, o) => o));
  const out = new Float64Array(outputs);
  const courses = Array.from({ length: outputs }, (): Float64Array[] => []);
  for (const at of values) {
    const here = courses.map(() => new Float64Array(count));
    for (let path = 0; path < count; path++) {
      all.at(at, path * n, out, 0);
      for (let o = 0; o < outputs; o++) here[o]![path] = out[o]!;
    }
    here.forEach((column, o) => void courses[o]!.push(column));
  }
  return courses;
}
