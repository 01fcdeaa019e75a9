import { setMaxListeners } from 'node:events';
import { type Logger, messageOf, secondsText, TwinError } from '../../core/index.js';
import { defaultInterface, settableStates } from '../../fmi/index.js';
import type { StateEvaluation, TransientModel, Twin } from '../types.js';
import { lostModes } from './lost-modes.js';
import { mayHaveModes, memoryCanBeWritten, offersMemory } from './model-memory.js';
import { spanInputs } from './span-inputs.js';
import { solverTolerance, type TwinFmu } from './twin-fmu.js';

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
  const { fmu, runs, forces } = opened;
  const md = fmu.modelDescription;
  const { parameters, inputs, simulation } = twin.definition;
  const type = simulation.interface ?? defaultInterface(fmu);
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
    runs.settle({
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
    run: () => Promise<Exclude<StateEvaluation, Error>>,
    signal: AbortSignal | undefined,
  ): Promise<StateEvaluation> => {
    try {
      const result = await run();
      const told = [...result.states, ...result.outputs];
      const bad = told.findIndex((v) => !Number.isFinite(v));
      if (bad < 0) return result;
      const name = [...stateNames, ...outputs][bad] ?? 'a value';
      return new TwinError('NUMERIC', `The model gave ${told[bad]} as ${name}.`);
    } catch (error) {
      if (signal?.aborted) throw error;
      return error instanceof Error ? error : new Error(String(error));
    }
  };

  const tableOf = spanInputs(twin, opened);
  const propagate: TransientModel['propagate'] = (points, span, signal) => {
    listenFreely(signal);
    // Without disturbances one table serves all points.
    const table = forces.length === 0 ? tableOf(span) : undefined;
    // After an error an FMU's process is not used again: a dozen failures are a dozen new processes.
    const rest = span.aroundFirst === true ? new AbortController() : undefined;
    listenFreely(rest?.signal);
    const endRest = () => rest?.abort(signal?.reason);
    signal?.addEventListener('abort', endRest, { once: true });
    const runOne = async (point: (typeof points)[number], k: number) => {
      const own = k === 0 ? signal : (rest?.signal ?? signal);
      const found = await guarded(async () => {
        const result = await runs.propagate({
          interface: simulation.interface,
          startValues: named(point.parameters),
          ...(point.states === undefined ? {} : { states: point.states }),
          inputs: table ?? tableOf(span, point),
          outputs,
          fromS: span.fromS,
          toS: span.toS,
          stepSizeS: simulation.stepSizeS,
          relativeTolerance: solverTolerance(twin),
          ...(simulation.tolerance !== undefined && { tolerance: simulation.tolerance }),
          ...(span.memory !== undefined && { memory: span.memory }),
          ...(point.keepMemory === true && { keepMemory: true }),
          ...(own === undefined ? {} : { signal: own }),
        });
        const memory = result.memory === undefined ? {} : { memory: result.memory };
        return { outputs: result.values, states: result.states, ...memory };
      }, signal);
      if (k === 0 && found instanceof Error) rest?.abort(found);
      return found;
    };
    return Promise.all(points.map(runOne)).finally(() =>
      signal?.removeEventListener('abort', endRest),
    );
  };
  const modes = mayHaveModes(md);
  const offered = modes && offersMemory(md, type);
  let written: Promise<boolean> | undefined;
  /** Whether modes are carried from sample to sample; tried once. */
  const carries = (
    point: { parameters: Float64Array },
    span: Parameters<TransientModel['propagate']>[1],
  ): Promise<boolean> => {
    if (!offered) return Promise.resolve(false);
    const moved = point.parameters.map((p, i) => {
      const { lower = -Infinity, upper = Infinity, prior: of } = parameters[i]!;
      const by = 0.1 * of.std;
      return p + by <= upper || p - by < lower ? p + by : p - by;
    });
    // Where the FMU's time begins, so that a run that goes on from a checkpoint finds the same.
    const fromS = md.defaultExperiment.startTime ?? 0;
    const first = { ...span, fromS, toS: fromS + span.toS - span.fromS };
    written ??= memoryCanBeWritten(propagate, point, moved, first, logger);
    return written;
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
                `The model did not come to rest within ${secondsText(simulation.maxTimeS)}. Where it never rests, set transient.initialState to "start-values"; otherwise raise simulation.maxTimeS or simulation.relativeTolerance.`,
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
    async propagate(points, span, signal) {
      const [point] = points;
      const wanted = span.memory !== undefined || points.some((p) => p.keepMemory === true);
      // At an instant nothing can be tried, and nothing has been lost either.
      const lasting = point !== undefined && span.toS > span.fromS;
      if (!wanted || (lasting && (await carries(point, span)))) {
        return propagate(points, span, signal);
      }
      return propagate(
        points.map(({ keepMemory, ...rest }) => rest),
        { ...span, memory: undefined },
        signal,
      );
    },
    async forgets(point, samples, signal) {
      if (!modes || (await (written ?? Promise.resolve(false)))) return undefined;
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

/** Each run of a step listens to its signal: as many as there are points, which is no leak. */
function listenFreely(signal: AbortSignal | undefined): void {
  if (signal !== undefined) setMaxListeners(0, signal);
}
