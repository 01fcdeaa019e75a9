/** Mean NIS per channel of noise that is right. */
export const BAND_OF_NIS = [0.8, 1.25] as const;
/** Standard deviations beyond the band that are not chance. */
const NOT_CHANCE = 4;
/** A channel counts with at most so much: one outlier is no noise. */
const MOST_OF_CHANNEL = 25;

/** The NIS of a sample as it counts for the noise. */
export const countedNis = (nis: number, channels: number): number =>
  Math.min(nis, MOST_OF_CHANNEL * channels);

/** NIS of samples, each counted up to a limit, and of how many values they are. */
export interface NisSum {
  nis: number;
  channels: number;
}

/** A sample's innovations against their predicted covariance. */
interface SampleNis {
  nis: number;
  channels: number;
  beforeFit?: boolean | undefined;
}

/** Whether bands promise what a sample's NIS is: before the first fit priors promise nothing yet. */
export const isPromised = ({ nis, channels, beforeFit }: SampleNis): boolean =>
  channels > 0 && beforeFit !== true && Number.isFinite(nis);

/** Adds a sample to the sum of those that tell whether bands hold: one sample of a change is no noise. */
export function addNis(sum: NisSum, sample: SampleNis): void {
  if (!isPromised(sample)) return;
  sum.nis += countedNis(sample.nis, sample.channels);
  sum.channels += sample.channels;
}

/** Whether a mean NIS per channel is beyond its band and beyond chance. */
export const isNisOff = (mean: number, channels: number): boolean => {
  const chance = NOT_CHANCE * Math.sqrt(2 / channels);
  return mean < BAND_OF_NIS[0] - chance || mean > BAND_OF_NIS[1] + chance;
};

/** Values from which a run says something of its noise. */
export const FEWEST_VALUES = 20;

/**
 * Whether readings of a run were farther from their predictions than the bands say. That they were nearer is no
 * contradiction: bands may hold what innovations do not show.
 *
 * @param mean NIS per channel, each sample's up to a limit: see {@link addNis}
 */
export const isNisTooHigh = (mean: number, channels: number): boolean =>
  channels >= FEWEST_VALUES && mean > 1 && isNisOff(mean, channels);
