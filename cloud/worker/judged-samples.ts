import type { TwinDefinition } from '../../shared/config/index.js';
import {
  type AlignedGroup,
  type AlignedSample,
  codesIn,
  type ErrorCode,
  FOLLOWS_WITHIN,
  type InputRanges,
  type JudgedInputs,
  judgeInputs,
  type Mark,
  noInputRanges,
  type Sample,
  withoutCodes,
} from '../../shared/twin/index.js';

/** A sample that was looked at before the filter sees it. */
interface JudgedSample extends Omit<JudgedInputs, 'sample'> {
  sample?: AlignedSample;
  codes: readonly ErrorCode[];
}

/** Where the inputs of an asset have been, as far as a point of its history tells. */
export function rangesOf(definition: TwinDefinition, { ranges }: Mark): InputRanges {
  const isOfTwin =
    ranges?.inputs.length === definition.inputs.length &&
    ranges.measured.length === definition.measured.length;
  return isOfTwin ? ranges : noInputRanges(definition);
}

/** Whether values of the instants of a window are error codes by what the whole window holds. */
export function earlyCodes(
  definition: TwinDefinition,
  groups: readonly AlignedGroup[],
): (place: number, channel: number) => boolean {
  let found: ReadonlySet<number>[] | undefined;
  return (place, channel) => {
    found ??= definition.measured.map((_, c) => {
      const values = Float64Array.from(groups, (g) => g.sample?.measured[c] ?? Number.NaN);
      return new Set(codesIn(values, [])?.places);
    });
    return found[channel]!.has(place);
  };
}

/**
 * The sample of an instant without error codes, and without wild values of inputs: a moving machine goes on
 * under what they were before, of one at rest the sample tells nothing.
 *
 * @param place of the instant, which has a sample
 * @param early as {@link earlyCodes}
 * @returns without a sample where samples to come must tell
 */
export function judgedSample(
  definition: TwinDefinition,
  ranges: InputRanges,
  groups: readonly AlignedGroup[],
  place: number,
  early: ReturnType<typeof earlyCodes>,
): JudgedSample {
  const { sample: own, codes } = withoutCodes(ranges, groups[place]!.sample!, (c) =>
    early(place, c),
  );
  const { sample, ...inputs } = judgeInputs(ranges, own, () => samplesAfter(groups, place));
  const found = { ...inputs, codes };
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
