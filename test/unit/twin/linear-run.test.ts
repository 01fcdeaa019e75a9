import { describe, expect, it } from 'vitest';
import { lineariseRun } from '../../../shared/twin/transient/linearise.js';

/** One parameter p, its trend, one state s; the output at the end is p² + s, and so is the state. */
const run = (constants: boolean) =>
  lineariseRun(
    async (points) =>
      points.map(({ parameters, states }) => {
        const end = Float64Array.of(parameters[0]! ** 2 + states[0]!);
        return { states: end, outputs: end };
      }),
    {
      x: Float64Array.of(3, 0, 1),
      S: Float64Array.of(2, 0, 0, 0, 0.1, 0, 0, 0, 0.5),
    },
    1,
    Float64Array.of(1),
    0.5,
    { lower: Float64Array.of(-10), upper: Float64Array.of(10) },
    true,
    constants,
  );

describe('a run as a straight line', () => {
  it('takes the bend along a parameter that is filtered for noise, which moves the mean', async () => {
    const line = await run(false);
    // p² has the mean 3² + 2², and √2·2² of scatter that no line explains.
    expect(line.mean[1]).toBeCloseTo(9 + 4 + 1);
    expect(line.bend[2]).toBeCloseTo(Math.SQRT2 * 4);
    expect(line.slope[2]).toBeCloseTo(6);
  });

  it('takes a constant for what it is: no noise from sample to sample, the slope at its value', async () => {
    const line = await run(true);
    expect(line.mean[1]).toBeCloseTo(9 + 1);
    expect(Math.hypot(...line.bend)).toBeCloseTo(0);
    expect(line.slope[2]).toBeCloseTo(6);
    expect(line.slope[3]).toBeCloseTo(1);
  });
});
