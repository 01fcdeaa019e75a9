import type { FilterState, TransientMemory } from '../state/filter-state.js';
import type { Sample, TransientModel, Twin } from '../types.js';
import { settlingTimeS } from './settling-time.js';
import { extendWindow, windowAtRest } from './steadiness-window.js';

/**
 * Mode `auto`: whether a sample is one of rest, and what is remembered to know it of the next.
 *
 * @param dtS seconds since the last sample
 */
export async function restIn(
  twin: Twin,
  dynamics: TransientModel,
  memory: TransientMemory,
  { noiseStd }: Pick<FilterState, 'noiseStd'>,
  { sample, measured, dtS }: { sample: Sample; measured: Float64Array; dtS: number },
  signal: AbortSignal | undefined,
): Promise<{ isRest: boolean; memory: TransientMemory }> {
  const { inputs, simulation, transient } = twin.definition;
  const streamed = inputs.flatMap((input, i) => (input.value === undefined ? [i] : []));
  const spanS =
    memory.settlingTimeS ??
    transient.settlingTimeS ??
    (await settlingTimeS(twin, dynamics, sample.inputs, signal));
  const values = [...measured, ...streamed.map((i) => sample.inputs[i]!)];
  const window = extendWindow(memory.window, sample.timeS, values, spanS);
  const stds = Float64Array.of(...noiseStd, ...streamed.map(() => Number.NaN));
  // A model that comes to no rest in time is always on its way.
  const rests = transient.settlingTimeS !== undefined || spanS < simulation.maxTimeS;
  const isRest =
    rests && (dtS >= spanS || windowAtRest(window, stds, spanS, transient.steadyFalseAlarm).steady);
  return { isRest, memory: { ...memory, window, settlingTimeS: spanS } };
}
