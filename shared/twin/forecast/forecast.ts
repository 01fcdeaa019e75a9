import type { Bounds } from '../filter/linearise.js';
import { predict } from '../filter/predict.js';
import { type FilterSettings, filterSettings, keepsWithinBounds } from '../filter/settings.js';
import { truncatedEstimate } from '../filter/truncated.js';
import { operatingInputs } from '../identifiability/operating-points.js';
import type { CalibratorState, Estimate, Twin, TwinModel } from '../types.js';
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
import { modelResponse } from './response.js';
import { drawTrendPaths } from './trend-paths.js';

/** An estimate with the intervals of a fan chart. */
export interface ForecastEstimate extends Estimate {
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
}

export interface Forecast {
  twin: string;
  /** Time of the state. */
  fromS: number;
  /** Seconds after it. */
  aheadS: number[];
  inputs: Record<string, number>;
  parameters: Record<string, ForecastSeries>;
  virtualSensors: Record<string, ForecastSeries>;
  /** Courses drawn from the trend model. */
  paths: number;
  modelRuns: number;
  /** Root mean square of what the interpolated response missed, per virtual sensor, in its unit. */
  responseError: Record<string, number>;
}

const PATHS = 2000;
/** Steps of the paths between two reported times. */
const SUBSTEPS = 4;
/** Points at which the interpolated response is compared with the model itself. */
const TRIALS = 24;
/** Standard deviations of the present estimate that the model is asked about beyond the bounds. */
const NOW_REACH = 3;

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

/** Mean, deviation and central intervals of values drawn. */
function drawnEstimate(values: Float64Array): ForecastEstimate {
  const sorted = values.slice().sort();
  const mean = sorted.reduce((sum, v) => sum + v, 0) / sorted.length;
  const variance = sorted.reduce((sum, v) => sum + (v - mean) ** 2, 0) / (sorted.length - 1);
  return {
    mean,
    std: Math.sqrt(variance),
    ...intervalsOf((share) => [
      sortedQuantile(sorted, 0.5 - share / 2),
      sortedQuantile(sorted, 0.5 + share / 2),
    ]),
  };
}

/**
 * How far parameters may go as the model sees them: as the filter has it, beyond their bounds by
 * what is uncertain now where the model bears that. Cutting at the bound itself would move the mean
 * of healthy parts, whose estimates lie about it.
 */
function responseBounds(twin: Twin, state: CalibratorState, settings: FilterSettings): Bounds {
  const { bounds, range } = settings;
  if (keepsWithinBounds(twin, state)) return bounds;
  const N = 2 * range.length;
  const { x, S } = state.filter;
  const reach = range.map((_, i) => NOW_REACH * Math.hypot(...S.subarray(i * N, i * N + N)));
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
): ForecastSeries {
  if (limits === undefined) return { estimates };
  const passages = firstPassages(times, values, limits);
  const reported = values.filter((_, k) => k % SUBSTEPS === 0);
  return {
    estimates,
    beyondLimit: reported.map(
      (at) => at.reduce((sum, v) => sum + (isBeyond(v, limits) ? 1 : 0), 0) / at.length,
    ),
    passedLimit: reported.map((_, k) => passedBy(passages, times[k * SUBSTEPS]!)),
    ...passageTime(passages),
  };
}

/**
 * Carries parameters and trends forward: courses are drawn from the filter's own trend model and go
 * through the twin's response, so that the time to limit is that of the first passage.
 *
 * @param options.inputs operating inputs to assume instead of the definition's values
 * @param options.points times to report after now; default 24
 * @param options.paths courses to draw; default 2000
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
  signal?: AbortSignal;
}): Promise<Forecast> {
  const { twin, model, state, horizonS } = options;
  const { definition } = twin;
  const settings = filterSettings(twin);
  const n = definition.parameters.length;
  const N = 2 * n;
  const inputs = operatingInputs(twin, options.inputs);
  const now = { x: state.filter.x, S: state.filter.S };
  const count = options.points ?? 24;
  const times = Float64Array.from(
    { length: count * SUBSTEPS + 1 },
    (_, k) => (k * horizonS) / (count * SUBSTEPS),
  );
  const drawn = drawTrendPaths(now, settings, times, options.paths ?? PATHS);
  const paths = drawn.count;

  const low = new Float64Array(n).fill(Number.POSITIVE_INFINITY);
  const high = new Float64Array(n).fill(Number.NEGATIVE_INFINITY);
  for (const values of drawn.values) {
    for (let p = 0; p < paths * n; p++) {
      const i = p % n;
      low[i] = Math.min(low[i]!, values[p]!);
      high[i] = Math.max(high[i]!, values[p]!);
    }
  }
  const trials = Array.from({ length: TRIALS }, (_, k) => {
    const at = Math.floor(((k + 1) / TRIALS) * (times.length - 1));
    const path = (k * 83) % paths;
    return drawn.values[at]!.slice(path * n, path * n + n);
  });
  const sensors = definition.virtualSensors;
  const response =
    sensors.length === 0
      ? undefined
      : await modelResponse(
          model,
          inputs,
          now.x.slice(0, n),
          low,
          high,
          responseBounds(twin, state, settings),
          trials,
          options.signal,
        );

  const parameters = definition.parameters.map((p, i): [string, ForecastSeries] => {
    const estimates = Array.from({ length: count + 1 }, (_, k) => {
      const at = predict(now, times[k * SUBSTEPS]!, settings);
      const std = Math.hypot(...at.S.subarray(i * N, i * N + N));
      const of = (share: number) => truncatedEstimate(at.x[i]!, std, p.lower, p.upper, share);
      const { mean, std: truncatedStd } = of(0.95);
      return {
        mean,
        std: truncatedStd,
        ...intervalsOf((share) => {
          const { lower95, upper95 } = of(share);
          return [lower95, upper95];
        }),
      };
    });
    const values = drawn.values.map((v) =>
      Float64Array.from({ length: paths }, (_, path) => v[path * n + i]!),
    );
    return [p.variable, series(estimates, times, values, p.alarm)];
  });

  const m = definition.measured.length;
  const outputs = sensors.map((): Float64Array[] => []);
  if (response !== undefined) {
    const out = new Float64Array(response.error.length);
    for (const values of drawn.values) {
      const here = sensors.map(() => new Float64Array(paths));
      for (let path = 0; path < paths; path++) {
        response.at(values.subarray(path * n, path * n + n), out);
        here.forEach((column, s) => {
          column[path] = out[m + s]!;
        });
      }
      here.forEach((column, s) => void outputs[s]!.push(column));
    }
  }
  const virtualSensors = sensors.map((sensor, s): [string, ForecastSeries] => {
    const values = outputs[s]!;
    const estimates = values.filter((_, k) => k % SUBSTEPS === 0).map(drawnEstimate);
    return [sensor.variable, series(estimates, times, values, sensor.alarm)];
  });
  return {
    twin: definition.name,
    fromS: state.timeS,
    aheadS: Array.from({ length: count + 1 }, (_, k) => times[k * SUBSTEPS]!),
    inputs: Object.fromEntries(definition.inputs.map((i, k) => [i.variable, inputs[k]!])),
    parameters: Object.fromEntries(parameters),
    virtualSensors: Object.fromEntries(virtualSensors),
    paths,
    modelRuns: response?.modelRuns ?? 0,
    responseError: Object.fromEntries(
      sensors.map((sensor, s) => [sensor.variable, response?.error[m + s] ?? 0]),
    ),
  };
}
