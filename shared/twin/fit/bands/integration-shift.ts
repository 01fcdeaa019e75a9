import { messageOf } from '../../../core/index.js';
import { fitPointAt } from '../least-squares/fit-problem.js';
import type { FitContext } from '../model/fit-context.js';
import { rmsPerChannel } from '../record/record.js';
import type { Coordinate } from '../unknowns/coordinates.js';
import { movedBy, type StraightFit } from './moved-by.js';

/**
 * How far the error of integration by steps moves the unknowns, in their units, and what it is of each
 * channel, root mean square over the record; or why that is unknown.
 */
export type IntegrationShift = { shift: Float64Array; off: Float64Array } | { unknown: string };

/** An error of first order is so many times what half the step changes. */
const OF_HALF = 2;

/**
 * How far the unknowns move with what the model misses because it is integrated by steps: the run at the
 * fit against one at half the step and tolerance. It is the same error in every such run, so that no
 * number of samples averages it away.
 *
 * @returns undefined of a model whose steps can't be made smaller
 */
export async function integrationShift(
  context: FitContext,
  coordinates: readonly Coordinate[],
  fit: StraightFit & { u: Float64Array },
): Promise<IntegrationShift | undefined> {
  const { model } = context;
  if (model.refinable !== true) return undefined;
  const point = fitPointAt(coordinates, fit.u, fit.record.timesS);
  const [finer] = await model.run([point], fit.record, { finer: true });
  context.passes++;
  if (finer === undefined || finer instanceof Error) return { unknown: messageOf(finer) };
  const off = rmsPerChannel(fit.record, fit.prediction, finer.outputs).map((v) => OF_HALF * v);
  return { shift: movedBy(fit, finer.outputs).map((v) => OF_HALF * v), off };
}
