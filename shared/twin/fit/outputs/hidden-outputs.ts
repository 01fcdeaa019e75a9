import { modelSensors } from '../../../config/index.js';
import { truncatedEstimate } from '../../filter/truncated.js';
import type { Estimate } from '../../types.js';
import type { Fit } from '../fitting/fit.js';
import { fitPointAt, fitProblem } from '../least-squares/fit-problem.js';
import { sensitivities } from '../least-squares/sensitivities.js';
import type { FitContext } from '../model/fit-context.js';
import { type FitRecord, rangeOf, sliceOf } from '../record/record.js';
import { directEffects, varianceWithStated } from './stated-outputs.js';

/** The virtual sensors of a fitted twin with their bands. */
export interface HiddenOutputs {
  /** Of a moving machine all times of the record, of one at rest its last only. */
  timesS: Float64Array;
  /** By variable, an estimate for each of the times. */
  courses: Record<string, Estimate[]>;
  /** Why there are none, where the model did not tell them. */
  unknown?: string;
}

/** What hidden outputs are along a fitted free run, and how sure that is; rows × hidden outputs, row-major. */
export interface HiddenBands {
  record: FitRecord;
  names: readonly string[];
  values: Float64Array;
  std: Float64Array;
  /** Sensitivities, a column per unknown. */
  columns: readonly Float64Array[];
}

/** Difference step, as that of the bands of parameters. */
const DIFFERENCE = 5e-3;

/**
 * Hidden outputs along a fitted free run. Their bands hold what is unknown of all
 * unknowns together, and what stated errors of inputs do to them at once; of a moving machine also as large a share of their range as the disturbance of the
 * worst measured variable is of its own: what the model lacks there, it lacks inside, too.
 *
 * @param central differences to both sides; otherwise to one, at half the runs
 * @throws TwinError `NUMERIC` where the model fails, `CANCELLED`
 */
export async function hiddenBands(
  context: FitContext,
  fit: Fit,
  { central = true } = {},
): Promise<HiddenBands> {
  const { twin, model } = context;
  const names = modelSensors(twin.definition).map((s) => s.variable);
  const all = fit.record;
  const count = all.timesS.length;
  const moving = twin.definition.simulation.mode !== 'steady-state';
  const record = moving ? all : sliceOf(all, count - 1, count);
  const along = async (of: FitRecord, points: readonly Float64Array[]) => {
    context.signal?.throwIfAborted();
    const at = points.map((u) => fitPointAt(fit.coordinates, u, of.timesS));
    const runs = await model.run(at, of, { keepSensors: true });
    context.passes += points.length;
    return runs.map((run) => (run instanceof Error ? run : (run.sensors ?? new Float64Array())));
  };
  const problem = {
    ...fitProblem(context, fit.coordinates, record),
    simulate: (points: readonly Float64Array[]) => along(record, points),
  };
  const [values] = await problem.simulate([fit.u]);
  if (!(values instanceof Float64Array)) throw values;
  const base = central ? undefined : values;
  const { columns } = await sensitivities(problem, fit.u, base, DIFFERENCE);
  const lacking = moving ? lackingShare(fit) : 0;
  const doubts = names.map((_, s) => {
    const course = values.filter((__, i) => i % names.length === s);
    return lacking * (Math.max(...course) - Math.min(...course));
  });
  const direct = await directEffects(
    fit.stated,
    record,
    values,
    async (other) => (await along(other, [fit.u]))[0],
  );
  const std = values.map((_, i) =>
    Math.sqrt(varianceWithStated(fit, columns, direct, i) + doubts[i % names.length]! ** 2),
  );
  return { record, names, values, std, columns };
}

/** The virtual sensors with their bands, from hidden outputs along a free run or why they are not known. */
export function hiddenOutputs(fit: Fit, bands: HiddenBands | { unknown: string }): HiddenOutputs {
  if ('unknown' in bands) return { timesS: fit.record.timesS, courses: {}, ...bands };
  const { record, names, values, std } = bands;
  const courses = names.map((name, s): [string, Estimate[]] => [
    name,
    Array.from(record.timesS, (_, row) => {
      const i = row * names.length + s;
      return truncatedEstimate(values[i]!, std[i]!);
    }),
  ]);
  return { timesS: record.timesS, courses: Object.fromEntries(courses) };
}

/** The largest disturbance of a measured variable, as a share of its range. */
function lackingShare({ record, residualModels }: Fit): number {
  return residualModels.reduce((most, { ou }, c) => {
    const range = rangeOf(record, c);
    return range > 0 ? Math.max(most, ou.std / range) : most;
  }, 0);
}
