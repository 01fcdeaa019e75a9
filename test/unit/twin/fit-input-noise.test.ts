import { describe, expect, it } from 'vitest';
import { createRng } from '../../../shared/core/index.js';
import { commission } from '../../../shared/twin/fit/index.js';
import type { Sample } from '../../../shared/twin/index.js';
import { lagModel, lagSamples, lagTwin } from './fit-fixtures.js';

const NOISE = 0.002;
const READ = 0.2;

/** The same record with other noise on what was read of its input. */
async function misread(seed: number): Promise<Sample[]> {
  const rng = createRng(1000 + seed);
  const samples = await lagSamples({ n: 200, noise: NOISE, seed: 1 });
  return samples.map((s) => ({ ...s, inputs: s.inputs.map((u) => u + READ * rng.normal()) }));
}

const twinWith = (noiseStd?: number) =>
  lagTwin(['gain', 'tau'], {
    inputs: [{ variable: 'u', ...(noiseStd === undefined ? {} : { noiseStd }) }],
    measured: [{ variable: 'y', alias: '/l/y', noiseStd: NOISE }],
  });

const fitted = async (samples: Sample[], noiseStd?: number) => {
  const twin = twinWith(noiseStd);
  const model = lagModel(twin);
  const { output } = await commission(twin, model, samples);
  return { output, runs: model.runs };
};

describe('the stated noise of inputs in a fit of a moving machine', () => {
  it('widens bands by what it does, names their source, and costs runs only where it is stated', async () => {
    const samples = await lagSamples({ n: 200, noise: NOISE, seed: 1 });
    const without = await fitted(samples);
    const exact = await fitted(samples, 0);
    const stated = await fitted(samples, READ);
    expect(exact.runs).toBe(without.runs);
    expect(stated.runs).toBe(without.runs + 24);
    const others = await Promise.all(
      Array.from(
        { length: 40 },
        async (_, k) => (await fitted(await misread(k))).output.parameters,
      ),
    );
    for (const name of ['gain', 'tau']) {
      const { mean, std } = stated.output.parameters[name]!;
      const narrow = without.output.parameters[name]!;
      expect(mean).toBe(narrow.mean);
      expect(std).toBeGreaterThan(3 * narrow.std);
      expect(stated.output.bands!.sources[name]!.inputs).toBeGreaterThan(0.8);
      expect(without.output.bands!.sources[name]!.inputs).toBe(0);
      // As far as fits of records with that noise lie from each other.
      const means = others.map((o) => o[name]!.mean);
      const middle = means.reduce((sum, v) => sum + v / means.length, 0);
      const spread = Math.hypot(...means.map((v) => v - middle)) / Math.sqrt(means.length - 1);
      expect(std / spread).toBeGreaterThan(0.65);
      expect(std / spread).toBeLessThan(1.6);
    }
  });

  it('makes bands that hold the truth, and no sum of it and the residuals’ own memory', async () => {
    let inside = 0;
    let of = 0;
    for (let seed = 1; seed <= 15; seed++) {
      const samples = await misread(seed);
      const without = await fitted(samples);
      const { output } = await fitted(samples, READ);
      for (const [name, truth] of [
        ['gain', 3],
        ['tau', 8],
      ] as const) {
        const { lower95, upper95, std } = output.parameters[name]!;
        if (lower95 <= truth && truth <= upper95) inside++;
        of++;
        expect(std).toBeLessThanOrEqual(1.2 * without.output.parameters[name]!.std);
      }
    }
    expect(inside / of).toBeGreaterThanOrEqual(0.88);
  });

  it('says where the model runs with none of it', async () => {
    const twin = twinWith(READ);
    const samples = await misread(1);
    const model = lagModel(twin);
    const [first] = samples;
    const { output } = await commission(
      twin,
      {
        ...model,
        run: async (points, record, options) =>
          record.inputs[0]![0] === first!.inputs[0]
            ? model.run(points, record, options)
            : points.map(() => new Error('fmi2DoStep returned Error.')),
      },
      samples,
    );
    expect(output.verdict.grade).not.toBe('good');
    expect(output.verdict.reasons.join('\n')).toContain(
      'what the stated noise of inputs does is not in the bands: the model failed in 24 of 24 runs with it: fmi2DoStep returned Error.',
    );
  });
});
