import { modelSensors } from '../../config/index.js';
import { messageOf, TwinError } from '../../core/index.js';
import { truncatedEstimate } from '../filter/truncated.js';
import type { Estimate } from '../types.js';
import { varianceAlong } from './estimates.js';
import { type Fit, type FitContext, fitPointAt, fitProblem, rangeOf } from './fit.js';
import { sliceOf } from './record.js';
import { sensitivities } from './sensitivities.js';

/** The virtual sensors of a fitted twin with their bands. */
export interface HiddenOutputs {
  /** Of a moving machine all times of the record, of one at rest its last only. */
  timesS: Float64Array;
  /** By variable, an estimate for each of the times. */
  courses: Record<string, Estimate[]>;
  /** Why there are none, where the model did not tell them. */
  unknown?: string;
}

/** Difference step, as that of the bands of parameters. */
const DIFFERENCE = 5e-3;

/**
 * What the virtual sensors show along the fitted free run. Their bands hold what is unknown of all
 * unknowns together; of a moving machine also as large a share of their range as the disturbance of the
 * worst measured variable is of its own: what the model lacks there, it lacks inside, too.
 */
export async function hiddenOutputs(
  context: FitContext,
  fit: Fit,
): Promise<HiddenOutputs | undefined> {
  const { twin, model } = context;
  const names = modelSensors(twin.definition).map((s) => s.variable);
  if (names.length === 0) return undefined;
  const all = fit.record;
  const count = all.timesS.length;
  const moving = twin.definition.simulation.mode !== 'steady-state';
  const record = moving ? all : sliceOf(all, count - 1, count);
  const { timesS } = record;
  const problem = {
    ...fitProblem(context, fit.coordinates, record),
    async simulate(points: readonly Float64Array[]) {
      context.signal?.throwIfAborted();
      const at = points.map((u) => fitPointAt(fit.coordinates, u, timesS));
      const runs = await model.run(at, record, { keepSensors: true });
      context.passes += points.length;
      return runs.map((run) => (run instanceof Error ? run : (run.sensors ?? new Float64Array())));
    },
  };
  try {
    const [middle] = await problem.simulate([fit.u]);
    if (!(middle instanceof Float64Array)) throw middle;
    const { columns } = await sensitivities(problem, fit.u, undefined, DIFFERENCE);
    const lacking = moving ? lackingShare(fit) : 0;
    const courses = names.map((name, s): [string, Estimate[]] => {
      const of = (row: number) => row * names.length + s;
      const values = Array.from(timesS, (_, row) => middle[of(row)]!);
      const doubt = lacking * (Math.max(...values) - Math.min(...values));
      return [
        name,
        values.map((value, row) =>
          truncatedEstimate(value, Math.sqrt(varianceAlong(fit, columns, of(row)) + doubt ** 2)),
        ),
      ];
    });
    return { timesS, courses: Object.fromEntries(courses) };
  } catch (error) {
    context.signal?.throwIfAborted();
    if (!(error instanceof TwinError) || error.code === 'CANCELLED') throw error;
    return { timesS, courses: {}, unknown: messageOf(error) };
  }
}

/** The largest disturbance of a measured variable, as a share of its range. */
function lackingShare({ record, residualModels }: Fit): number {
  return residualModels.reduce((most, { ou }, c) => {
    const range = rangeOf(record, c);
    return range > 0 ? Math.max(most, ou.std / range) : most;
  }, 0);
}
