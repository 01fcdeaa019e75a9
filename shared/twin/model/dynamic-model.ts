import { setMaxListeners } from 'node:events';
import { TwinError } from '../../core/index.js';
import {
  type FmuPool,
  inputsBetween,
  type ModelDescription,
  settableStates,
} from '../../fmi/index.js';
import { inputInterpolations } from '../definition/input-interpolation.js';
import type { StateEvaluation, TransientModel, Twin } from '../types.js';

/** Accuracy of the solver between two samples, against that of coming to rest. */
const SOLVER_SHARE = 0.02;

/**
 * The FMU as a dynamic system: continuous states and parameters in, states and outputs a while
 * later out, in processes of their own.
 *
 * @param pool of the twin's FMU
 * @param outputs measured variables, then virtual sensors
 * @throws TwinError `FMU_UNSUPPORTED` where runs can't begin from given states
 */
export function createTransientModel(
  twin: Twin,
  pool: FmuPool,
  md: ModelDescription,
  outputs: readonly string[],
): TransientModel {
  const { parameters, inputs, simulation } = twin.definition;
  const states = settableStates(md, simulation.interface);
  const stateNames = states.map((v) => v.name);
  const inputNames = inputs.map((input) => input.variable);
  const named = (point: ArrayLike<number>) =>
    Object.fromEntries(parameters.map((p, i) => [p.variable, point[i]!]));
  const inputValues = (values: ArrayLike<number>) =>
    Object.fromEntries(inputNames.map((name, i) => [name, values[i]!]));
  const settle = (
    point: ArrayLike<number>,
    at: ArrayLike<number>,
    signal: AbortSignal | undefined,
  ) =>
    pool.settle({
      startValues: named(point),
      inputs: inputValues(at),
      outputs,
      along: stateNames,
      interface: simulation.interface,
      stepSizeS: simulation.stepSizeS,
      maxTimeS: simulation.maxTimeS,
      relativeTolerance: simulation.relativeTolerance,
      ...(simulation.tolerance !== undefined && { tolerance: simulation.tolerance }),
      // Warm runs all start from the prior's steady state: the same result whatever ran before.
      reference: { startValues: named(prior), inputs: inputValues(at) },
      ...(signal === undefined ? {} : { signal }),
    });
  const prior = parameters.map((p) => p.prior.mean);
  const guarded = async (
    run: () => Promise<{ states: Float64Array; outputs: Float64Array }>,
    signal: AbortSignal | undefined,
  ): Promise<StateEvaluation> => {
    try {
      const result = await run();
      if (![...result.states, ...result.outputs].every(Number.isFinite)) {
        return new TwinError('NUMERIC', 'The model gave a value that is not a finite number.');
      }
      return result;
    } catch (error) {
      if (signal?.aborted) throw error;
      return error instanceof Error ? error : new Error(String(error));
    }
  };

  return {
    states: stateNames,
    nominal: Float64Array.from(states, (v) => v.nominal ?? Number.NaN),
    startTimeS: md.defaultExperiment.startTime ?? 0,
    settle(points, at, signal) {
      listenFreely(signal);
      return Promise.all(
        points.map((point) =>
          guarded(async () => {
            const result = await settle(point, at, signal);
            if (!result.settled) {
              throw new TwinError(
                'NUMERIC',
                `The model did not come to rest within ${simulation.maxTimeS} s. Where it never rests, set transient.initialState to "start-values"; otherwise raise simulation.maxTimeS or simulation.relativeTolerance.`,
              );
            }
            return {
              outputs: result.values.slice(0, outputs.length),
              states: result.values.slice(outputs.length),
            };
          }, signal),
        ),
      );
    },
    propagate(points, span, signal) {
      listenFreely(signal);
      const table = inputsBetween(
        span.fromS,
        span.toS,
        inputNames,
        span.inputs,
        span.inputsTo,
        inputInterpolations(twin.definition),
      );
      return Promise.all(
        points.map((point) =>
          guarded(async () => {
            const result = await pool.propagate({
              interface: simulation.interface,
              startValues: named(point.parameters),
              ...(point.states === undefined ? {} : { states: point.states }),
              inputs: table,
              outputs,
              fromS: span.fromS,
              toS: span.toS,
              stepSizeS: simulation.stepSizeS,
              relativeTolerance: Math.max(1e-12, simulation.relativeTolerance * SOLVER_SHARE),
              ...(simulation.tolerance !== undefined && { tolerance: simulation.tolerance }),
              ...(signal === undefined ? {} : { signal }),
            });
            return { outputs: result.values, states: result.states };
          }, signal),
        ),
      );
    },
  };
}

/** Each run of a step listens to its signal: as many as there are points, which is no leak. */
function listenFreely(signal: AbortSignal | undefined): void {
  if (signal !== undefined) setMaxListeners(0, signal);
}
