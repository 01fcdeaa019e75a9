import type { Logger } from '../../core/index.js';
import { type KeptProof, openFmu, type Proof, proveFmu } from '../../fmi/index.js';
import type { Twin, TwinModel } from '../types.js';

/** How long a moving model runs at a bound, in communication steps. */
const STEPS_AT_BOUND = 10;

/** Proves a twin's FMU as the twin runs it: by its interface, at its step and tolerance. */
export async function proveTwinFmu(
  twin: Twin,
  options: { logger?: Logger; signal?: AbortSignal } = {},
): Promise<KeptProof & { path?: string }> {
  const { simulation } = twin.definition;
  const fmu = await openFmu(twin.fmuPath, { masterStepSizeS: simulation.stepSizeS });
  return proveFmu(fmu, {
    ...options,
    interface: simulation.interface,
    stepSizeS: simulation.stepSizeS,
    timeoutMs: simulation.timeoutS * 1000,
    ...(simulation.tolerance !== undefined && { tolerance: simulation.tolerance }),
  });
}

/**
 * Runs the model with each parameter at each of its bounds, the others at their priors: there a filter
 * or a fit will look, too.
 *
 * @param inputs in the order of the definition
 */
export async function probeBounds(
  twin: Twin,
  model: TwinModel,
  inputs: Float64Array,
  signal?: AbortSignal,
): Promise<Proof[]> {
  const { parameters, simulation } = twin.definition;
  const tried = parameters.flatMap(({ variable, lower, upper }, i) =>
    [lower, upper].flatMap((bound) => {
      if (bound === undefined || !Number.isFinite(bound)) return [];
      const point = Float64Array.from(parameters, (p) => p.prior.mean);
      point[i] = bound;
      return [{ name: `bears ${variable} = ${bound}`, point }];
    }),
  );
  if (tried.length === 0) return [];
  const points = tried.map((t) => t.point);
  const { transient } = model;
  const results: readonly unknown[] =
    simulation.mode === 'steady-state' || transient === undefined
      ? await model.evaluate(points, inputs, signal)
      : await transient.propagate(
          points.map((p) => ({ parameters: p })),
          {
            fromS: transient.startTimeS,
            toS: transient.startTimeS + STEPS_AT_BOUND * simulation.stepSizeS,
            inputs,
            inputsTo: inputs,
          },
          signal,
        );
  const failed = tried.flatMap(({ name }, k): Proof[] => {
    const result = results[k];
    return result instanceof Error
      ? [{ name, outcome: 'care', detail: result.message.split('\n')[0] ?? '' }]
      : [];
  });
  if (failed.length > 0) return failed;
  return [
    { name: "bears the definition's bounds", outcome: 'good', detail: `${tried.length} bounds` },
  ];
}
