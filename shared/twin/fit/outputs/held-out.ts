import { Z95 } from '../../../kalman/index.js';
import type { Fit } from '../fitting/fit.js';
import { fitProblem } from '../least-squares/fit-problem.js';
import { sensitivities } from '../least-squares/sensitivities.js';
import type { FitContext } from '../model/fit-context.js';
import { endOf } from '../record/gaps.js';
import { type FitRecord, rangeOf, residualsOf } from '../record/record.js';
import { withPulled } from '../shape/pulled.js';
import { type DirectEffects, readingEffects, varianceWithStated } from './stated-outputs.js';

/** How the free run does on rows that the fit had not seen. */
export interface HeldOut {
  /** The first row that was held out, counted in used samples. */
  fromSample: number;
  samples: number;
  channels: Record<
    string,
    {
      rmse: number;
      /** Share of samples inside the 95 % band. */
      coverage95: number;
      /** Of the data about their mean: what a constant would miss by. */
      std: number;
    }
  >;
}

/** The free run of a fit along a record, with its sensitivities. */
export interface FreeRun {
  /** Samples × channels. */
  prediction: Float64Array;
  columns: readonly Float64Array[];
  /** What stated errors do to it at once, against what the sensors read. */
  direct: DirectEffects;
}

/** Runs a fit along a record, which may be longer than the one that it was made of. */
export async function freeRunOf(
  context: FitContext,
  fit: Fit,
  record: FitRecord,
): Promise<FreeRun> {
  const problem = fitProblem(context, fit.coordinates, record);
  const [prediction] = await problem.simulate([fit.u]);
  if (!(prediction instanceof Float64Array)) throw prediction;
  const { columns } = await sensitivities(problem, fit.u, prediction);
  const direct = await readingEffects(fit, record, prediction, async (other) => {
    const [run] = await fitProblem(context, fit.coordinates, other).simulate([fit.u]);
    return run;
  });
  return { prediction, columns, direct };
}

/** Standard deviation of a free run against readings: parameters, start, residuals and stated errors together. */
export function predictionStd(
  fit: Fit,
  { prediction, columns, direct }: FreeRun,
  channels: number,
): Float64Array {
  return prediction.map((_, i) => {
    const { white, ou } = fit.residualModels[i % channels]!;
    return Math.sqrt(white ** 2 + ou.std ** 2 + varianceWithStated(fit, columns, direct, i));
  });
}

/**
 * The free run of a fit of a record's head over all of it, judged on the rest. After a gap that the fit has
 * not seen nothing is known of the states: there is no prediction, `NaN`.
 */
export async function testOn(
  context: FitContext,
  fit: Fit,
  record: FitRecord,
  fromSample: number,
): Promise<{ fit: Fit; heldOut: HeldOut; prediction: Float64Array; std: Float64Array }> {
  const { prediction, columns, direct } = await freeRunOf(context, fit, record);
  const std = predictionStd(withPulled(fit), { prediction, columns, direct }, record.channels);
  const toSample = endOf(record, fromSample - 1);
  prediction.fill(Number.NaN, toSample * record.channels);
  const names = context.twin.definition.measured.map((c) => c.variable);
  const dead = new Set(names.flatMap((_, c) => (Number.isNaN(rangeOf(record, c)) ? [c] : [])));
  const errors = rmseOf(names, record, prediction, fromSample, dead);
  const channels: HeldOut['channels'] = {};
  names.forEach((name, c) => {
    const rmse = errors[name]?.rmse;
    if (rmse === undefined || Number.isNaN(rmse)) return;
    let sum = 0;
    let squares = 0;
    let inside = 0;
    let count = 0;
    for (let row = fromSample; row < toSample; row++) {
      const i = row * record.channels + c;
      const y = record.data[i]!;
      if (Number.isNaN(y)) continue;
      count++;
      sum += y;
      squares += y * y;
      if (Math.abs(y - prediction[i]!) <= Z95 * std[i]!) inside++;
    }
    channels[name] = {
      rmse,
      coverage95: inside / count,
      std: Math.sqrt(Math.max(0, squares / count - (sum / count) ** 2)),
    };
  });
  const held = { fromSample, samples: toSample - fromSample, channels };
  return { fit, heldOut: held, prediction, std };
}

/** Errors of a run from a row on, by channel. */
export function rmseOf(
  names: readonly string[],
  record: FitRecord,
  prediction: Float64Array,
  fromRow: number,
  dead: ReadonlySet<number>,
): Record<string, { rmse: number }> {
  return Object.fromEntries(
    names.flatMap((name, c) => {
      if (dead.has(c)) return [];
      const e = residualsOf(record, prediction, c)
        .subarray(fromRow)
        .filter((v) => !Number.isNaN(v));
      return [[name, { rmse: Math.sqrt(e.reduce((s, v) => s + v * v, 0) / e.length) }]];
    }),
  );
}
