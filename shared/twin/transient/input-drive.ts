import { messageOf, TwinError } from '../../core/index.js';
import type { Interpolation } from '../../fmi/index.js';
import type { SquareRootGaussian } from '../../kalman/index.js';
import { inputInterpolations } from '../definition/input-interpolation.js';
import { statedInputs } from '../filter/input-noise.js';
import type { TransientModel, Twin } from '../types.js';
import type { Straying } from './input-habits.js';
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

/** How each input runs between samples. */
export const interpolationsOf = (
  definition: Twin['definition'],
  model: Pick<TransientModel, 'interpolations'>,
): readonly Interpolation[] => model.interpolations ?? inputInterpolations(definition);

/** A column for each error of a noisy input: which ends of a span it moves, and how far. */
export function drivenColumns(
  { inputs }: Twin['definition'],
  interpolations: readonly Interpolation[],
): { i: number; std: number; ends: ('inputs' | 'inputsTo')[] }[] {
  return statedInputs(inputs).flatMap((i) => {
    const { noiseStd } = inputs[i]!;
    const columns: ('inputs' | 'inputsTo')[][] =
      interpolations[i] === 'hold' ? [['inputs'], ['inputsTo']] : [['inputs', 'inputsTo']];
    return columns.map((ends) => ({ i, std: noiseStd!, ends }));
  });
}

/** A run with an input other than it was read, or assumed. */
interface MovedSpan {
  /** The input, as a message names it with how far it was moved. */
  text: string;
  span: Span;
  /** What a deviation is of what it was moved by. */
  share: number;
}

/**
 * What one deviation of each noisy input does to states and outputs at a sample: process noise
 * G q Gᵀ with feedthrough, a model run for each column.
 *
 * An input that is held acts on states by its reading at the last sample and on outputs by that at this
 * one: two errors, two columns. One that runs straight between its readings acts by both at once, and
 * each reading in two spans: one column, so that a span's errors add up to what a reading does in all.
 *
 * @param untold how far each input may have strayed from its readings meanwhile, where nothing tells; further columns
 * @returns undefined where no noise of an input is stated and none strays: no model runs
 */
export function inputDrive(
  definition: Twin['definition'],
  model: TransientModel,
  span: Span,
  signal?: AbortSignal,
  untold: readonly (readonly Straying[])[] = [],
): DriveOf | undefined {
  const how = interpolationsOf(definition, model);
  const moved = [
    ...noisySpans(definition, how, span),
    ...strayingSpans(definition, how, span, untold),
  ];
  if (moved.length === 0) return undefined;
  return async ({ centre, middle }) => {
    const n = centre.length - model.states.length;
    const point = { parameters: centre.slice(0, n), states: centre.slice(n) };
    const drive = new Float64Array(middle.length * moved.length);
    await Promise.all(
      moved.map(async ({ text, span: other, share }, k) => {
        const [found] = await model.propagate([point], other, signal);
        if (found === undefined || found instanceof Error) {
          throw new TwinError(
            'NUMERIC',
            `The model failed with ${text}: ${messageOf(found)}. The last good state is kept.`,
            { cause: found },
          );
        }
        [...found.states, ...found.outputs].slice(0, middle.length).forEach((v, o) => {
          drive[o * moved.length + k] = share * (v - middle[o]!);
        });
      }),
    );
    return { drive, modelRuns: moved.length };
  };
}

/** Runs with each noisy input one deviation from what was read. */
const noisySpans = (
  definition: Twin['definition'],
  how: readonly Interpolation[],
  span: Span,
): MovedSpan[] =>
  drivenColumns(definition, how).map(({ i, std, ends }) => {
    const moved = { ...span };
    for (const end of ends) {
      const values = Float64Array.from(span[end]);
      values[i]! += std;
      moved[end] = values;
    }
    // Readings between two samples err with the first of them.
    if (ends.includes('inputs')) moved.between = shifted(span.between, i, std);
    const text = `"${definition.inputs[i]!.variable}" one deviation (inputs[].noiseStd) from what was read`;
    return { text, span: moved, share: 1 };
  });

/** Runs with each input astray in a part of a time of which nothing is known. */
function strayingSpans(
  definition: Twin['definition'],
  how: readonly Interpolation[],
  span: Span,
  untold: readonly (readonly Straying[])[],
): MovedSpan[] {
  const lengthS = span.toS - span.fromS;
  return untold.flatMap((parts, i) =>
    parts.map(({ begin, end, std, step }) => {
      const at = (share: number, by: number) => {
        const inputs = Float64Array.from(span.inputs, (from, k) =>
          how[k] === 'hold' ? from : from + share * (span.inputsTo[k]! - from),
        );
        inputs[i]! += by;
        return { timeS: share * lengthS, inputs };
      };
      const edge = EDGE * (end - begin);
      const between = [
        at(begin + edge, 0),
        at(begin + 2 * edge, step),
        at(end - 2 * edge, step),
        at(end - edge, 0),
      ];
      return {
        text: `"${definition.inputs[i]!.variable}" ${step} from what it is taken to have been in a gap of the record`,
        span: { ...span, between },
        share: std / Math.abs(step),
      };
    }),
  );
}

/** How soon an input has strayed, as a share of the part: as good as at once, and no jump for a solver. */
const EDGE = 0.01;

const shifted = (between: Span['between'], input: number, by: number): Span['between'] =>
  between?.map(({ timeS, inputs }) => ({
    timeS,
    inputs: inputs.map((v, i) => (i === input ? v + by : v)),
  }));

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
