import { durationText, messageOf, TwinError } from '../../../core/index.js';
import { forcesOf } from '../../disturbances/index.js';
import type { FitContext } from '../model/fit-context.js';
import type { FitRecord } from '../record/record.js';
import {
  type Coordinate,
  forceCoordinates,
  parameterCoordinates,
  startPoints,
  startStateCoordinate,
  valueAt,
} from './coordinates.js';

/**
 * The unknowns of a fit: the definition's parameters, then the states at the record's start and after each of
 * its gaps. The search for the latter begins where a run through the gap leads.
 */
export async function fitCoordinates(
  context: FitContext,
  record: FitRecord,
): Promise<readonly Coordinate[]> {
  const { twin, model } = context;
  const parameters = parameterCoordinates(twin);
  const { timesS } = record;
  const forces = forceCoordinates(forcesOf(twin.definition), timesS[0] ?? 0, timesS.at(-1) ?? 0);
  if (model.states.length === 0) return [...parameters, ...forces];
  let problem: unknown;
  for (const start of startPoints(parameters, 4)) {
    const point = Float64Array.from(parameters, (c, j) => valueAt(c, start[j]!));
    try {
      const states = await model.startStates(point, record);
      const [run] = await model.run([{ parameters: point, states }], record, { keepStates: true });
      context.passes++;
      if (run instanceof Error || run?.states === undefined) {
        problem = run;
        continue;
      }
      const moving = run.states;
      const begun = model.states.map((name, s) => {
        let low = Number.POSITIVE_INFINITY;
        let high = Number.NEGATIVE_INFINITY;
        for (let i = s; i < moving.length; i += states.length) {
          low = Math.min(low, moving[i]!);
          high = Math.max(high, moving[i]!);
        }
        const share = twin.definition.transient.initialStateStd;
        const range = Math.max(high - low, share * Math.abs(states[s]!));
        return { name, range, value: states[s]! };
      });
      const starts = record.beginnings.flatMap((row) =>
        begun.map(({ name, range, value }, s) =>
          row === 0
            ? startStateCoordinate(name, value, range)
            : startStateCoordinate(
                `${name} after ${durationText(timesS[row]! - timesS[0]!)}`,
                moving[row * states.length + s]!,
                range,
              ),
        ),
      );
      return [...parameters, ...starts, ...forces];
    } catch (error) {
      context.signal?.throwIfAborted();
      problem = error;
    }
  }
  throw new TwinError(
    'NUMERIC',
    `The model runs along the record from none of four points about the priors: ${messageOf(problem)}`,
    { cause: problem },
  );
}
