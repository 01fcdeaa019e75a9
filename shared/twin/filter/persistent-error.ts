import { cholesky, choleskySolve } from '../../kalman/index.js';
import type { Linearisation } from './linearise.js';

/** Covariances (n × n) of what errors that stay the same from sample to sample do to the parameters. */
export interface PersistentError {
  /** Of what the model lacks, by what the sensors contradict each other. */
  model: Float64Array;
  /** Of the sensors' offsets and scales as they are stated. */
  offsets: Float64Array;
  /** Of the inputs' zeros and scales as they are stated; absent where none is. */
  inputs?: PersistentInputs;
}

/** What stated errors of inputs do, k of them, per deviation. */
export interface PersistentInputs {
  /** To the parameters, n × k. */
  shift: Float64Array;
  /** To the outputs at once, outputs × k. */
  drive: Float64Array;
  /** Those whose effect is not known, as the model fails with them: both are 0. */
  unknown: readonly number[];
}

/**
 * Variance that stated errors of inputs give an output: what they do at once, and through the parameters that
 * made up for it.
 */
export function inputsAlongOutput(
  { slope }: Pick<Linearisation, 'slope'>,
  { shift, drive }: PersistentInputs,
  output: number,
  n: number,
): number {
  const k = shift.length / n;
  let variance = 0;
  for (let c = 0; c < k; c++) {
    let off = drive[output * k + c]!;
    for (let i = 0; i < n; i++) off += slope[output * n + i]! * shift[i * k + c]!;
    variance += off * off;
  }
  return variance;
}

/** Variance that they give each parameter. */
export function inputsAlongParameters({ shift }: PersistentInputs, n: number): Float64Array {
  const k = shift.length / n;
  return Float64Array.from({ length: n }, (_, i) =>
    shift.subarray(i * k, (i + 1) * k).reduce((sum, v) => sum + v * v, 0),
  );
}

/**
 * What an error of each output that stays, of the size of its noise, does to the parameters:
 * (AᵀA + Λ⁻¹)⁻¹Aᵀ, A the slopes in the sensors' noise, Λ the squares of the ranges.
 *
 * @param used channels that counted
 * @returns n × the number of `used`
 */
export function offsetGain(
  lin: Pick<Linearisation, 'slope'>,
  used: readonly number[],
  noiseStd: Float64Array,
  range: Float64Array,
): Float64Array {
  const n = range.length;
  const k = used.length;
  const rows = new Float64Array(n * k);
  used.forEach((o, c) => {
    for (let i = 0; i < n; i++) rows[i * k + c] = lin.slope[o * n + i]! / noiseStd[o]!;
  });
  const information = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) {
      for (let c = 0; c < k; c++) information[i * n + j]! += rows[i * k + c]! * rows[j * k + c]!;
    }
    information[i * n + i]! += range[i]! ** -2;
  }
  return choleskySolve(cholesky(information, n), rows, n, k);
}

/**
 * What errors that no number of samples averages out do to the parameters, by {@link offsetGain}.
 *
 * @param used channels that counted
 * @param modelVariance of each output's structural error, in its noise squared
 * @param sensorStd of each channel's stated error, in its unit; 0 where there is none
 * @param inputDrive what a deviation of each input's stated error does to the outputs, outputs × k; empty where none is
 */
export function persistentError(
  lin: Linearisation,
  used: readonly number[],
  noiseStd: Float64Array,
  range: Float64Array,
  modelVariance: number,
  sensorStd: Float64Array,
  inputDrive: Float64Array,
): PersistentError | undefined {
  const isNone = !(modelVariance > 0) && used.every((o) => sensorStd[o] === 0);
  if (isNone && inputDrive.length === 0) return undefined;
  const n = range.length;
  const k = used.length;
  const gain = offsetGain(lin, used, noiseStd, range);
  const spread = (variance: (channel: number) => number) => {
    const P = new Float64Array(n * n);
    used.forEach((o, c) => {
      const v = variance(o);
      if (v === 0) return;
      for (let i = 0; i < n; i++) {
        for (let j = 0; j < n; j++) P[i * n + j]! += v * gain[i * k + c]! * gain[j * k + c]!;
      }
    });
    return P;
  };
  return {
    model: spread(() => modelVariance),
    offsets: spread((o) => (sensorStd[o]! / noiseStd[o]!) ** 2),
    ...(inputDrive.length > 0 && {
      inputs: ofInputs(gain, inputDrive, used, noiseStd, lin.mean.length),
    }),
  };
}

/** What an input reads too much, the readings have too little: the parameters follow with the sign turned. */
function ofInputs(
  gain: Float64Array,
  inputDrive: Float64Array,
  used: readonly number[],
  noiseStd: Float64Array,
  outputs: number,
): PersistentInputs {
  const count = inputDrive.length / outputs;
  const n = used.length === 0 ? 0 : gain.length / used.length;
  const unknown = Array.from({ length: count }, (_, c) => c).filter((c) =>
    Array.from({ length: outputs }, (_, o) => inputDrive[o * count + c]!).some(Number.isNaN),
  );
  const drive = inputDrive.map((v, e) => (unknown.includes(e % count) ? 0 : v));
  const shift = new Float64Array(n * count);
  for (let i = 0; i < n; i++) {
    used.forEach((o, u) => {
      for (let c = 0; c < count; c++) {
        shift[i * count + c]! -=
          (gain[i * used.length + u]! * drive[o * count + c]!) / noiseStd[o]!;
      }
    });
  }
  return { shift, drive, unknown };
}
