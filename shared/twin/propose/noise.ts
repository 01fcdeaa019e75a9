import { initialNoise } from '../filter/initial-noise.js';
import type { Sample, Twin } from '../types.js';
import { levelOf } from './match.js';

/** Below this share of a channel's size what the data show is rounding, not noise. */
const ROUNDING = 1e-6;
/** Share of its size that a channel without noise is taken to be off by: a model is no better. */
const TRUSTED = 1e-4;

/** A channel whose recording shows no noise, and what it is taken for. */
export interface Noiseless {
  variable: string;
  noiseStd: number;
  because: string;
}

/**
 * Finds the channels whose recording shows no noise, as those of a simulation: a filter that believed
 * their last digit would believe no model.
 *
 * @param moves how far each channel moves with the parameters, in the definition's order
 */
export function noiselessChannels(
  twin: Twin,
  samples: readonly Sample[],
  moves: readonly number[],
): Noiseless[] {
  const { definition } = twin;
  const noise = initialNoise(definition, samples);
  return definition.measured.flatMap(({ variable, noiseStd }, i) => {
    const values = Float64Array.from(samples, (s) => s.measured[i]!);
    const { median, spread } = levelOf(values);
    const size = Math.max(Math.abs(median) || 0, spread, moves[i] ?? 0);
    if (noiseStd !== undefined || !(size > 0) || noise[i]! > ROUNDING * size) return [];
    const taken = Number((TRUSTED * size).toPrecision(2));
    return [
      {
        variable,
        noiseStd: taken,
        because: `the recording shows no noise: taken for a ten-thousandth of its size, what a model can be trusted to; put in what you know`,
      },
    ];
  });
}
