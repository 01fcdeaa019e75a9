import { setMaxListeners } from 'node:events';
import { TwinError } from '../../core/index.js';
import type { StateEvaluation, TransientModel, Twin } from '../types.js';
import { orError } from './rest-runs.js';
import { spanInputs } from './span-inputs.js';
import { namedParameters, solverTolerance, type TwinFmu } from './twin-fmu.js';

type Propagate = TransientModel['propagate'];

/** States and outputs that a run came to, or why there are none: an error in its place. */
export function stateEvaluation(
  states: readonly string[],
  outputs: readonly string[],
  run: () => Promise<Exclude<StateEvaluation, Error>>,
  signal: AbortSignal | undefined,
): Promise<StateEvaluation> {
  return orError(async () => {
    const result = await run();
    const told = [...result.states, ...result.outputs];
    const bad = told.findIndex((v) => !Number.isFinite(v));
    if (bad < 0) return result;
    const name = [...states, ...outputs][bad] ?? 'a value';
    return new TwinError('NUMERIC', `The model gave ${told[bad]} as ${name}.`);
  }, signal);
}

/**
 * Runs of a twin's FMU from given states over a time, a process each.
 *
 * @param states names of the continuous states
 */
export function stateRuns(
  twin: Twin,
  opened: TwinFmu,
  states: readonly string[],
  outputs: readonly string[],
): Propagate {
  const { runs, forces } = opened;
  const { interface: type, stepSizeS, tolerance } = twin.definition.simulation;
  const tableOf = spanInputs(twin, opened);
  return async (points, span, signal) => {
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
      const run = async () => {
        const { values, states, memory } = await runs.propagate({
          interface: type,
          startValues: namedParameters(twin, point.parameters),
          ...(point.states === undefined ? {} : { states: point.states }),
          inputs: table ?? tableOf(span, point),
          outputs,
          fromS: span.fromS,
          toS: span.toS,
          stepSizeS,
          relativeTolerance: solverTolerance(twin),
          ...(tolerance !== undefined && { tolerance }),
          ...(span.memory !== undefined && { memory: span.memory }),
          ...(point.keepMemory === true && { keepMemory: true }),
          ...(own === undefined ? {} : { signal: own }),
        });
        return { outputs: values, states, ...(memory === undefined ? {} : { memory }) };
      };
      const found = await stateEvaluation(states, outputs, run, signal);
      if (k === 0 && found instanceof Error) rest?.abort(found);
      return found;
    };
    try {
      return await Promise.all(points.map(runOne));
    } finally {
      signal?.removeEventListener('abort', endRest);
    }
  };
}

/** Each run of a step listens to its signal: as many as there are points, which is no leak. */
export function listenFreely(signal: AbortSignal | undefined): void {
  if (signal !== undefined) setMaxListeners(0, signal);
}
