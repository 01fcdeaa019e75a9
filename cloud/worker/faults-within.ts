import {
  type ChannelFaults,
  errorCodesWithin,
  frozenIn,
  heldIn,
  type InputRanges,
  sameIn,
  stillIn,
  wildInputsOf,
  wildWithin,
} from '../../shared/twin/index.js';
import type { Forward } from './forward-run.js';

/** Channels that are copies or hold values, and those that were frozen or wild at some time of a span. */
export function faultsWithin(
  { channels, job, wildInputs, codes }: Pick<Forward, 'channels' | 'job' | 'wildInputs' | 'codes'>,
  ranges: InputRanges,
  fromS: number,
  toS: number,
): ChannelFaults {
  const { definition } = job.twin;
  const isNewest = toS === channels.newestS;
  const still = stillIn(channels.inputs, definition).filter(
    (f) => f.untilS >= fromS && f.sinceS <= toS,
  );
  return {
    frozenChannels: frozenIn(channels, definition).filter(
      (f) => f.untilS >= fromS && f.sinceS <= toS,
    ),
    // What is known of copies and held values is of the newest sample: a replay's are older.
    sameChannels: isNewest ? sameIn(channels, definition) : [],
    ...(still.length === 0 ? {} : { stillInputs: still }),
    heldChannels: isNewest && channels.changes ? heldIn(channels.changes, definition) : [],
    wildValues: [
      ...(channels.wild ? wildWithin(channels.wild, definition, fromS, toS) : []),
      ...wildInputsOf(definition, ranges, wildInputs),
      ...errorCodesWithin(definition, ranges, codes, fromS, toS),
    ],
  };
}
