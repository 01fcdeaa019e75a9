import { cholesky, choleskySolve, invertFromCholesky, solveLower } from '../../kalman/index.js';
import type { Evaluation } from '../types.js';
import { type Gaussian, slopeTimesFactor } from './gaussian-update.js';
import { predictOutputs } from './linearise.js';
import type { FilterStep } from './step.js';

/**
 * What is known of the noise of inputs for which none is stated, k of them: an input that reads wrong
 * moves all outputs at once along its own direction, which noise of sensors does not.
 */
export interface InputNoise {
  /** By how much each is moved to find its direction; 0 while it has not moved, k. */
  readonly step: Float64Array;
  /** What a step does to the outputs, m × k. */
  readonly drive: Float64Array;
  /** Samples since that was found. */
  readonly age: number;
  /** The factor on the sensors' variance, then each input's variance in steps squared, 1 + k. */
  readonly variance: Float64Array;
  /** Information on these, (1 + k)². */
  readonly information: Float64Array;
  /** Deviation that counts in the filter, in each input's unit; 0 where none is found, k. */
  readonly used: Float64Array;
}

/** Share of an input's size by which it is moved. */
const STEP = 0.01;
/** Samples for which a direction is gone on with. */
const REFRESH = 8;
/** How much of the past counts from sample to sample: about the last hundred. */
const FORGET = 0.99;
/** Information before any sample: the sensors' variance is as stated to within a half … */
const SENSORS_KNOWN = 4;
/** … and an input's noise is some hundredths of its size. */
const INPUTS_KNOWN = 0.25;
/** Deviations from none from which an input's noise counts, … */
const FOUND = 4;
/** … and below which it no longer does. */
const LOST = 1;
/** Share by which a variance must change to be taken anew: the lines of before are those of its drive. */
const CHANGED = 0.3;
/** Squared innovations count with at most so many times what is expected of them. */
const CLIP = 6;
/** Least factor on the sensors' variance. */
const LEAST = 0.1;

/** Inputs that are followed and whose noise nobody states, as indices of the definition's. */
export const unstatedInputs = (
  inputs: readonly { value?: number | undefined; noiseStd?: number | undefined }[],
): number[] =>
  inputs.flatMap(({ value, noiseStd }, i) =>
    value === undefined && noiseStd === undefined ? [i] : [],
  );

/** Inputs that are followed and whose noise is stated, likewise. */
export const statedInputs = (
  inputs: readonly { value?: number | undefined; noiseStd?: number | undefined }[],
): number[] =>
  inputs.flatMap(({ value, noiseStd = 0 }, i) => (value === undefined && noiseStd > 0 ? [i] : []));

/** Nothing is known of the noise of k inputs beside m channels. */
export function initialInputNoise(m: number, k: number): InputNoise {
  const size = 1 + k;
  const information = new Float64Array(size * size);
  for (let i = 0; i < size; i++) information[i * size + i] = i === 0 ? SENSORS_KNOWN : INPUTS_KNOWN;
  return {
    step: new Float64Array(k),
    drive: new Float64Array(m * k),
    age: REFRESH,
    variance: Float64Array.from({ length: size }, (_, i) => (i === 0 ? 1 : 0)),
    information,
    used: new Float64Array(k),
  };
}

/** One sample with what it takes to tell noise of inputs by it. */
export interface DrivenSample {
  prior: Gaussian;
  filtered: FilterStep;
  measured: Float64Array;
  /** The inputs of which none is stated: now, and at the sample before. */
  inputs: readonly number[];
  before: readonly number[];
  /** Noise of the sensors as stated, or first estimated. */
  noiseStd: Float64Array;
  /** The model at the point of linearisation, one input moved. */
  evaluate(input: number, by: number): Promise<Evaluation>;
}

/**
 * Takes a sample into the account: one step of Fisher scoring on the variances of sensors and inputs,
 * ν ~ N(0, H P Hᵀ + Ω + c R + Σ q_u d_u d_uᵀ).
 *
 * @returns the account, and the model runs that it took
 * @see Harville, Maximum likelihood approaches to variance component estimation, JASA 72 (1977)
 */
export async function updateInputNoise(
  of: InputNoise,
  sample: DrivenSample,
): Promise<{ noise: InputNoise; modelRuns: number }> {
  const { filtered, inputs, before } = sample;
  const k = inputs.length;
  const moved = inputs.map((u, i) => before[i] !== undefined && u !== before[i]);
  if (filtered.rejected || filtered.active.length === 0 || !moved.some(Boolean)) {
    return { noise: { ...of, age: of.age + 1 }, modelRuns: 0 };
  }
  const step = of.step.map((s, i) =>
    s > 0 || !moved[i] ? s : STEP * Math.max(Math.abs(inputs[i]!), Math.abs(before[i]!)),
  );
  let { drive, age } = of;
  let modelRuns = 0;
  if (age >= REFRESH || step.some((s, i) => s !== of.step[i])) {
    drive = drive.slice();
    for (const i of inputs.keys()) {
      if (step[i] === 0) continue;
      const [up, down] = await Promise.all([1, -1].map((s) => sample.evaluate(i, s * step[i]!)));
      modelRuns += 2;
      for (let o = 0; o < sample.measured.length; o++) {
        // Where the model cannot be moved it tells nothing of the input.
        const found = up instanceof Float64Array && down instanceof Float64Array;
        drive[o * k + i] = found ? (up[o]! - down[o]!) / 2 : 0;
      }
    }
    age = 0;
  }
  const scored = score({ ...of, step, drive, age: age + 1 }, sample, moved);
  return { noise: { ...scored, used: usedOf(scored) }, modelRuns };
}

