import { type InputTable, inputsAlong } from '../../../fmi/index.js';
import { disturbedValue } from '../../disturbances/index.js';
import type { TwinFmu } from '../../model/twin-fmu.js';
import type { Twin } from '../../types.js';
import { inputCourse } from '../record/input-course.js';
import type { FitRecord } from '../record/record.js';
import type { FitPoint } from './fit-model.js';

/**
 * What drives a free run along a record: its inputs, and of a point whose parameters wear, or that is
 * disturbed, also these.
 *
 * @param originS the FMU's time at a time of the record, `t0S`
 */
export function runInputs(
  twin: Twin,
  { interpolations, forces: targets, targetsOf }: TwinFmu,
  record: FitRecord,
  originS: number,
  t0S: number,
): (point: FitPoint) => InputTable {
  const { inputs, parameters } = twin.definition;
  const rows = record.timesS.length;
  const given = inputs.map((input, i) => ({ name: input.variable, values: record.inputs[i]! }));
  const course = inputCourse(record);
  const courseS = course.timesS.map((t) => originS + (t - t0S));
  /** A table of columns that are given at the samples, the inputs' first. */
  const along = (columns: typeof given, how: Parameters<typeof inputsAlong>[2]) =>
    inputsAlong(
      courseS,
      columns.map(({ name, values }, i) => ({
        name,
        values: i < given.length ? course.inputOf(i, values) : course.heldOf(values),
      })),
      how,
    );
  const undisturbed = along(given, interpolations);
  return (point) => {
    const { courses = [], forces, trial } = point;
    if (courses.length === 0 && forces === undefined && trial === undefined) return undisturbed;
    const columns = given.slice();
    const moved = new Map(courses.map(({ parameter, values }) => [parameter, values]));
    const tried = trial === undefined ? [] : targetsOf([{ on: trial.on }]);
    [...targets, ...tried].forEach((target, i) => {
      const added = (i < targets.length ? forces?.[i] : trial?.values) ?? new Float64Array(rows);
      if (target.kind === 'input') {
        const { name, values } = columns[target.index]!;
        columns[target.index] = { name, values: values.map((v, row) => v + added[row]!) };
        return;
      }
      const held = point.parameters.slice();
      const own = target.kind === 'parameter' ? moved.get(target.index) : undefined;
      const values = added.map((add, row) => {
        if (own !== undefined && target.kind === 'parameter') held[target.index] = own[row]!;
        return disturbedValue(twin, target, held, add);
      });
      if (target.kind === 'parameter') moved.set(target.index, values);
      else columns.push({ name: target.variable, values });
    });
    for (const [parameter, values] of moved) {
      columns.push({ name: parameters[parameter]!.variable, values });
    }
    return along(
      columns,
      columns.map((_, i) => interpolations[i] ?? 'hold'),
    );
  };
}
