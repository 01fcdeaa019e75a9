import { twinSchema } from '../../../shared/config/index.js';
import { createRng } from '../../../shared/core/index.js';
import type { FitModel } from '../../../shared/twin/fit/index.js';
import type { Sample, Twin } from '../../../shared/twin/index.js';

/** A first-order lag with a gain: y' = (gain·u − y) / tau, and an idle parameter where asked for. */
export function lagTwin(
  parameters: readonly string[] = ['gain', 'tau'],
  overrides: Record<string, unknown> = {},
  bounds: Record<string, { lower?: number; upper?: number }> = {},
): Twin {
  const means: Record<string, number> = { gain: 2, tau: 5, idle: 1, gain2: 1 };
  const definition = twinSchema.parse({
    name: 'lag',
    fmu: './none.fmu',
    inputs: [{ variable: 'u' }],
    measured: [{ variable: 'y', alias: '/l/y' }],
    parameters: parameters.map((variable) => ({
      variable,
      alias: `/l/${variable}`,
      lower: 0,
      ...bounds[variable],
      prior: { mean: means[variable]!, std: 1.31 * means[variable]! },
    })),
    simulation: { mode: 'transient' },
    ...overrides,
  });
  return { definition, fmuPath: '/none.fmu', hash: 'lag' };
}

/** Runs of the lag in closed form; counts them. Each virtual sensor is twice the state. */
export function lagModel(
  twin: Twin,
  options: { failsWhere?: (parameters: Record<string, number>) => boolean; nan?: boolean } = {},
): FitModel & { runs: number } {
  const names = twin.definition.parameters.map((p) => p.variable);
  const model: FitModel & { runs: number } = {
    states: ['x'],
    runs: 0,
    async run(points, record, { keepStates = false, keepSensors = false } = {}) {
      model.runs += points.length;
      return points.map((point) => {
        const p = Object.fromEntries(names.map((name, i) => [name, point.parameters[i]!]));
        if (options.failsWhere?.(p) === true) return new Error('fmi2DoStep returned Error.');
        const { gain = 2, tau = 5, gain2 = 1 } = p;
        const n = record.timesS.length;
        const y = new Float64Array(n);
        let x = point.states?.[0] ?? 0;
        for (let k = 0; k < n; k++) {
          y[k] = options.nan === true && k === n - 1 ? Number.NaN : x;
          const dt = (record.timesS[k + 1] ?? 0) - record.timesS[k]!;
          const to = gain * gain2 * record.inputs[0]![k]!;
          x = to + (x - to) * Math.exp(-dt / tau);
        }
        if (y.some(Number.isNaN)) return new Error('The model gave NaN as output 0 of its run.');
        return {
          outputs: y,
          ...(keepStates ? { states: y.slice() } : {}),
          ...(keepSensors ? { sensors: y.map((v) => 2 * v) } : {}),
        };
      });
    },
    startStates: async () => new Float64Array(1),
    close: async () => {},
  };
  return model;
}

/** The model with so many measured variables that all show its first. */
export function alike<M extends FitModel>(one: M, channels: number): M {
  return {
    ...one,
    run: async (...args: Parameters<FitModel['run']>) =>
      (await one.run(...args)).map((run) =>
        run instanceof Error
          ? run
          : {
              ...run,
              outputs: Float64Array.from(
                { length: channels * run.outputs.length },
                (_, i) => run.outputs[Math.floor(i / channels)]!,
              ),
            },
      ),
  };
}

/** A record of the lag with gain 3 and tau 8, the input switching at random. */
export async function lagSamples(
  options: { n?: number; noise?: number; seed?: number; ou?: number; gain?: number } = {},
): Promise<Sample[]> {
  const { n = 300, noise = 0.05, seed = 1, ou = 0, gain = 3 } = options;
  const rng = createRng(seed);
  const samples: Sample[] = [];
  let u = 1;
  let x = 0.5;
  let d = 0;
  for (let k = 0; k < n; k++) {
    if (rng.uniform() < 0.1) u = rng.uniform() < 0.5 ? 0 : 1;
    const a = Math.exp(-1 / 30);
    d = a * d + ou * Math.sqrt(1 - a * a) * rng.normal();
    samples.push({
      timeS: k,
      row: k,
      inputs: Float64Array.of(u),
      measured: Float64Array.of(x + d + noise * rng.normal()),
    });
    x = gain * u + (x - gain * u) * Math.exp(-1 / 8);
  }
  return samples;
}
