import type { TwinDefinition } from '../../config/index.js';
import type { Sample } from '../types.js';
import { longBlanks, withShortBlanks } from './missing-inputs.js';

/**
 * A moving machine's samples with a value of each input wherever one can be told: where it is blank it is as it was
 * before, as that of a column which tells changes only, or between its neighbours, where it runs as a straight
 * line and one or a few are blank. It stays blank before its first value, and for long where it is usually told anew.
 * Of states of rest nothing is carried: they are those of inputs at their time.
 */
export function withCarriedInputs<S extends Pick<Sample, 'timeS' | 'inputs'>>(
  definition: TwinDefinition,
  samples: readonly S[],
): readonly S[] {
  if (definition.simulation.mode === 'steady-state') return samples;
  const unknown = definition.inputs.map(({ value }, i) =>
    value === undefined ? rowsOf(longBlanks(samples, i)) : new Set<number>(),
  );
  const carried = new Float64Array(definition.inputs.length).fill(Number.NaN);
  return withShortBlanks(definition, samples).map((sample, row) => {
    const inputs = sample.inputs.map((v, i) => {
      if (Number.isFinite(v)) carried[i] = v;
      return Number.isFinite(v) || unknown[i]!.has(row) ? v : carried[i]!;
    });
    return inputs.every((v, i) => Object.is(v, sample.inputs[i])) ? sample : { ...sample, inputs };
  });
}

const rowsOf = (blanks: readonly { row: number; rows: number }[]) =>
  new Set(blanks.flatMap(({ row, rows }) => Array.from({ length: rows }, (_, k) => row + k)));
