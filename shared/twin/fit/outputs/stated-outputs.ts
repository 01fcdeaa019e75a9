import { modelSensors } from '../../../config/index.js';
import { messageOf, TwinError } from '../../../core/index.js';
import type { StatedError } from '../../definition/stated-errors.js';
import type { Twin } from '../../types.js';
import { varianceAlong } from '../fitting/estimates.js';
import type { Fit } from '../fitting/fit.js';
import { fitPointAt } from '../least-squares/fit-problem.js';
import type { FitModel } from '../model/fit-model.js';
import type { FitRecord } from '../record/record.js';
import type { StatedEffect } from '../stated/stated-effect.js';
import {
  inputErrorDirection,
  sensorErrorDirection,
  withStatedError,
} from '../stated/stated-errors.js';
import { type RunEnd, twoSided } from '../stated/two-sided.js';
import { clampU } from '../unknowns/coordinates.js';

/** What a stated deviation of each error adds to outputs of a run at once; errors that add nothing have none. */
export type DirectEffects = readonly (Float64Array | undefined)[];

/**
 * What stated errors of inputs add to outputs of a run, the unknowns as they are.
 *
 * @param ofSensor what an error of a sensor adds, where the outputs are readings
 * @param values the outputs of the run along the record
 * @param run the same along another record
 * @throws TwinError `NUMERIC` where the model fails to both sides of an error, near the fit as well
 */
export async function directEffects(
  stated: StatedEffect | undefined,
  record: FitRecord,
  values: Float64Array,
  run: (record: FitRecord) => Promise<RunEnd>,
  ofSensor: (error: StatedError) => Float64Array | undefined = () => undefined,
): Promise<DirectEffects> {
  const direct: (Float64Array | undefined)[] = [];
  for (const error of stated?.errors ?? []) {
    const found =
      error.of === 'inputs'
        ? await inputErrorDirection(run, record, error, values)
        : ofSensor(error);
    if (found instanceof Error) throw new TwinError('NUMERIC', found.message, { cause: found });
    direct.push(found);
  }
  return direct;
}

/** The same of a run's prediction against what sensors will read: one that reads too much makes it fall short. */
export const readingEffects = (
  { stated, record: fitted }: Fit,
  record: FitRecord,
  prediction: Float64Array,
  run: (record: FitRecord) => Promise<RunEnd>,
): Promise<DirectEffects> =>
  directEffects(stated, record, prediction, run, (error) =>
    sensorErrorDirection(error, prediction, record.timesS, fitted).map((v) => -v),
  );

/**
 * Variance of one value of a run, stated errors of inputs included. An input that reads too much moves an
 * output at once and through the unknowns that made up for it, mostly against each other: with S e what the
 * unknowns have made of the errors e, and d e what these add at once, the value is off by (d + H S) e.
 *
 * @param columns sensitivities H of the run, a column per unknown
 */
export function varianceWithStated(
  fit: Fit,
  columns: readonly Float64Array[],
  direct: DirectEffects,
  i: number,
): number {
  const { covariance, sandwich } = fit.covariance;
  const own = varianceAlong(covariance, columns, i);
  if (fit.stated === undefined || direct.every((d) => d === undefined)) return own;
  const { shift, moment } = fit.stated;
  const k = shift.length;
  const through = shift.map((s) => s.reduce((sum, v, j) => sum + v * columns[j]![i]!, 0));
  let more = 0;
  for (let a = 0; a < k; a++) {
    const d = direct[a]?.[i] ?? 0;
    for (let b = 0; b < k; b++) {
      more += moment[a * k + b]! * d * ((direct[b]?.[i] ?? 0) + 2 * through[b]!);
    }
  }
  // Where priors have cut the covariance, less of the errors is in it than is taken off.
  return Math.max(own + more, varianceAlong(sandwich, columns, i));
}

/** Deviations of an error that the model is run at, the next where it fails with the one before. */
const STEPS = [1, 0.1];

/**
 * How far stated errors move each virtual sensor, root mean square along a fitted record: two runs for each
 * error, with what the unknowns make of it, to both sides. Disturbances have 0: they are unknowns of the fit.
 *
 * @returns per virtual sensor, in its unit; undefined where no error is stated, or nothing is hidden
 * @throws TwinError `NUMERIC` where the model fails to both sides of an error, near the fit as well
 */
export async function statedStdOfHidden(
  { definition }: Twin,
  model: FitModel,
  { stated, record, coordinates, u }: Fit,
): Promise<Float64Array | undefined> {
  const count = modelSensors(definition).length;
  if (stated === undefined || stated.errors.length === 0 || count === 0) return undefined;
  const runAt = async (error: StatedError, shift: Float64Array, by: number) => {
    const at = u.map((v, j) => clampU(coordinates[j]!, v + by * shift[j]!));
    const along = error.of === 'inputs' ? withStatedError(record, error, by) : record;
    const point = fitPointAt(coordinates, at, record.timesS);
    const [run] = await model.run([point], along, { keepSensors: true });
    return run instanceof Error ? run : run?.sensors;
  };
  const movedBy = async (error: StatedError, shift: Float64Array): Promise<Float64Array> => {
    let why: unknown;
    for (const by of STEPS) {
      const found = await twoSided(
        (side) => runAt(error, shift, side * by),
        () => runAt(error, shift, 0),
      );
      if (found instanceof Float64Array) return found.map((v) => v / by);
      why = found;
    }
    throw new TwinError('NUMERIC', `The model fails beside its fit: ${messageOf(why)}`);
  };
  const moved: Float64Array[] = [];
  for (const [a, error] of stated.errors.entries()) {
    moved.push(await movedBy(error, stated.shift[a]!));
  }
  const k = moved.length;
  const squares = new Float64Array(count);
  for (let i = 0; i < moved[0]!.length; i++) {
    for (let a = 0; a < k; a++) {
      for (let b = 0; b < k; b++) {
        squares[i % count]! += stated.moment[a * k + b]! * moved[a]![i]! * moved[b]![i]!;
      }
    }
  }
  const rows = record.timesS.length;
  return Float64Array.from(definition.virtualSensors, (_, s) =>
    s < count ? Math.sqrt(Math.max(0, squares[s]!) / rows) : 0,
  );
}
