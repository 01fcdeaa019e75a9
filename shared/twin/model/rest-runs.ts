import type { SettleResult } from '../../fmi/index.js';
import type { Twin } from '../types.js';
import { namedParameters, type TwinFmu } from './twin-fmu.js';

/**
 * Runs of a twin's FMU until it rests.
 *
 * @param outputs that must rest
 * @param along what is read beside them
 */
export function restRuns(
  twin: Twin,
  { runs }: TwinFmu,
  outputs: readonly string[],
  along: readonly string[] = [],
): (
  point: ArrayLike<number>,
  inputs: ArrayLike<number>,
  signal?: AbortSignal,
) => Promise<SettleResult> {
  const { parameters, inputs: driven, simulation } = twin.definition;
  const { stepSizeS, maxTimeS, relativeTolerance, tolerance } = simulation;
  const prior = namedParameters(
    twin,
    parameters.map((p) => p.prior.mean),
  );
  return (point, values, signal) => {
    const inputs = Object.fromEntries(driven.map((input, i) => [input.variable, values[i]!]));
    return runs.settle({
      startValues: namedParameters(twin, point),
      inputs,
      outputs,
      along,
      interface: simulation.interface,
      stepSizeS,
      maxTimeS,
      relativeTolerance,
      ...(tolerance !== undefined && { tolerance }),
      // Warm runs all start from the prior's steady state: the same result whatever ran before.
      reference: { startValues: prior, inputs },
      ...(signal === undefined ? {} : { signal }),
    });
  };
}

/** What a run came to, or why it failed: an error in its place, unless it was cancelled. */
export async function orError<T>(
  run: () => Promise<T>,
  signal: AbortSignal | undefined,
): Promise<T | Error> {
  try {
    return await run();
  } catch (error) {
    if (signal?.aborted) throw error;
    return error instanceof Error ? error : new Error(String(error));
  }
}
