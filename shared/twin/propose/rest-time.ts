import { secondsText } from '../../core/index.js';
import { createFmuPool, openFmu } from '../../fmi/index.js';
import type { Twin } from '../types.js';

/** Where the ladder of limits begins: the definition's own default, seconds. */
const FIRST_S = 600;
const RATIO = 4;
/** Communication steps that one run may take: what a first look may cost. */
const MOST_STEPS = 100_000;
/** Wall time that one run may take. */
const TIMEOUT_MS = 20_000;
/** Other parameters and inputs may take so many times as long. */
const ROOM = 4;

/** How long a model with states takes to come to rest. */
export interface RestTime {
  /** A limit within which it rests, with room, seconds; undefined where none was found. */
  maxTimeS?: number;
  /** When it rests, seconds; infinite where it was not seen to, undefined where it fails. */
  restS?: number;
  /** What was seen, in words. */
  because: string;
}

/**
 * Finds the `simulation.maxTimeS` that the definition of a model with states needs: starts at rest, forecasts
 * and rankings of sensors run the model until it rests.
 *
 * @param inputs some under which it is to rest, each in the definition's order: under those that its start
 *   values belong to it rests at once, so the longest time counts
 */
export async function restTime(
  twin: Twin,
  inputs: readonly Float64Array[],
  signal?: AbortSignal,
): Promise<RestTime> {
  const { definition, fmuPath } = twin;
  const { simulation, parameters, measured, virtualSensors } = definition;
  const pool = await createFmuPool({
    fmu: await openFmu(fmuPath),
    lanes: 1,
    timeoutMs: TIMEOUT_MS,
  });
  const settle = (at: Float64Array, maxTimeS: number) =>
    pool.settle({
      startValues: Object.fromEntries(parameters.map((p) => [p.variable, p.prior.mean])),
      inputs: Object.fromEntries(definition.inputs.map((item, i) => [item.variable, at[i]!])),
      outputs: [...measured, ...virtualSensors].map((item) => item.variable),
      interface: simulation.interface,
      stepSizeS: simulation.stepSizeS,
      relativeTolerance: simulation.relativeTolerance,
      maxTimeS,
      warm: false,
      ...(signal === undefined ? {} : { signal }),
    });
  const held =
    inputs.length === 1
      ? 'inputs of the recording'
      : `inputs of ${inputs.length} of its rows, tried in turn,`;
  let maxTimeS = FIRST_S;
  let restS = 0;
  try {
    for (const at of inputs) {
      for (; ; maxTimeS *= RATIO) {
        const found = await settle(at, maxTimeS);
        if (found.settled) {
          restS = Math.max(restS, found.timeS);
          break;
        }
        if ((RATIO * maxTimeS) / simulation.stepSizeS > MOST_STEPS) {
          return {
            restS: Number.POSITIVE_INFINITY,
            because: `held at ${held} it does not rest within ${secondsText(maxTimeS)}`,
          };
        }
      }
    }
    return {
      maxTimeS: Math.max(FIRST_S, Number((ROOM * restS).toPrecision(2))),
      restS,
      because: `it rests after ${secondsText(Math.ceil(restS))}`,
    };
  } catch (error) {
    if (signal?.aborted) throw error;
    // What the model fails at shows when it is tried on the recording, with the remedy.
    return {
      because: `held at ${held} it fails: ${error instanceof Error ? error.message : String(error)}`,
    };
  } finally {
    await pool.close();
  }
}
