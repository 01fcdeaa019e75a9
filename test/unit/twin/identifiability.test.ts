import { describe, expect, it } from 'vitest';
import { identifiability, type TwinModel } from '../../../shared/twin/index.js';
import { linearModel, smallTwin } from './fixtures.js';

const noisy = (...noiseStd: number[]) =>
  smallTwin({
    measured: ['y1', 'y2', 'y3'].map((variable, i) => ({
      variable,
      alias: `/s/${variable}`,
      noiseStd: noiseStd[i],
    })),
  });

/** Of `linearModel`'s outputs only the first: q is seen by nothing. */
function blindModel(): TwinModel {
  return {
    outputs: ['y1', 'y2', 'y3', 'v'],
    evaluate: async (points) => points.map(([p = 0]) => Float64Array.of(p, p, p, p)),
    close: async () => {},
  };
}

describe('identifiability', () => {
  it('gives the Cramér-Rao bound of a linear model', async () => {
    const report = await identifiability(noisy(0.01, 0.01, 0.01), linearModel());
    // The information is [[2, 1], [1, 2]] / σ², its inverse σ²/3 · [[2, −1], [−1, 2]].
    expect(report.parameters.p!.std).toBeCloseTo(0.01 * Math.sqrt(2 / 3), 10);
    expect(report.parameters.p!.identifiable).toBe(true);
    expect(report.parameters.p!.noiseStdNeeded).toBeUndefined();
    expect(report.condition).toBeCloseTo(3, 8);
    expect(report.worn.map((w) => [w.parameter, w.value])).toEqual([
      ['p', 0.1 + 0.4 * 0.9],
      ['q', 0.1 + 0.4 * 0.9],
    ]);
  });

  it('names a noise with which the parameter is told exactly as well as wanted', async () => {
    const { parameters } = await identifiability(noisy(0.1, 0.2, 0.3), linearModel());
    const needed = parameters.p!.noiseStdNeeded!;
    expect(parameters.p!.identifiable).toBe(false);
    const all = await identifiability(noisy(needed.y1!, needed.y2!, needed.y3!), linearModel());
    expect(all.parameters.p!.std).toBeCloseTo(0.05, 10);
    const { variable, noiseStd } = parameters.p!.singleSensor!;
    expect(variable).toBe('y1');
    const one = await identifiability(noisy(noiseStd, 0.2, 0.3), linearModel());
    expect(one.parameters.p!.std).toBeCloseTo(0.05, 10);
  });

  it('says of a parameter that no sensor sees that no noise would do', async () => {
    const report = await identifiability(noisy(0.01, 0.01, 0.01), blindModel());
    expect(report.parameters.q).toEqual({ std: null, identifiable: false, noiseFactor: 0 });
    expect(report.parameters.p!.identifiable).toBe(true);
    expect(report.condition).toBeNull();
    expect(report.weakDirections).toEqual([
      { std: null, combination: [{ parameter: 'q', weight: expect.closeTo(1) }] },
    ]);
  });

  it('takes the flatter side at a kink, and reports where the model does not run', async () => {
    const model: TwinModel = {
      ...linearModel(),
      evaluate: async (points) =>
        points.map(([p = 0, q = 0]) => {
          if (q > 0.4) return new Error('it jams');
          const bent = p + 1000 * Math.max(0, p - 0.1);
          return Float64Array.of(bent, q, bent + q, 0);
        }),
    };
    const report = await identifiability(noisy(0.01, 0.01, 0.01), model);
    expect(report.parameters.p!.std).toBeCloseTo(0.01 * Math.sqrt(2 / 3), 8);
    expect(report.worn[1]).toMatchObject({ parameter: 'q', error: expect.stringMatching(/jams/) });
  });

  it('wants a value for every input', async () => {
    const twin = smallTwin({ inputs: [{ variable: 'u', alias: '/s/u' }] });
    await expect(identifiability(twin, linearModel())).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
    });
    const report = await identifiability(twin, linearModel(), { inputs: { u: 2 } });
    expect(report.parameters.p!.identifiable).toBe(true);
    await expect(identifiability(twin, linearModel(), { inputs: { w: 2 } })).rejects.toMatchObject({
      code: 'VARIABLE_UNKNOWN',
    });
  });
});
