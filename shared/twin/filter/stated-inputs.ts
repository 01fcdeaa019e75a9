import type { TwinDefinition } from '../../config/index.js';
import type { Evaluation } from '../types.js';

/** How outputs follow inputs whose scale or zero may be off as it is stated, k of them. */
export interface InputSlopes {
  /** Samples since they were found. */
  readonly age: number;
  /** All inputs of that sample. */
  readonly inputs: Float64Array;
  /** Outputs × k, per unit of the input; `NaN` where the model fails on both sides. */
  readonly slope: Float64Array;
}

/** Samples for which slopes are gone on with. */
const REFRESH = 8;
/** Share by which an input may have moved since: the slopes of a product move along. */
const MOVED = 0.02;

/** Inputs of which an error is stated, as indices of the definition's. */
export const misreadInputs = (inputs: TwinDefinition['inputs']): number[] =>
  inputs.flatMap(({ scaleStd = 0, offsetStd = 0 }, i) =>
    scaleStd > 0 || offsetStd > 0 ? [i] : [],
  );

/** Whether a definition states an error of any signal that stays. */
export const hasStatedErrors = ({ measured, inputs }: TwinDefinition): boolean =>
  [...measured, ...inputs].some(({ scaleStd = 0, offsetStd = 0 }) => scaleStd > 0 || offsetStd > 0);

/** Deviation of a signal's stated errors at a value, in its unit. */
export const statedErrorStd = (
  {
    scaleStd = 0,
    offsetStd = 0,
  }: { scaleStd?: number | undefined; offsetStd?: number | undefined },
  value: number,
): number => Math.hypot(offsetStd, scaleStd * Math.abs(value));

/**
 * The slopes at a sample: those of before while inputs hardly move, for some samples, then anew, at two model
 * runs for each that is asked.
 *
 * @param inputs all of the sample's
 * @param std of each input's error at the sample, k; one that is 0 there is not asked
 * @param evaluate the model with one of them moved by so much
 */
export async function updateInputSlopes(
  before: InputSlopes | undefined,
  inputs: Float64Array,
  std: readonly number[],
  outputs: number,
  evaluate: (k: number, by: number) => Promise<Evaluation>,
): Promise<{ slopes: InputSlopes; modelRuns: number }> {
  const count = std.length;
  const fits = before?.slope.length === outputs * count && before.inputs.length === inputs.length;
  const known = fits ? before : undefined;
  const anew =
    known === undefined ||
    known.age >= REFRESH ||
    inputs.some((u, i) => Math.abs(u - known.inputs[i]!) > MOVED * Math.abs(known.inputs[i]!));
  const slope = known?.slope.slice() ?? new Float64Array(outputs * count).fill(Number.NaN);
  let modelRuns = 0;
  for (const [k, by] of std.entries()) {
    if (by === 0 || !(anew || Number.isNaN(slope[k]!))) continue;
    const [up, down] = await Promise.all([1, -1].map((side) => evaluate(k, side * by)));
    modelRuns += 2;
    const found = up instanceof Float64Array && down instanceof Float64Array;
    for (let o = 0; o < outputs; o++) {
      slope[o * count + k] = found ? (up[o]! - down[o]!) / (2 * by) : Number.NaN;
    }
  }
  const slopes = anew
    ? { age: 1, inputs: inputs.slice(), slope }
    : { age: known.age + 1, inputs: known.inputs, slope };
  return { slopes, modelRuns };
}
