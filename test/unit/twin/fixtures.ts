import { twinSchema } from '../../../shared/config/index.js';
import type { Sample, Twin, TwinModel } from '../../../shared/twin/index.js';

/** A twin with two parameters and three sensors. */
export function smallTwin(overrides: Record<string, unknown> = {}): Twin {
  const definition = twinSchema.parse({
    name: 'small',
    fmu: './none.fmu',
    inputs: [{ variable: 'u', value: 1 }],
    measured: ['y1', 'y2', 'y3'].map((variable) => ({
      variable,
      alias: `/s/${variable}`,
      noiseStd: 0.01,
    })),
    parameters: ['p', 'q'].map((variable) => ({
      variable,
      alias: `/s/${variable}`,
      lower: 0,
      upper: 1,
      prior: { mean: 0.1, std: 0.05 },
      wearHorizonS: 1000,
      alarm: { above: 0.5 },
    })),
    virtualSensors: [{ variable: 'v', alias: '/s/v' }],
    ...overrides,
  });
  return { definition, fmuPath: '/none.fmu', hash: 'small-hash' };
}

/** y = (p, q, p + q), v = p − q; counts its runs. */
export function linearModel(): TwinModel & { runs: number } {
  const model = {
    outputs: ['y1', 'y2', 'y3', 'v'],
    runs: 0,
    evaluate: async (points: readonly Float64Array[]) => {
      model.runs += points.length;
      return points.map(([p = 0, q = 0]) => Float64Array.of(p, q, p + q, p - q));
    },
    close: async () => {},
  };
  return model;
}

/** A sample of the small twin. */
export function sample(timeS: number, measured: readonly number[]): Sample {
  return { timeS, inputs: Float64Array.of(1), measured: Float64Array.from(measured) };
}

/** Shares of two parameters in six sensors: four of these are redundant. */
export const SIX_SENSORS = [
  [1, 0],
  [0, 1],
  [1, 1],
  [1, -1],
  [2, 1],
  [1, 2],
] as const;

/** Two parameters in the middle of their range, known to a sixth, that may wear in such a time. */
export const wearingParameters = (wearHorizonS: number) =>
  ['p', 'q'].map((variable) => ({
    variable,
    alias: `/s/${variable}`,
    lower: 0,
    upper: 1,
    prior: { mean: 0.3, std: 0.05 },
    wearHorizonS,
  }));
