import { messageOf } from '../../../core/index.js';
import { cholesky, choleskySolve, invertFromCholesky } from '../../../kalman/index.js';
import { type StatedError, statedErrors } from '../../definition/stated-errors.js';
import type { Finding } from '../../report/verdict.js';
import type { Twin } from '../../types.js';
import { larger, safeCholesky } from '../bands/loewner.js';
import type { FitRecord } from '../record/record.js';
import { type ResidualModel, timesResidualCovariance } from '../residuals/residual-model.js';
import { inputErrorDirection, sensorErrorDirection } from './stated-errors.js';
import type { RunEnd } from './two-sided.js';

/** What stated errors do to a fit. They count in their stated deviations. */
export interface StatedEffect {
  errors: readonly StatedError[];
  /** How far one of each moves the unknowns, a column per error. */
  shift: readonly Float64Array[];
  /** Mean products of the errors, given the residuals: k × k. */
  moment: Float64Array;
  /** Inputs whose errors are not in the bands, as the model fails with them, and why. */
  unknown: readonly { input: number; why: string }[];
}

/** A fit as far as it is known before its stated errors are. */
export interface FitSoFar {
  record: FitRecord;
  /** Free run at the fit, samples × channels, and its sensitivities, a column per unknown. */
  prediction: Float64Array;
  columns: readonly Float64Array[];
  noiseStd: Float64Array;
  /** What the residuals of a record with other readings are made of. */
  residualModelsOf: (data: Float64Array) => readonly ResidualModel[];
  /** A⁻¹, n × n: the unknowns' covariance under white residuals. */
  white: Float64Array;
  /** The step that a search which ended a little early has left out, per unknown. */
  rest: Float64Array;
}

/** Share of a direction's square that differences of the model may make up: less of it is not seen. */
const UNSEEN = 1e-6;
/** Stated deviations that an error is taken to be off by, at the most. */
const MOST = 3;

/** Stated errors of a fit, and what is left of its residuals when the likeliest of them are taken out. */
export interface Told {
  effect: StatedEffect;
  /** The record's readings without what the errors add to the residuals, samples × channels. */
  data: Float64Array;
  /** What those residuals are made of. */
  residualModels: readonly ResidualModel[];
}

/**
 * What stated errors do to a fit. An error e adds D e to the residuals, of which the unknowns take up
 * S e = A⁻¹GᵀR⁻¹D e. The residuals tell of it by the score g = DᵀR⁻¹r with mean I e, I = DᵀR⁻¹(D − G S), and
 * covariance Σ, of residuals that may follow each other; at least I. So given them, and e ~ N(0, 1) before,
 *
 *   V = (1 + I Σ⁻¹ I)⁻¹,  m = V I Σ⁻¹ g,
 *
 * all errors together: two sensors that agree say nothing of what both have in common. The unknowns are not
 * corrected by S m, as the readings to come are not; their bands hold S (V + m mᵀ) Sᵀ. What the errors leave in
 * the residuals is no memory of them, and speaks against no model: it is taken out of both, with Σ = I.
 *
 * @param run the model at the fit along another record
 */
export async function statedEffect(
  twin: Pick<Twin, 'definition'>,
  fit: FitSoFar,
  run: (record: FitRecord) => Promise<RunEnd>,
): Promise<Told | undefined> {
  const stated = statedErrors(twin.definition);
  if (stated.length === 0) return undefined;
  const { record, prediction } = fit;
  const errors: StatedError[] = [];
  const directions: Float64Array[] = [];
  const unknown: StatedEffect['unknown'][number][] = [];
  for (const error of stated) {
    const found =
      error.of === 'sensors'
        ? sensorErrorDirection(error, prediction, record.timesS, record)
        : await inputErrorDirection(run, record, error, prediction);
    if (found instanceof Error) {
      unknown.push({ input: error.index, why: messageOf(found) });
      continue;
    }
    const seen = found.map((v, i) => (Number.isNaN(record.data[i]!) ? 0 : v));
    errors.push(error);
    // What an input reads too much, the readings have too little.
    directions.push(error.of === 'sensors' ? seen : seen.map((v) => -v));
  }
  const { data, residualModels, ...rest } = effectOf(fit, directions);
  return { effect: { errors, ...rest, unknown }, data, residualModels };
}