/** What a sample's innovations say of the variances. */
function score(of: InputNoise, sample: DrivenSample, moved: readonly boolean[]): InputNoise {
  const { prior, filtered, measured, noiseStd } = sample;
  const { linearisation: lin, active } = filtered;
  const n = lin.centre.length;
  const m = active.length;
  const k = moved.length;
  const size = 1 + k;
  const outputs = lin.mean.length;
  const expected = predictOutputs(lin, prior.x.slice(0, n));
  const hs = slopeTimesFactor(lin, prior.S, active, n);
  const N = prior.x.length;
  const known = lin.drive === undefined ? 0 : lin.drive.length / outputs;
  const S = new Float64Array(m * m);
  active.forEach((o, a) => {
    active.forEach((p, b) => {
      let sum = lin.omega[o * outputs + p]!;
      for (let c = 0; c < known; c++)
        sum -= lin.drive![o * known + c]! * lin.drive![p * known + c]!;
      for (let j = 0; j < N; j++) sum += hs[a * N + j]! * hs[b * N + j]!;
      for (let i = 0; i < k; i++) {
        if (moved[i]) sum += of.variance[1 + i]! * of.drive[o * k + i]! * of.drive[p * k + i]!;
      }
      S[a * m + b] = sum + (a === b ? of.variance[0]! * noiseStd[o]! ** 2 : 0);
    });
  });
  const root = cholesky(S, m);
  const whitened = (columns: Float64Array, count: number) => solveLower(root, columns, m, count);
  const nu = whitened(
    Float64Array.from(active, (o) => measured[o]! - expected[o]!),
    1,
  );
  const nis = nu.reduce((sum, v) => sum + v * v, 0);
  const clip = Math.sqrt(Math.min(1, (CLIP * m) / nis));
  // Each component as L⁻¹ Sᵢ L⁻ᵀ: of the sensors a full matrix, of an input d dᵀ.
  const noise = new Float64Array(m * m);
  active.forEach((o, a) => {
    noise[a * m + a] = noiseStd[o]!;
  });
  const R = whitened(noise, m);
  const parts: Float64Array[] = [R];
  for (let i = 0; i < k; i++) {
    parts.push(
      moved[i]
        ? whitened(
            Float64Array.from(active, (o) => of.drive[o * k + i]!),
            1,
          )
        : new Float64Array(m),
    );
  }
  const columnsOf = (i: number) => (i === 0 ? m : 1);
  const along = (i: number) => {
    let [squares, trace] = [0, 0];
    for (let c = 0; c < columnsOf(i); c++) {
      let dot = 0;
      for (let a = 0; a < m; a++) {
        const v = parts[i]![a * columnsOf(i) + c]!;
        dot += v * nu[a]! * clip;
        trace += v * v;
      }
      squares += dot * dot;
    }
    return 0.5 * (squares - trace);
  };
  const information = of.information.map((v, e) => {
    const i = Math.floor(e / size);
    const start = i === e % size ? (i === 0 ? SENSORS_KNOWN : INPUTS_KNOWN) : 0;
    return FORGET * v + (1 - FORGET) * start;
  });
  for (let i = 0; i < size; i++) {
    for (let j = 0; j < size; j++) {
      let sum = 0;
      for (let c = 0; c < columnsOf(i); c++) {
        for (let d = 0; d < columnsOf(j); d++) {
          let dot = 0;
          for (let a = 0; a < m; a++) {
            dot += parts[i]![a * columnsOf(i) + c]! * parts[j]![a * columnsOf(j) + d]!;
          }
          sum += dot * dot;
        }
      }
      information[i * size + j]! += 0.5 * sum;
    }
  }
  const gradient = Float64Array.from({ length: size }, (_, i) => along(i));
  const change = choleskySolve(cholesky(information, size), gradient, size, 1);
  const variance = of.variance.map((v, i) => Math.max(i === 0 ? LEAST : 0, v + change[i]!));
  return { ...of, variance, information };
}

/** Which noise counts from the next sample on. */
function usedOf({ step, variance, information, used }: InputNoise): Float64Array {
  const size = variance.length;
  const covariance = invertFromCholesky(cholesky(information, size), size);
  return used.map((before, i) => {
    const deviations = variance[1 + i]! / Math.sqrt(covariance[(1 + i) * (size + 1)]!);
    if (deviations < (before > 0 ? LOST : FOUND)) return 0;
    const now = variance[1 + i]! * step[i]! ** 2;
    return Math.abs(now - before ** 2) > CHANGED * before ** 2 ? Math.sqrt(now) : before;
  });
}
