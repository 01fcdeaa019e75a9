import { partitionPoint } from '../../../core/index.js';
import type { InputsAt } from '../../types.js';
import type { FitRecord } from './record.js';

/** Columns of a record at all instants at which its inputs are known, not only at its samples. */
export interface InputCourse {
  /** Seconds, rising. */
  timesS: Float64Array;
  /** An input whose values at the samples are given, as it was between them. */
  inputOf(input: number, atSamples: Float64Array): Float64Array;
  /** What keeps between samples what it is at them. */
  heldOf(atSamples: Float64Array): Float64Array;
}

/** The instants of a record's samples and those between. */
export function inputCourse({ timesS, between }: FitRecord): InputCourse {
  if (between.length === 0) {
    return { timesS, inputOf: (_, values) => values, heldOf: (values) => values };
  }
  const places: { row: number; timeS: number; by?: Float64Array }[] = [];
  let next = 0;
  timesS.forEach((timeS, row) => {
    places.push({ row, timeS });
    for (; between[next]?.row === row; next++) places.push(between[next]!);
  });
  return {
    timesS: Float64Array.from(places, ({ timeS }) => timeS),
    inputOf: (input, values) =>
      Float64Array.from(places, ({ row, by }) => values[row]! + (by?.[input] ?? 0)),
    heldOf: (values) => Float64Array.from(places, ({ row }) => values[row]!),
  };
}

/** What inputs were between a sample and the next; times count from that sample. */
export function inputsAfter({ timesS, inputs, between }: FitRecord, row: number): InputsAt[] {
  const from = partitionPoint(between.length, (k) => between[k]!.row < row);
  const to = partitionPoint(between.length, (k) => between[k]!.row <= row);
  return between.slice(from, to).map(({ timeS, by }) => ({
    timeS: timeS - timesS[row]!,
    inputs: by.map((v, i) => v + inputs[i]![row]!),
  }));
}