/** Shifts and moments of errors with these directions in the residuals. */
function effectOf(
  fit: FitSoFar,
  directions: readonly Float64Array[],
): Pick<StatedEffect, 'shift' | 'moment'> & Omit<Told, 'effect'> {
  const { record, prediction, columns, noiseStd, white, rest, residualModelsOf } = fit;
  const { channels, data } = record;
  const n = columns.length;
  const k = directions.length;
  const weight = noiseStd.map((s) => 1 / (s * s));
  const dot = (a: Float64Array, b: Float64Array) =>
    a.reduce((sum, v, i) => (v === 0 ? sum : sum + weight[i % channels]! * v * b[i]!), 0);
  /** What is left of a direction when the unknowns have made a step. */
  const less = (of: Float64Array, step: Float64Array) =>
    of.map((v, i) =>
      Number.isNaN(data[i]!) ? 0 : columns.reduce((left, g, j) => left - g[i]! * step[j]!, v),
    );
  const shift = directions.map((d) => {
    const along = columns.map((g) => dot(d, g));
    return Float64Array.from({ length: n }, (_, j) =>
      along.reduce((sum, v, i) => sum + white[j * n + i]! * v, 0),
    );
  });
  const left = directions.map((d, a) => less(d, shift[a]!));
  const residuals = less(
    data.map((v, i) => v - prediction[i]!),
    rest,
  );
  const score = Float64Array.from(directions, (d) => dot(d, residuals));
  const information = new Float64Array(k * k);
  for (let a = 0; a < k; a++) {
    for (let b = 0; b < k; b++) information[a * k + b] = dot(directions[a]!, left[b]!);
  }
  const first = posteriorOf(information, information, score);
  const clean = data.map((v, i) => left.reduce((at, l, a) => at - first.mean[a]! * l[i]!, v));
  const residualModels = residualModelsOf(clean);
  const correlated = new Float64Array(k * k);
  const least = information.slice();
  for (let b = 0; b < k; b++) {
    const through = throughMemory(left[b]!, record, residualModels);
    for (let a = 0; a < k; a++) {
      correlated[a * k + b] = left[a]!.reduce(
        (sum, v, i) => sum + weight[i % channels]! ** 2 * v * through[i]!,
        0,
      );
    }
    const own = least[b * k + b]!;
    least[b * k + b] = Math.max(0, own) + UNSEEN * Math.max(1, dot(directions[b]!, directions[b]!));
  }
  const { mean, covariance } = posteriorOf(information, larger(least, correlated, k), score);
  const moment = covariance.map((v, i) => v + mean[Math.floor(i / k)]! * mean[i % k]!);
  return { shift, moment, data: clean, residualModels };
}

/**
 * Errors that are standard normal before a score with mean I e is seen.
 *
 * @param spread the score's covariance; the information itself where the residuals are white
 */
function posteriorOf(
  information: Float64Array,
  spread: Float64Array,
  score: Float64Array,
): { mean: Float64Array; covariance: Float64Array } {
  const k = score.length;
  const precision = new Float64Array(k * k);
  let pull = score;
  if (spread === information) precision.set(information);
  else {
    const root = cholesky(spread, k);
    const told = choleskySolve(root, information, k, k);
    const said = choleskySolve(root, score, k, 1);
    pull = new Float64Array(k);
    for (let a = 0; a < k; a++) {
      for (let b = 0; b < k; b++) {
        pull[a]! += information[a * k + b]! * said[b]!;
        for (let c = 0; c < k; c++) {
          precision[a * k + b]! += information[a * k + c]! * told[c * k + b]!;
        }
      }
    }
  }
  for (let a = 0; a < k; a++) precision[a * k + a]! += 1;
  const factor = safeCholesky(precision, k);
  const clip = (m: number) => Math.max(-MOST, Math.min(MOST, m));
  return {
    mean: choleskySolve(factor, pull, k, 1).map(clip),
    covariance: invertFromCholesky(factor, k),
  };
}

/** The residuals' covariance times what lives on all channels. */
function throughMemory(
  values: Float64Array,
  { channels, data, timesS }: FitRecord,
  models: readonly ResidualModel[],
): Float64Array {
  const out = new Float64Array(values.length);
  models.forEach((model, c) => {
    const use = (row: number) => !Number.isNaN(data[row * channels + c]!);
    const own = timesS.map((_, row) => values[row * channels + c]!);
    timesResidualCovariance(model, timesS, use, own).forEach((v, row) => {
      out[row * channels + c] = v;
    });
  });
  return out;
}

/** The same as parts that a covariance is widened by, a part per error. */
export function statedParts(
  effect: StatedEffect | undefined,
): { shift: Float64Array; variance: number }[] {
  if (effect === undefined || effect.errors.length === 0) return [];
  const { shift, moment } = effect;
  const k = shift.length;
  const root = cholesky(moment, k);
  return shift.map((own, b) => ({
    shift: own.map((_, j) => shift.reduce((sum, s, a) => sum + s[j]! * root[a * k + b]!, 0)),
    variance: 1,
  }));
}

/** What stated errors of sensors, or of inputs, give the variance of an unknown; both together are the whole. */
export function statedVariance(
  effect: StatedEffect | undefined,
  of: StatedError['of'],
  unknown: number,
): number {
  if (effect === undefined) return 0;
  const { errors, shift, moment } = effect;
  const k = errors.length;
  let variance = 0;
  errors.forEach((error, a) => {
    if (error.of !== of) return;
    for (let b = 0; b < k; b++)
      variance += shift[a]![unknown]! * moment[a * k + b]! * shift[b]![unknown]!;
  });
  return variance;
}

/** Names inputs whose stated errors are not in the bands. */
export function statedErrorFindings(
  { definition }: Pick<Twin, 'definition'>,
  effect: StatedEffect | undefined,
): Finding[] {
  return (effect?.unknown ?? []).map(({ input, why }) => ({
    grade: 'care',
    reason: `what the stated error of ${definition.inputs[input]!.variable} does is not in the bands: the model fails with it to both sides: ${why}`,
  }));
}
