import { type Logger, messageOf, secondsText, TwinError } from '../../core/index.js';
import { settableStates } from '../../fmi/index.js';
import type { TransientModel, Twin } from '../types.js';
import { lostModes } from './lost-modes.js';
import { carriedModes } from './model-memory.js';
import { restRuns } from './rest-runs.js';
import { listenFreely, stateEvaluation, stateRuns } from './state-runs.js';
import type { TwinFmu } from './twin-fmu.js';

/**
 * The FMU as a dynamic system: continuous states and parameters in, states and outputs a while
 * later out, in processes of their own.
 *
 * @param outputs measured variables, then virtual sensors
 * @throws TwinError `FMU_UNSUPPORTED` where runs can't begin from given states
 */
export function createTransientModel(
  twin: Twin,
  opened: TwinFmu,
  outputs: readonly string[],
  logger?: Logger,
): TransientModel {
  const md = opened.fmu.modelDescription;
  const { simulation } = twin.definition;
  const states = settableStates(md, simulation.interface);
  const names = states.map((v) => v.name);
  const toRest = restRuns(twin, opened, outputs, names);
  const propagate = stateRuns(twin, opened, names, outputs);
  const modes = carriedModes(twin, opened.fmu, propagate, logger);

  return {
    states: names,
    nominal: Float64Array.from(states, (v) => v.nominal ?? Number.NaN),
    startTimeS: md.defaultExperiment.startTime ?? 0,
    interpolations: opened.interpolations,
    settle(points, at, signal) {
      listenFreely(signal);
      const settled = async (point: Float64Array) => {
        const result = await toRest(point, at, signal);
        if (!result.settled) {
          throw new TwinError(
            'NUMERIC',
            `The model did not come to rest within ${secondsText(simulation.maxTimeS)}. Where it never rests, set transient.initialState to "start-values"; otherwise raise simulation.maxTimeS or simulation.relativeTolerance.`,
          );
        }
        return {
          outputs: result.values.slice(0, outputs.length),
          states: result.values.slice(outputs.length),
        };
      };
      return Promise.all(
        points.map((point) => stateEvaluation(names, outputs, () => settled(point), signal)),
      );
    },
    async propagate(points, span, signal) {
      const [point] = points;
      const wanted = span.memory !== undefined || points.some((p) => p.keepMemory === true);
      // At an instant nothing can be tried, and nothing has been lost either.
      const lasting = point !== undefined && span.toS > span.fromS;
      if (!wanted || (lasting && (await modes.areCarried(point, span)))) {
        return propagate(points, span, signal);
      }
      return propagate(
        points.map(({ keepMemory, ...rest }) => rest),
        { ...span, memory: undefined },
        signal,
      );
    },
    async forgets(point, samples, signal) {
      if (!modes.mayBe || (await modes.wereCarried())) return undefined;
      try {
        return await lostModes({ twin, opened, outputs, propagate, point, samples, signal });
      } catch (error) {
        if (signal?.aborted) throw error;
        return {
          share: 0,
          text: `whether ${md.modelName} loses modes between samples could not be tried: ${messageOf(error)}`,
        };
      }
    },
  };
}
