import type { TwinDefinition } from '../../shared/config/index.js';
import {
  type AlignedGroup,
  type AlignedSample,
  FOLLOWS_WITHIN,
  type InputRanges,
  type JudgedInputs,
  judgeInputs,
  type Mark,
  noInputRanges,
  type Sample,
} from '../../shared/twin/index.js';

/** Where the inputs of an asset have been, as far as a point of its history tells. */
export function rangesOf(definition: TwinDefinition, { ranges }: Mark): InputRanges {
  const isOfTwin =
    ranges?.inputs.length === definition.inputs.length &&
    ranges.measured.length === definition.measured.length;
  return isOfTwin ? ranges : noInputRanges(definition);
}

/**
 * The sample of an instant without wild values of inputs: a moving machine goes on under what they were
 * before, of one at rest the sample tells nothing.
 *
 * @param place of the instant, which has a sample
 * @returns without a sample where samples to come must tell
 */
export function judgedSample(
  definition: TwinDefinition,
  ranges: InputRanges,
  groups: readonly AlignedGroup[],
  place: number,
): Omit<JudgedInputs, 'sample'> & { sample?: AlignedSample } {
  const own = groups[place]!.sample!;
  const { sample, ...found } = judgeInputs(ranges, own, () => samplesAfter(groups, place));
  if (sample === undefined) return found;
  const isAtRest = found.aside !== undefined && definition.simulation.mode === 'steady-state';
  const { measured } = own;
  return {
    ...found,
    sample: {
      ...own,
      ...sample,
      ...(isAtRest ? { measured: measured.map(() => Number.NaN) } : {}),
    },
  };
}

/** As many samples after a place as tell whether an input there is wild. */
function samplesAfter(groups: readonly AlignedGroup[], place: number): Sample[] {
  const found: Sample[] = [];
  for (let k = place + 1; k < groups.length && found.length < FOLLOWS_WITHIN; k++) {
    const { sample } = groups[k]!;
    if (sample !== undefined) found.push(sample);
  }
  return found;
}
