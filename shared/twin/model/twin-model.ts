import { setMaxListeners } from 'node:events';
import { modelSensors } from '../../config/index.js';
import { type Logger, secondsText, TwinError } from '../../core/index.js';
import { forcesOf, withForces } from '../disturbances/index.js';
import type { Evaluation, Twin, TwinModel } from '../types.js';
import { createTransientModel } from './dynamic-model.js';
import { integrationError } from './integration-error.js';
import { openTwinFmu } from './twin-fmu.js';

/**
 * The FMU as the filter's observation function: steady states of many parameter points, evaluated
 * in parallel in processes of their own.
 *
 * @param options.lanes number of processes; default: one per core
 * @throws TwinError as {@link openTwinFmu}; `FMU_UNSUPPORTED` where runs can't begin from given states
 */
export async function createTwinModel(
  twin: Twin,
  options: { lanes?: number; logger?: Logger } = {},
): Promise<TwinModel> {
  const { definition } = twin;
  const { simulation } = definition;
  const outputs = [...definition.measured, ...modelSensors(definition)].map((o) => o.variable);
  const opened = await openTwinFmu(twin, options);
  const { runs } = opened;
  // Warm runs all start from the prior's steady state: the same result whatever ran before.
  const referenceParameters = Object.fromEntries(
    definition.parameters.map((p) => [p.variable, p.prior.mean]),
  );

  const evaluateOne = async (
    point: Float64Array,
    inputValues: Record<string, number>,
    signal?: AbortSignal,
  ): Promise<Evaluation> => {
    try {
      const result = await runs.settle({
        startValues: Object.fromEntries(
          definition.parameters.map((p, i) => [p.variable, point[i]!]),
        ),
        inputs: inputValues,
        outputs,
        interface: simulation.interface,
        stepSizeS: simulation.stepSizeS,
        maxTimeS: simulation.maxTimeS,
        relativeTolerance: simulation.relativeTolerance,
        ...(simulation.tolerance !== undefined && { tolerance: simulation.tolerance }),
        reference: { startValues: referenceParameters, inputs: inputValues },
        ...(signal === undefined ? {} : { signal }),
      });
      if (!result.settled) {
        return new TwinError(
          'NUMERIC',
          `The model did not come to rest within ${secondsText(simulation.maxTimeS)}: raise simulation.maxTimeS or simulation.relativeTolerance.`,
        );
      }
      if (!result.values.every(Number.isFinite)) {
        return new TwinError('NUMERIC', 'The model gave an output that is not a finite number.');
      }
      return result.values;
    } catch (error) {
      if (signal?.aborted) throw error;
      return error instanceof Error ? error : new Error(String(error));
    }
  };

  let transient: Pick<TwinModel, 'transient'> = {};
  if (simulation.mode !== 'steady-state') {
    try {
      const model = createTransientModel(twin, opened, outputs, options.logger);
      transient = { transient: withForces(model, forcesOf(definition)) };
    } catch (error) {
      await opened.close();
      throw error;
    }
  }
  return {
    outputs: [...outputs, ...forcesOf(definition).map((f) => f.name)],
    ...transient,
    evaluate(points, inputs, signal) {
      // Each run of a step listens until it ends: more at a time than Node warns of.
      if (signal !== undefined) setMaxListeners(0, signal);
      const inputValues = Object.fromEntries(
        definition.inputs.map((input, i) => [input.variable, inputs[i]!]),
      );
      return Promise.all(points.map((point) => evaluateOne(point, inputValues, signal)));
    },
    integrationError: (samples, signal) => integrationError(twin, opened, samples, signal),
    close: () => opened.close(),
  };
}
