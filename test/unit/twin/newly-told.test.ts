import { describe, expect, it } from 'vitest';
import { twinSchema } from '../../../shared/config/index.js';
import { createRng } from '../../../shared/core/index.js';
import { commission, type FitModel } from '../../../shared/twin/fit/index.js';
import type { Sample, Twin } from '../../../shared/twin/index.js';

const ROWS = 160;
/** From here on something happens that tells the second parameter: in the rows that a fit holds out. */
const LATE = 130;
const TRUTH = { gain: 2.2, rate: 1.9 };

/** y = gain·u + sin(rate·v): of the rate there are many optima, and none while v is 0. */
const outputOf = (gain: number, rate: number, u: number, v: number) =>
  gain * u + Math.sin(rate * v);

function waveTwin(): Twin {
  const definition = twinSchema.parse({
    name: 'wave',
    fmu: './none.fmu',
    inputs: [{ variable: 'u' }, { variable: 'v' }],
    measured: [{ variable: 'y', alias: '/w/y', noiseStd: 0.05 }],
    parameters: Object.entries({ gain: 2, rate: 1 }).map(([variable, mean]) => ({
      variable,
      alias: `/w/${variable}`,
      lower: 0,
      prior: { mean, std: 1.31 * mean },
    })),
    simulation: { mode: 'transient' },
  });
  return { definition, fmuPath: '/none.fmu', hash: 'wave' };
}

const waveModel: FitModel = {
  states: [],
  run: async (points, { timesS, inputs }) =>
    points.map(({ parameters: [gain, rate] }) => ({
      outputs: timesS.map((_, k) => outputOf(gain!, rate!, inputs[0]![k]!, inputs[1]![k]!)),
    })),
  startStates: async () => new Float64Array(),
  close: async () => {},
};

function samplesOf(seed: number): Sample[] {
  const rng = createRng(seed);
  return Array.from({ length: ROWS }, (_, k) => {
    const u = 5 * rng.uniform();
    const v = k < LATE ? 0 : (6 * (k - LATE)) / (ROWS - LATE);
    const y = outputOf(TRUTH.gain, TRUTH.rate, u, v) + 0.05 * rng.normal();
    return { timeS: k, inputs: Float64Array.of(u, v), measured: Float64Array.of(y) };
  });
}

describe('a parameter that only the rows held out tell', () => {
  it.each([1, 2, 3])('is searched for from several of its values, seed %d', async (seed) => {
    const { output } = await commission(waveTwin(), waveModel, samplesOf(seed));
    for (const [name, truth] of Object.entries(TRUTH)) {
      const { mean, std } = output.parameters[name]!;
      expect(Math.abs(mean - truth), name).toBeLessThan(3 * std);
      expect(std, name).toBeLessThan(0.03);
    }
    // What is told of searches is of those that saw it.
    expect(output.starts).toHaveLength(5);
    expect(output.verdict.reasons.join()).toContain('only one of 5 searches reached the best fit');
  });
});
