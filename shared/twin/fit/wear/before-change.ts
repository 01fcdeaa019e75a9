import { type Fit, fitRecordFrom } from '../fitting/fit.js';
import { fitProblem } from '../least-squares/fit-problem.js';
import { sensitivities } from '../least-squares/sensitivities.js';
import type { FitContext } from '../model/fit-context.js';
import { headOf } from '../record/record.js';
import type { StraightFit } from './likeliest-change.js';

/**
 * What a machine was before something happened to it, run on through what came after: the fit of the
 * record's first rows, with the whole record's residuals and sensitivities.
 *
 * @param start fit of the whole record, whose unknowns it has
 * @param rows that the fit takes
 * @returns undefined where those are too few, or the model does not run through the rest
 * @throws TwinError `NUMERIC` when no search got anywhere, `CANCELLED`
 */
export async function fitBefore(
  context: FitContext,
  start: Fit,
  rows: number,
): Promise<StraightFit | undefined> {
  const { coordinates, record } = start;
  if (rows * record.channels < 2 * coordinates.length) return undefined;
  const unknown = new Float64Array(coordinates.length);
  const before = await fitRecordFrom(context, coordinates, headOf(record, rows), [
    start.u,
    unknown,
  ]);
  const problem = fitProblem(context, coordinates, record);
  const [prediction] = await problem.simulate([before.u]);
  if (prediction === undefined || prediction instanceof Error) return undefined;
  const { columns } = await sensitivities(problem, before.u, prediction);
  const { u, noiseStd, residualModels } = before;
  return { record, coordinates, u, prediction, columns, noiseStd, residualModels };
}
