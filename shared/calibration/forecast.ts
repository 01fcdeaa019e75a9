import { TwinError } from '../core/index.js';
import { normalCdf } from '../kalman/index.js';
import { filterSettings, keepsWithinBounds } from './calibrator.js';
import { predict } from './filter.js';
import { linearise, predictOutputs } from './linearise.js';
import { truncatedEstimate } from './truncated.js';
import type { CalibratorState, Estimate, Twin, TwinModel } from './types.js';

/** What is to come for one parameter or virtual sensor. */
export interface ForecastSeries {
  estimates: Estimate[];
  /** Where an alarm limit is set: the probability of being beyond it at each time. */
  beyondLimit?: number[];
  /** Seconds from now after which the limit is passed with this probability; null: not within the horizon. */
  timeToLimitS?: Record<'p2.5' | 'p10' | 'p25' | 'p50' | 'p75' | 'p90' | 'p97.5', number | null>;
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
}

const QUANTILES = [2.5, 10, 25, 50, 75, 90, 97.5] as const;

/** First time at which a rising curve passes a level, between points by straight lines. */
function crossing(x: readonly number[], p: readonly number[], level: number): number | null {
  let highest = 0;
  for (let i = 0; i < p.length; i++) {
    const here = Math.max(highest, p[i]!);
    if (here >= level) {
      if (i === 0 || here === highest) return x[i]!;
      return x[i - 1]! + ((level - highest) / (here - highest)) * (x[i]! - x[i - 1]!);
    }
    highest = here;
  }
  return null;
}

/**
 * Carries parameters and trends forward and runs the twin at each time ahead. The probability is
 * that of being beyond the limit at that time; intervals of the time to limit follow from it.
 *
 * @param options.inputs operating inputs to assume instead of the definition's values
 * @throws TwinError `CONFIG_INVALID` (an input without a value), or as the model does
 */
export async function forecast(options: {
  twin: Twin;
  model: TwinModel;
  state: CalibratorState;
  horizonS: number;
  points?: number;
  inputs?: Readonly<Record<string, number>>;
  signal?: AbortSignal;
}): Promise<Forecast> {
  const { twin, model, state, horizonS } = options;
  const { definition } = twin;
  const settings = filterSettings(twin);
  const n = definition.parameters.length;
  const N = 2 * n;
  const unknown = Object.keys(options.inputs ?? {}).filter(
    (name) => !definition.inputs.some((i) => i.variable === name),
  );
  if (unknown.length > 0) {
    throw new TwinError(
      'VARIABLE_UNKNOWN',
      `No input is named ${unknown.join(', ')}: the twin has ${definition.inputs.map((i) => i.variable).join(', ')}.`,
    );
  }
  const inputs = Float64Array.from(
    definition.inputs,
    (i) => options.inputs?.[i.variable] ?? i.value ?? Number.NaN,
  );
  if (inputs.some((v) => !Number.isFinite(v))) {
    throw new TwinError(
      'CONFIG_INVALID',
      'The forecast needs a value for every input: give it by --input NAME=VALUE or in the definition.',
    );
  }
  const count = options.points ?? 24;
  const aheadS = Array.from({ length: count + 1 }, (_, k) => (k * horizonS) / count);
  const sensors = definition.virtualSensors;
  const all = [...definition.parameters, ...sensors];
  const series = all.map((item) => ({
    item,
    estimates: [] as Estimate[],
    beyond: [] as number[],
  }));
  for (const ahead of aheadS) {
    const at = predict({ x: state.arrays.x!, S: state.arrays.S! }, ahead, settings);
    const factor = new Float64Array(n * n);
    for (let i = 0; i < n; i++) for (let j = 0; j <= i; j++) factor[i * n + j] = at.S[i * N + j]!;
    const mean = at.x.slice(0, n);
    const lin = await linearise(
      (points) => model.evaluate(points, inputs, options.signal),
      mean,
      factor,
      settings.spread,
      settings.bounds,
      keepsWithinBounds(twin, state),
    );
    const outputs = predictOutputs(lin, mean);
    const m = definition.measured.length;
    series.forEach(({ item, estimates, beyond }, i) => {
      let value = at.x[i]!;
      let variance = 0;
      if (i < n) {
        for (let k = 0; k < N; k++) variance += at.S[i * N + k]! ** 2;
      } else {
        const o = m + i - n;
        value = outputs[o]!;
        variance = lin.omega[o * outputs.length + o]!;
        for (let k = 0; k < n; k++) {
          let sum = 0;
          for (let j = k; j < n; j++) sum += lin.slope[o * n + j]! * factor[j * n + k]!;
          variance += sum * sum;
        }
      }
      const std = Math.sqrt(variance);
      const parameter = i < n ? definition.parameters[i] : undefined;
      estimates.push(truncatedEstimate(value, std, parameter?.lower, parameter?.upper));
      const z = (limit: number) =>
        std > 0 ? (value - limit) / std : Math.sign(value - limit) * Number.POSITIVE_INFINITY;
      const { above, below } = item.alarm ?? {};
      beyond.push(
        Math.max(
          above === undefined ? 0 : normalCdf(z(above)),
          below === undefined ? 0 : normalCdf(-z(below)),
        ),
      );
    });
  }
  const named = (from: number, to: number) =>
    Object.fromEntries(
      series.slice(from, to).map(({ item, estimates, beyond }): [string, ForecastSeries] => [
        item.variable,
        item.alarm === undefined
          ? { estimates }
          : {
              estimates,
              beyondLimit: beyond,
              timeToLimitS: Object.fromEntries(
                QUANTILES.map((q) => [`p${q}`, crossing(aheadS, beyond, q / 100)]),
              ) as NonNullable<ForecastSeries['timeToLimitS']>,
            },
      ]),
    );
  return {
    twin: definition.name,
    fromS: state.timeS,
    aheadS,
    inputs: Object.fromEntries(definition.inputs.map((i, k) => [i.variable, inputs[k]!])),
    parameters: named(0, n),
    virtualSensors: named(n, all.length),
  };
}
