import { modelSensors } from '../../config/index.js';
import { type Logger, secondsText, TwinError } from '../../core/index.js';
import { forcesOf, withForces } from '../disturbances/index.js';
import type { Evaluation, Twin, TwinModel } from '../types.js';
import { createTransientModel } from './dynamic-model.js';
import { integrationError } from './integration-error.js';
import { orError, restRuns } from './rest-runs.js';
import { listenFreely } from './state-runs.js';
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
  const toRest = restRuns(twin, opened, outputs);
  const evaluateOne = (
    point: Float64Array,
    inputs: Float64Array,
    signal?: AbortSignal,
  ): Promise<Evaluation> =>
    orError(async () => {
      const result = await toRest(point, inputs, signal);
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
    }, signal);

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
      listenFreely(signal);
      return Promise.all(points.map((point) => evaluateOne(point, inputs, signal)));
    },
    integrationError: (samples, signal) => integrationError(twin, opened, samples, signal),
    close: () => opened.close(),
  };
}
