import { describe, expect, it } from 'vitest';
import { createRng } from '../../../shared/core/index.js';
import { commission, type FitModel } from '../../../shared/twin/fit/index.js';
import { residualSpectra } from '../../../shared/twin/fit/input-noise/residual-spectra.js';
import { varianceComponents } from '../../../shared/twin/fit/input-noise/variance-components.js';
import type { Sample, Twin } from '../../../shared/twin/index.js';
import { withFoundNoise } from '../../../shared/twin/transient/input-drive.js';
import { CONDITIONS, simulateMachine } from '../../study/unseen/conditions.js';
import { MACHINES } from '../../study/unseen/machines.js';
import { twinOf } from '../../study/unseen/run.js';
import { calibrateWithRefits } from '../../support/calibrate-with-refits.js';
import { hasCompiler } from '../fmi/fixture-fmus.js';
import { lagModel, lagSamples, lagTwin } from './fit-fixtures.js';

const NOISE = 0.01;
/** Noise of an input that is 0 or 1. */
const READ = 0.03;

const twinWith = (sensor = NOISE, input: { noiseStd?: number } = {}) =>
  lagTwin(['gain', 'tau'], {
    inputs: [{ variable: 'u', ...input }],
    measured: [{ variable: 'y', alias: '/l/y', noiseStd: sensor }],
  });

const record = (seed: number, more: Parameters<typeof lagSamples>[0] = {}) =>
  lagSamples({ n: 200, noise: NOISE, seed, ...more });

/** The same record with other noise on what was read of its input. */
async function misread(seed: number): Promise<Sample[]> {
  const rng = createRng(1000 + seed);
  const samples = await record(seed);
  return samples.map((s) => ({ ...s, inputs: s.inputs.map((v) => v + READ * rng.normal()) }));
}

async function fitted(samples: Sample[], twin = twinWith(), of?: (model: FitModel) => FitModel) {
  const model = lagModel(twin);
  const { output } = await commission(twin, of?.(model) ?? model, samples);
  return { output, runs: model.runs, said: output.verdict.reasons.join('\n') };
}

describe('noise of an input that nobody stated, in a fit of a moving machine', () => {
  it('is found by its size, is in the bands, and is named', async () => {
    let inside = 0;
    for (let seed = 1; seed <= 10; seed++) {
      const samples = await misread(seed);
      const { output, said } = await fitted(samples);
      const { std, share } = output.inputNoise!.u!;
      expect(std / READ, `seed ${seed}`).toBeGreaterThan(0.7);
      expect(std / READ, `seed ${seed}`).toBeLessThan(1.4);
      expect(share).toBeCloseTo(std / Math.max(...samples.map((s) => s.inputs[0]!)), 9);
      expect(said).toContain('noise of u found: about 0.0');
      expect(said).toContain('state it with inputs[].noiseStd');
      expect(output.verdict.grade).not.toBe('good');
      for (const [name, truth] of [
        ['gain', 3],
        ['tau', 8],
      ] as const) {
        const { lower95, upper95 } = output.parameters[name]!;
        if (lower95 <= truth && truth <= upper95) inside++;
        expect(output.bands!.sources[name]!.inputs).toBeGreaterThan(0.05);
      }
    }
    expect(inside).toBeGreaterThanOrEqual(18);
  });

  it('has the bands that the same noise has where it is stated', async () => {
    const samples = await misread(1);
    const { output } = await fitted(samples);
    const stated = await fitted(samples, twinWith(NOISE, { noiseStd: output.inputNoise!.u!.std }));
    expect(stated.output.parameters).toEqual(output.parameters);
    expect(stated.output.bands).toEqual(output.bands);
    expect(stated.output.inputNoise).toBeUndefined();
  });

  it('is not looked for where no residual is too large, or the readings are said to be exact', async () => {
    for (let seed = 1; seed <= 5; seed++) {
      const samples = await record(seed);
      const exact = await fitted(samples);
      expect(exact.output.inputNoise).toBeUndefined();
      const said = await fitted(samples, twinWith(NOISE, { noiseStd: 0 }));
      expect(exact.runs).toBe(said.runs);
    }
    const samples = await misread(1);
    const exact = await fitted(samples, twinWith(NOISE, { noiseStd: 0 }));
    expect(exact.output.inputNoise).toBeUndefined();
    const { output, runs } = await fitted(samples);
    expect(output.inputNoise).toBeDefined();
    // A tenth of the fit's runs for the look, and 24 for the bands.
    expect(runs - exact.runs - 24).toBeLessThanOrEqual(0.1 * exact.runs);
  });

  it('is not what a sensor’s own noise, a slow disturbance or lone outliers are taken for', async () => {
    for (let seed = 1; seed <= 5; seed++) {
      const noisier = await fitted(await record(seed), twinWith(NOISE / 3));
      expect(noisier.output.inputNoise, `seed ${seed}`).toBeUndefined();
      const slow = await fitted(await record(seed, { ou: 0.2 }));
      expect(slow.output.inputNoise, `seed ${seed}`).toBeUndefined();
      const rng = createRng(seed);
      const off = (await record(seed)).map((s) => ({
        ...s,
        measured: s.measured.map((v) => (rng.uniform() < 0.02 ? v + 20 * NOISE : v)),
      }));
      expect((await fitted(off)).output.inputNoise, `seed ${seed}`).toBeUndefined();
    }
  });

  it('is nothing where the model fails with other inputs', async () => {
    const samples = await misread(1);
    const { output } = await fitted(samples, twinWith(), (model) => ({
      ...model,
      run: async (points, of, options) =>
        of.inputs[0]![0] === samples[0]!.inputs[0]
          ? model.run(points, of, options)
          : points.map(() => new Error('fmi2DoStep returned Error.')),
    }));
    expect(output.inputNoise).toBeUndefined();
    expect(output.verdict.grade).not.toBe('good');
  });
});

