import { messageOf, TwinError } from '../../core/index.js';
import type { SquareRootGaussian } from '../../kalman/index.js';
import { statedInputs } from '../filter/input-noise.js';
import type { TransientModel, Twin } from '../types.js';
import type { LinearRun } from './linearise.js';

/** What noise of the inputs adds to the ends of a run, looked for at its centre. */
export type DriveOf = (
  run: Pick<LinearRun, 'centre' | 'middle'>,
) => Promise<{ drive: Float64Array; modelRuns: number }>;

/**
 * A definition with noise that a fit has found of inputs for which none is stated.
 *
 * @param found per input, 0 where none was
 */
export function withFoundNoise(
  definition: Twin['definition'],
  found: Float64Array | undefined,
): Twin['definition'] {
  if (found === undefined || found.every((std) => std === 0)) return definition;
  const inputs = definition.inputs.map((input, i) =>
    input.noiseStd === undefined && found[i]! > 0 ? { ...input, noiseStd: found[i]! } : input,
  );
  return { ...definition, inputs };
}

/** How many independent disturbances the inputs' noise adds to a run. */
export const drivenOf = ({ drive, mean }: Pick<LinearRun, 'drive' | 'mean'>): number =>
  drive === undefined ? 0 : drive.length / mean.length;

type Span = Parameters<TransientModel['propagate']>[1];

/** A column for each error of a noisy input: which ends of a span it moves, and how far. */
export function drivenColumns({
  inputs,
  transient,
}: Twin['definition']): { i: number; std: number; ends: ('inputs' | 'inputsTo')[] }[] {
  return statedInputs(inputs).flatMap((i) => {
    const { noiseStd, interpolation } = inputs[i]!;
    const held = (interpolation ?? transient.inputInterpolation) === 'hold';
    const columns: ('inputs' | 'inputsTo')[][] = held
      ? [['inputs'], ['inputsTo']]
      : [['inputs', 'inputsTo']];
    return columns.map((ends) => ({ i, std: noiseStd!, ends }));
  });
}

/**
 * What one deviation of each noisy input does to states and outputs at a sample: process noise
 * G q Gᵀ with feedthrough, a model run for each column.
 *
 * An input that is held acts on states by its reading at the last sample and on outputs by that at this
 * one: two errors, two columns. One that runs straight between its readings acts by both at once, and
 * each reading in two spans: one column, so that a span's errors add up to what a reading does in all.
 *
 * @returns undefined where no noise of an input is stated: no model runs
 */
export function inputDrive(
  definition: Twin['definition'],
  model: TransientModel,
  span: Span,
  signal?: AbortSignal,
): DriveOf | undefined {
  const columns = drivenColumns(definition);
  if (columns.length === 0) return undefined;
  return async ({ centre, middle }) => {
    const n = centre.length - model.states.length;
    const point = { parameters: centre.slice(0, n), states: centre.slice(n) };
    const drive = new Float64Array(middle.length * columns.length);
    await Promise.all(
      columns.map(async ({ i, std, ends }, k) => {
        const moved = { ...span };
        for (const end of ends) {
          const values = Float64Array.from(span[end]);
          values[i]! += std;
          moved[end] = values;
        }
        // Readings between two samples err with the first of them.
        if (ends.includes('inputs')) {
          moved.between = span.between?.map(({ timeS, inputs }) => ({
            timeS,
            inputs: inputs.map((v, input) => (input === i ? v + std : v)),
          }));
        }
        const [found] = await model.propagate([point], moved, signal);
        if (found === undefined || found instanceof Error) {
          throw new TwinError(
            'NUMERIC',
            `The model failed with "${definition.inputs[i]!.variable}" one deviation (inputs[].noiseStd) from what was read: ${messageOf(found)}. The last good state is kept.`,
            { cause: found },
          );
        }
        [...found.states, ...found.outputs].slice(0, middle.length).forEach((v, o) => {
          drive[o * columns.length + k] = v - middle[o]!;
        });
      }),
    );
    return { drive, modelRuns: columns.length };
  };
}

/** A Gaussian with independent unknowns of one deviation behind it. */
export function beside({ x, S }: SquareRootGaussian, count: number): SquareRootGaussian {
  if (count === 0) return { x, S };
  const n = x.length;
  const N = n + count;
  const wide = new Float64Array(N * N);
  for (let i = 0; i < n; i++) wide.set(S.subarray(i * n, (i + 1) * n), i * N);
  for (let i = n; i < N; i++) wide[i * N + i] = 1;
  return { x: Float64Array.of(...x, ...new Float64Array(count)), S: wide };
}

/** The first unknowns of a Gaussian with a lower triangular factor. */
export function first({ x, S }: SquareRootGaussian, count: number): SquareRootGaussian {
  const N = x.length;
  if (N === count) return { x, S };
  return {
    x: x.slice(0, count),
    S: Float64Array.from(
      { length: count * count },
      (_, i) => S[Math.floor(i / count) * N + (i % count)]!,
    ),
  };
}

/** Slopes by the states (rows × ns) with those by the inputs' noise (rows × driven) to their right. */
export function withDrive(
  slope: Float64Array,
  ns: number,
  drive: Float64Array,
  driven: number,
): Float64Array {
  if (driven === 0) return slope;
  const width = ns + driven;
  return Float64Array.from({ length: (slope.length / ns) * width }, (_, i) => {
    const [row, k] = [Math.floor(i / width), i % width];
    return k < ns ? slope[row * ns + k]! : drive[row * driven + k - ns]!;
  });
}
