import { describe, expect, it } from 'vitest';
import { WEAR_KINDS } from '../../../shared/twin/fit/wear/wear-course.js';
import {
  narrowest,
  partsOf,
  probabilities,
  type Weighed,
  widerAbout,
} from '../../../shared/twin/fit/wear/wear-mixture.js';

/** One parameter that moves in a way or not, with its mean and deviation at the record's end. */
const says = (name: string, probability: number, mean: number, std: number): Weighed => ({
  kinds: [WEAR_KINDS.find((kind) => kind.name === name)!],
  score: Math.log(probability) - 1000,
  base: Float64Array.of(mean),
  variance: Float64Array.of(std ** 2),
});

const chosen = (all: readonly Weighed[]) =>
  narrowest(all, probabilities(all), 1).kinds.map(({ name }) => name);

describe('the hypothesis of wear to fit under', () => {
  it('is in the middle of what all say, though another alone is more probable', () => {
    const all = [
      says('none', 0.28, 0.86, 0.02),
      says('4×', 0.22, 0.92, 0.03),
      says('8×', 0.25, 0.94, 0.03),
      says('16×', 0.25, 0.95, 0.03),
    ];
    expect(chosen(all)).toEqual(['4×']);
  });

  it('is none where wear would be about the same', () => {
    expect(
      chosen([
        says('none', 0.3, 1, 0.02),
        says('1×', 0.35, 1.001, 0.02),
        says('4×', 0.35, 1.002, 0.025),
      ]),
    ).toEqual(['none']);
  });

  it('is not one that hardly any data speak for, wherever it lies', () => {
    const all = [says('none', 0.48, 0, 0.1), says('2×', 0.04, 0.5, 0.1), says('16×', 0.48, 1, 0.1)];
    expect(chosen(all)).not.toEqual(['2×']);
  });
});

describe('a band over several hypotheses', () => {
  const all = [says('none', 0.5, -1, 0.1), says('4×', 0.5, 1, 0.1)];
  const parts = partsOf(all, probabilities(all), 0);

  it('is as wide as that of a Gaussian where there is but one', () => {
    const [one] = partsOf([all[0]!], Float64Array.of(1), 0);
    expect(widerAbout([one!], one!)).toBeCloseTo(1, 4);
  });

  it('reaches from where the fit is to the furthest that is probable', () => {
    // 95 % of all is 90 % of the further one: one-sided, 1.282 of its deviations beyond it.
    expect(widerAbout(parts, parts[0]!)).toBeCloseTo((2 + 1.2816 * 0.1) / (1.96 * 0.1), 2);
  });

  it('has no width to compare with about a value that is not estimated', () => {
    expect(widerAbout(parts, { mean: 0, std: 0 })).toBe(1);
  });
});
