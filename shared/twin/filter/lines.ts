import { solveLower } from '../../kalman/index.js';
import { type EvaluatePoints, type Linearisation, withDrive } from './linearise.js';

/** A linearisation that was found by full differences, or brought up to date since. */
export interface Lines {
  /** Parameters of the newest run, and the outputs there. */
  readonly centre: Float64Array;
  readonly outputs: Float64Array;
  readonly inputs: Float64Array;
  /** Outputs × parameters, row-major. */
  readonly slope: Float64Array;
  /** Outputs × parameters: second differences along the factor's columns, over its diagonal squared. */
  readonly bend: Float64Array;
  /** Samples since each column was looked at. */
  readonly age: Float64Array;
  /** Outputs × noisy inputs: what one deviation of each does; absent where inputs are exact. */
  readonly drive?: Float64Array | undefined;
  /**
   * Found where the last sample led, as the model bent too much within what was believed before it: to
   * look again there, and no place to begin the next sample from.
   */
  readonly local?: true | undefined;
}

/** Noises by which the run may be off the line where inputs are as they were. */
const OFF_LINE = 0.5;
/** Squared change of a column's effect, in the noise's variance, that ages all others. */
const TURNED = 0.1;
/** Noises by which a column may bend. */
const BENT = 0.2;
/** Share of its size by which an input may differ. */
const INPUT_MOVED = 0.05;

/** Columns that are looked at again at each sample; of few, one. */
const columnsAt = (n: number): number => (n < 4 ? 1 : Math.max(2, Math.ceil(n / 5)));

/** What a full linearisation leaves for the next sample. */
export function linesOf(lin: Linearisation, inputs: Float64Array): Lines | undefined {
  const { columns } = lin;
  if (columns === undefined) return undefined;
  const n = lin.centre.length;
  return {
    centre: lin.centre.slice(),
    outputs: columns.outputs,
    inputs: inputs.slice(),
    slope: lin.slope.slice(),
    bend: columns.shift.map((v, k) => v / columns.factor[(k % n) * n + (k % n)]! ** 2),
    age: new Float64Array(n),
    ...(lin.drive && { drive: lin.drive }),
  };
}

function inputsMoved(before: Float64Array, now: Float64Array): { same: boolean; far: boolean } {
  let same = true;
  let far = false;
  before.forEach((v, i) => {
    if (v === now[i]) return;
    same = false;
    far ||= Math.abs(now[i]! - v) > INPUT_MOVED * Math.max(Math.abs(v), Math.abs(now[i]!));
  });
  return { same, far };
}

/**
 * A linearisation from that of the sample before: one run at the mean, so that the expected outputs
 * are exact and only the gain may be old, and differences along the few columns of the factor that
 * matter most by their age. The others keep their slopes (Broyden's update) and their curvature.
 *
 * @param mean n parameters
 * @param factor n × n lower factor of their covariance
 * @param noise standard deviation per measured variable; the outputs begin with these
 * @param active the measured variables with a value
 * @returns undefined where the line no longer holds: full differences are to be taken
 * @see Broyden, A class of methods for solving nonlinear simultaneous equations, Math. Comp. 19 (1965)
 */
export async function reuse(
  lines: Lines,
  evaluate: EvaluatePoints,
  mean: Float64Array,
  factor: Float64Array,
  spread: number,
  inputs: Float64Array,
  noise: Float64Array,
  active: readonly number[],
): Promise<{ linearisation: Linearisation; lines: Lines } | undefined> {
  const n = mean.length;
  const count = columnsAt(n);
  if (count >= n || lines.inputs.length !== inputs.length) return undefined;
  const moved = inputsMoved(lines.inputs, inputs);
  if (moved.far) return undefined;
  const outputs = lines.outputs.length;
  const slope = lines.slope.slice();
  const bend = lines.bend.slice();
  const effect = (o: number, i: number) => {
    let sum = 0;
    for (let j = i; j < n; j++) sum += slope[o * n + j]! * factor[j * n + i]!;
    return sum;
  };
  const need = Array.from({ length: n }, (_, i) => {
    const size = active.reduce((sum, o) => sum + (effect(o, i) / noise[o]!) ** 2, 1e-6);
    return { i, need: (lines.age[i]! + 1) * Math.sqrt(size) };
  }).sort((a, b) => b.need - a.need);
  const chosen = need.slice(0, count).map(({ i }) => i);
  const at = (i: number, sign: number) =>
    mean.map((v, j) => v + sign * spread * factor[j * n + i]!);
  const values = await evaluate([mean.slice(), ...chosen.flatMap((i) => [at(i, 1), at(i, -1)])]);
  if (!values.every((v) => v instanceof Float64Array)) return undefined;
  const here = values[0] as Float64Array;
  if (moved.same) {
    for (const o of active) {
      let expected = lines.outputs[o]!;
      for (let i = 0; i < n; i++) expected += slope[o * n + i]! * (mean[i]! - lines.centre[i]!);
      if (Math.abs(here[o]! - expected) > OFF_LINE * noise[o]!) return undefined;
    }
  }
  const age = lines.age.map((a) => a + 1);
  const unit = new Float64Array(n * n);
  for (let j = 0; j < n; j++) unit[j * n + j] = 1;
  const inverse = solveLower(factor, unit, n, n);
  for (const [k, i] of chosen.entries()) {
    const plus = values[1 + 2 * k] as Float64Array;
    const minus = values[2 + 2 * k] as Float64Array;
    const row = inverse.subarray(i * n, i * n + n);
    const square = factor[i * n + i]! ** 2;
    for (let o = 0; o < outputs; o++) {
      const change = (plus[o]! - minus[o]!) / (2 * spread) - effect(o, i);
      const shift = ((plus[o]! + minus[o]!) / 2 - here[o]!) / spread ** 2;
      if (active.includes(o)) {
        const std = noise[o]!;
        if (change ** 2 > TURNED * std * std || Math.abs(shift) > BENT * std) return undefined;
      }
      bend[o * n + i] = shift / square;
      for (let j = 0; j < n; j++) slope[o * n + j]! += change * row[j]!;
    }
    age[i] = 0;
  }
  const expected = here.slice();
  const omega = new Float64Array(outputs * outputs);
  for (let i = 0; i < n; i++) {
    const square = factor[i * n + i]! ** 2;
    for (let o = 0; o < outputs; o++) {
      const e = bend[o * n + i]! * square;
      expected[o]! += e;
      for (let p = 0; p < outputs; p++)
        omega[o * outputs + p]! += 2 * e * bend[p * n + i]! * square;
    }
  }
  const linearisation = withDrive(
    {
      centre: mean.slice(),
      mean: expected,
      slope,
      omega,
      modelRuns: values.length,
      oneSided: false,
      refusedBeyond: false,
    },
    lines.drive,
  );
  return {
    linearisation,
    lines: {
      centre: mean.slice(),
      outputs: here,
      inputs: inputs.slice(),
      slope,
      bend,
      age,
      ...(lines.drive && { drive: lines.drive }),
    },
  };
}