const PUMP = MACHINES.find((m) => m.name === 'pump')!;
const NOISY = CONDITIONS.find((c) => c.name === 'inputs 1 % noisy')!;

describe.skipIf(!hasCompiler)('noise of an input that a refit found', () => {
  /** The share of a hidden output's truths in their bands, and these bands' mean deviation, after the fits of a record's first part. */
  async function hiddenHeld(
    twin: Twin,
  ): Promise<{ held: number; std: number; inputStd?: Float64Array }> {
    const { samples, hidden } = simulateMachine(PUMP, NOISY, 1, 120);
    const { steps, state } = await calibrateWithRefits(twin, samples);
    const judged = steps.slice(60).map((step, k) => {
      const { lower95, upper95 } = step.virtualSensors.power!;
      const truth = hidden[60 + k]![0]!;
      return Number(lower95 <= truth && truth <= upper95);
    });
    const { inputStd } = state.filter.transient!;
    return {
      held: judged.reduce((sum, v) => sum + v, 0) / judged.length,
      std: steps.slice(60).reduce((sum, s) => sum + s.virtualSensors.power!.std, 0) / judged.length,
      ...(inputStd === undefined ? {} : { inputStd }),
    };
  }

  it('counts in the filter that goes on from it: the bands of hidden outputs hold', async () => {
    const twin = twinOf(PUMP, NOISY, 1, 120);
    const exact = structuredClone(twin);
    exact.definition.inputs[0]!.noiseStd = 0;
    const found = await hiddenHeld(twin);
    const without = await hiddenHeld(exact);
    expect(without.inputStd).toBeUndefined();
    expect(found.inputStd![0]! / 0.011).toBeGreaterThan(0.6);
    expect(found.inputStd![0]! / 0.011).toBeLessThan(1.5);
    expect(found.held).toBeGreaterThanOrEqual(0.93);
    expect(without.held).toBeLessThanOrEqual(found.held);
    // Between refits the noise widens what the input moves at once.
    expect(without.std).toBeLessThan(0.9 * found.std);
  }, 180_000);

  it('gives way to what is stated', () => {
    const { definition } = twinOf(PUMP, NOISY, 1, 120);
    const found = Float64Array.of(0.02);
    expect(withFoundNoise(definition, undefined)).toBe(definition);
    expect(withFoundNoise(definition, Float64Array.of(0))).toBe(definition);
    expect(withFoundNoise(definition, found).inputs[0]!.noiseStd).toBe(0.02);
    definition.inputs[0]!.noiseStd = 0;
    expect(withFoundNoise(definition, found).inputs[0]!.noiseStd).toBe(0);
  });
});

describe('sizes of the components of a covariance', () => {
  /** A lag of white noise. */
  const lagged = (rng: { normal(): number }, rows: number) => {
    let x = 0;
    return Float64Array.from({ length: rows }, () => {
      x = 0.8 * x + rng.normal();
      return x;
    });
  };

  it('are those that two channels were made of, gaps or none', () => {
    const rows = 256;
    const ratios: number[] = [];
    for (let seed = 1; seed <= 12; seed++) {
      const rng = createRng(seed);
      const shared = lagged(rng, rows);
      const residuals = [2, -1].map((by) =>
        shared.map((v) =>
          rng.uniform() < (seed % 2) * 0.3 ? Number.NaN : 0.5 * by * v + rng.normal(),
        ),
      );
      const draws = Array.from({ length: 12 }, () => {
        const one = lagged(rng, rows);
        return Float64Array.from({ length: 2 * rows }, (_, i) => [2, -1][i % 2]! * one[i >> 1]!);
      });
      const frequencies = residualSpectra(
        { residuals, stated: Float64Array.of(1, 1), draws: [draws] },
        0,
        rows,
      );
      const start = new Float64Array(frequencies[0]!.parts.length).fill(0.1);
      const { sizes, logLikelihood } = varianceComponents(frequencies, [0], start);
      ratios.push(Math.sqrt(sizes[0]!) / 0.5);
      const all = varianceComponents(frequencies, [...start.keys()], start);
      expect(all.logLikelihood).toBeGreaterThan(logLikelihood - 0.1);
      expect(all.logLikelihood).toBeLessThan(logLikelihood + 8);
      expect(varianceComponents(frequencies, [], start).logLikelihood).toBeLessThan(
        logLikelihood - 20,
      );
    }
    const mean = ratios.reduce((sum, v) => sum + v, 0) / ratios.length;
    expect(mean).toBeGreaterThan(0.9);
    expect(mean).toBeLessThan(1.1);
    for (const ratio of ratios) expect(Math.abs(ratio - 1)).toBeLessThan(0.4);
  });
});
