import { type InputTable, inputsAlong, inputsBetween } from '../../fmi/index.js';
import { disturbedValue } from '../disturbances/index.js';
import type { TransientModel, Twin } from '../types.js';
import type { TwinFmu } from './twin-fmu.js';

type Span = Parameters<TransientModel['propagate']>[1];

/**
 * The inputs over a span, as a table for a run.
 *
 * @returns a function of the span and of a point whose disturbances add to them; without one nothing does
 */
export function spanInputs(
  twin: Twin,
  { interpolations, forces }: TwinFmu,
): (span: Span, point?: { parameters: Float64Array; added?: Float64Array }) => InputTable {
  const inputNames = twin.definition.inputs.map((input) => input.variable);
  const drivenNames = [
    ...inputNames,
    ...forces.flatMap((f) => (f.kind === 'input' ? [] : [f.variable])),
  ];
  const drivenHow = drivenNames.map((_, i) => interpolations[i] ?? 'hold');
  return (span, point) => {
    const { fromS, toS, between = [] } = span;
    const rows = [
      { timeS: fromS, values: span.inputs },
      ...between.map(({ timeS, inputs }) => ({ timeS: fromS + timeS, values: inputs })),
      { timeS: toS, values: span.inputsTo },
    ].map(({ timeS, values }) => ({ timeS, values: Array.from(values) }));
    if (point !== undefined) {
      forces.forEach((force, i) => {
        const add = point.added?.[i] ?? 0;
        const value =
          force.kind === 'input' ? add : disturbedValue(twin, force, point.parameters, add);
        for (const { values } of rows) {
          if (force.kind === 'input') values[force.index]! += value;
          else values.push(value);
        }
      });
    }
    const [names, how] =
      point === undefined ? [inputNames, interpolations] : [drivenNames, drivenHow];
    if (between.length === 0) {
      return inputsBetween(fromS, toS, names, rows[0]!.values, rows[1]!.values, how);
    }
    const columns = names.map((name, i) => ({
      name,
      values: Float64Array.from(rows, ({ values }) => values[i]!),
    }));
    return inputsAlong(
      Float64Array.from(rows, ({ timeS }) => timeS),
      columns,
      how,
    );
  };
}
