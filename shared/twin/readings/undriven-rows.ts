import type { TwinDefinition } from '../../config/index.js';
import type { Sample } from '../types.js';
import { untoldBlanks } from './missing-inputs.js';
import { followedInput, stillIn, type WatchedInput } from './still-inputs.js';

/**
 * Samples at which for long nothing is known of a followed input, as it has no value there or keeps one that
 * otherwise changes with each sample: what drives the machine is anyone's guess.
 *
 * @param samples rising in time
 * @returns their places
 */
export function undrivenRows(
  definition: TwinDefinition,
  samples: readonly Pick<Sample, 'timeS' | 'inputs'>[],
): Set<number> {
  const rows = new Set<number>();
  const watched: (WatchedInput | null)[] = definition.inputs.map(({ value }, i) => {
    if (value !== undefined) return null;
    for (const { row, rows: count } of untoldBlanks(definition, samples, i)) {
      for (let k = row; k < row + count; k++) rows.add(k);
    }
    return samples.reduce<WatchedInput | null>(
      (known, { timeS, inputs }) =>
        followedInput(known, inputs[i]!, timeS, Number.POSITIVE_INFINITY),
      null,
    );
  });
  const still = stillIn(watched, definition);
  samples.forEach(({ timeS }, row) => {
    // The first of equal values may well be right.
    if (still.some(({ sinceS, untilS }) => timeS > sinceS && timeS <= untilS)) rows.add(row);
  });
  return rows;
}
