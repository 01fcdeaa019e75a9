import type { Bounds } from '../filter/linearise.js';
import { type FilterSettings, filterSettings, keepsWithinBounds } from '../filter/settings.js';
import { operatingInputs } from '../identifiability/operating-points.js';
import type { CalibratorState, Estimate, Twin, TwinModel } from '../types.js';
import { type CourseBelief, type CourseSource, courseBelief } from './course-belief.js';
import { driversOf, type LimitDriver } from './drivers.js';
import {
  firstPassages,
  INTERVALS,
  isBeyond,
  type Limits,
  type PassageTime,
  passageTime,
  passedBy,
  sortedQuantile,
} from './first-passage.js';
import { type Effort, modelResponse, valuesOf } from './response.js';
import { drawTrendPaths } from './trend-paths.js';

/**
 * An estimate with the intervals of a fan chart. Courses may part ways, so that few of them, far off, draw
 * the mean out of the interval of 95 %: the median is where most go on.
 */
export interface ForecastEstimate extends Estimate {
  median: number;
  lower50: number;
  upper50: number;
  lower80: number;
  upper80: number;
}

/** What is to come for one parameter or virtual sensor. */
export interface ForecastSeries extends Partial<PassageTime> {
  estimates: ForecastEstimate[];
  /** Where an alarm limit is set: the probability of being beyond it at each time … */
  beyondLimit?: number[];
  /** … and of having passed it by then. */
  passedLimit?: number[];
  /** Of a virtual sensor with a limit: which parameters move it, the strongest first. */
  drivers?: LimitDriver[];
}

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
/** Share of the courses that must lie within a parameter's bounds to stand for it there. */
const LEAST_WITHIN = 0.05;

type Intervals = Pick<
  ForecastEstimate,
  'lower50' | 'upper50' | 'lower80' | 'upper80' | 'lower95' | 'upper95'
>;

function intervalsOf(interval: (share: number) => [number, number]): Intervals {
  return Object.fromEntries(
    INTERVALS.flatMap((percent) => {
      const [lower, upper] = interval(percent / 100);
      return [
        [`lower${percent}`, lower],
        [`upper${percent}`, upper],
      ];
    }),
  ) as unknown as Intervals;
}

/** Mean, deviation, median and central intervals of values drawn. */
function drawnEstimate(values: Float64Array): ForecastEstimate {
  const sorted = values.slice().sort();
  const mean = sorted.reduce((sum, v) => sum + v, 0) / sorted.length;
  const variance = sorted.reduce((sum, v) => sum + (v - mean) ** 2, 0) / (sorted.length - 1);
  return {
    mean,
    std: Math.sqrt(variance),
    median: sortedQuantile(sorted, 0.5),
    ...intervalsOf((share) => [
      sortedQuantile(sorted, 0.5 - share / 2),
      sortedQuantile(sorted, 0.5 + share / 2),
    ]),
  };
}

/** Values within bounds; where hardly any are, all at the nearer bound. */
function within(
  values: Float64Array,
  lower = Number.NEGATIVE_INFINITY,
  upper = Number.POSITIVE_INFINITY,
): Float64Array {
  const inside = values.filter((v) => v >= lower && v <= upper);
  if (inside.length >= LEAST_WITHIN * values.length) return inside;
  return values.map((v) => Math.min(upper, Math.max(lower, v)));
}

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

