import type { FitRecord } from '../record/record.js';

/**
 * A record whose input reads otherwise.
 *
 * @param share by which it is larger
 * @param offset what is added, in its unit
 */
export function withInputOff(
  record: FitRecord,
  input: number,
  share: number,
  offset: number,
): FitRecord {
  return {
    ...record,
    inputs: record.inputs.map((values, i) =>
      i === input ? values.map((v) => (1 + share) * v + offset) : values,
    ),
    // What is told between rows are differences to the row.
    between: record.between.map((at) => ({
      ...at,
      by: at.by.map((v, i) => (i === input ? (1 + share) * v : v)),
    })),
  };
}
