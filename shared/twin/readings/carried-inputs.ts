import type { TwinDefinition } from '../../config/index.js';
import type { Sample } from '../types.js';
import { untoldBlanks, withShortBlanks } from './missing-inputs.js';

/**
 * Samples with a value of each input wherever one can be told: where it is blank it is as it was before, as that of
 * a column which tells changes only, or, of a moving machine, between its neighbours, where it runs as a straight
 * line and one or a few are blank. It stays blank before its first value and where it is open what it was.
 */
export function withCarriedInputs<S extends Pick<Sample, 'timeS' | 'inputs'>>(
  definition: TwinDefinition,
  samples: readonly S[],
): readonly S[] {
  const open = definition.inputs.map(({ value }, i) =>
    value === undefined ? rowsOf(untoldBlanks(definition, samples, i)) : new Set<number>(),
  );
  const steady = definition.simulation.mode === 'steady-state';
  const bridged = steady ? samples : withShortBlanks(definition, samples);
  const carried = new Float64Array(definition.inputs.length).fill(Number.NaN);
  return bridged.map((sample, row) => {
    const inputs = sample.inputs.map((v, i) => {
      if (Number.isFinite(v)) carried[i] = v;
      return Number.isFinite(v) || open[i]!.has(row) ? v : carried[i]!;
    });
    return inputs.every((v, i) => Object.is(v, sample.inputs[i])) ? sample : { ...sample, inputs };
  });
}

const rowsOf = (blanks: readonly { row: number; rows: number }[]) =>
  new Set(blanks.flatMap(({ row, rows }) => Array.from({ length: rows }, (_, k) => row + k)));