function series(
  estimates: ForecastEstimate[],
  times: Float64Array,
  values: readonly Float64Array[],
  limits: Limits | undefined,
  substeps: number,
): ForecastSeries {
  if (limits === undefined) return { estimates };
  const passages = firstPassages(times, values, limits);
  const reported = values.filter((_, k) => k % substeps === 0);
  return {
    estimates,
    beyondLimit: reported.map(
      (at) => at.reduce((sum, v) => sum + (isBeyond(v, limits) ? 1 : 0), 0) / at.length,
    ),
    passedLimit: reported.map((_, k) => passedBy(passages, times[k * substeps]!)),
    ...passageTime(passages),
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
  const { twin, model, state, horizonS } = options;
  const { definition } = twin;
  const settings = filterSettings(twin);
  const n = definition.parameters.length;
  const inputs = operatingInputs(twin, options.inputs);
  const fresh = options.renewed ?? [];
  const now = courseBelief(twin, state, settings, fresh);
  const count = options.points ?? 24;
  const substeps = SUBSTEPS[options.effort ?? 'thorough'];
  const times = Float64Array.from(
    { length: count * substeps + 1 },
    (_, k) => (k * horizonS) / (count * substeps),
  );
  const drawn = drawTrendPaths(now, settings, times, options.paths ?? PATHS);
  const paths = drawn.count;

  const trialCount = TRIALS[options.effort ?? 'thorough'];
  const trials = Array.from({ length: trialCount }, (_, k) => {
    const at = Math.floor(((k + 1) / trialCount) * (times.length - 1));
    const path = (k * 83) % paths;
    return drawn.values[at]!.slice(path * n, path * n + n);
  });
  const sensors = definition.virtualSensors;
  const response = await modelResponse({
    model,
    inputs,
    anchor: now.x.slice(0, n),
    values: valuesOf(drawn.values, n),
    bounds: responseBounds(twin, state, now, settings),
    limits: [...definition.measured.map(() => undefined), ...sensors.map((s) => s.alarm)],
    trials,
    effort: options.effort,
    signal: options.signal,
  });

  const parameters = definition.parameters.map((p, i): [string, ForecastSeries] => {
    const values = drawn.values.map((v) => {
      const own = new Float64Array(paths);
      for (let path = 0; path < paths; path++) own[path] = v[path * n + i]!;
      return own;
    });
    const estimates = values
      .filter((_, k) => k % substeps === 0)
      .map((at) => drawnEstimate(within(at, p.lower, p.upper)));
    return [p.variable, series(estimates, times, values, p.alarm, substeps)];
  });

  const m = definition.measured.length;
  const outputs = response.error.length;
  const all = response.pick(Array.from({ length: outputs }, (_, o) => o));
  const out = new Float64Array(outputs);
  /** By output, then time. */
  const courses = Array.from({ length: outputs }, (): Float64Array[] => []);
  for (const values of drawn.values) {
    const here = courses.map(() => new Float64Array(paths));
    for (let path = 0; path < paths; path++) {
      all.at(values, path * n, out, 0);
      for (let o = 0; o < outputs; o++) here[o]![path] = out[o]!;
    }
    here.forEach((column, o) => void courses[o]!.push(column));
  }
  const seriesOf = (output: number, limits: Limits | undefined): ForecastSeries => {
    const values = courses[output]!;
    const estimates = values.filter((_, k) => k % substeps === 0).map(drawnEstimate);
    return series(estimates, times, values, limits, substeps);
  };
  const virtualSensors = sensors.map((sensor, s): [string, ForecastSeries] => {
    const found = seriesOf(m + s, sensor.alarm);
    if (sensor.alarm === undefined) return [sensor.variable, found];
    const drivers = driversOf(twin, response, m + s, drawn, times, found.timeToLimitS?.p50);
    return [sensor.variable, { ...found, drivers }];
  });
  const measured = definition.measured.map((channel, c): [string, ForecastSeries] => [
    channel.variable,
    seriesOf(c, undefined),
  ]);
  return {
    twin: definition.name,
    fromS: state.timeS,
    aheadS: Array.from({ length: count + 1 }, (_, k) => times[k * substeps]!),
    inputs: Object.fromEntries(definition.inputs.map((i, k) => [i.variable, inputs[k]!])),
    parameters: Object.fromEntries(parameters),
    goesBy: now.goesBy,
    virtualSensors: Object.fromEntries(virtualSensors),
    measured: Object.fromEntries(measured),
    renewed: [...fresh],
    paths,
    modelRuns: response.modelRuns,
    responseError: Object.fromEntries(
      sensors.map((sensor, s) => [sensor.variable, response.error[m + s] ?? 0]),
    ),
  };
}
