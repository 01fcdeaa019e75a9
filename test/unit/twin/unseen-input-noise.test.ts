import { describe, expect, it } from 'vitest';
import { createRng } from '../../../shared/core/index.js';
import { commission, type FitModel } from '../../../shared/twin/fit/index.js';
import type { Sample, Twin } from '../../../shared/twin/index.js';
import { lagModel, lagSamples, lagTwin } from './fit-fixtures.js';

const NOISE = 0.05;
const twinWith = (more: Record<string, unknown> = {}) =>
  lagTwin(['gain', 'tau'], {
    inputs: [{ variable: 'u', unit: 'A', ...more }],
    measured: [{ variable: 'y', alias: '/l/y', noiseStd: NOISE }],
    virtualSensors: [{ variable: 'loss', alias: '/l/loss' }],
  });

/** The lag, whose loss goes with a high power of its input at once: no sensor shows how the input jitters. */
function lossModel(twin: Twin): FitModel & { runs: number } {
  const lag = lagModel(twin);
  const { run } = lag;
  lag.run = async (points, record, options) =>
    (await run(points, record, options)).map((free, k) =>
      free instanceof Error
        ? free
        : {
            ...free,
            sensors: record.inputs[0]!.map((u) => points[k]!.parameters[0]! * (u + 1) ** 8),
          },
    );
  return lag;
}

const jittering = async (std: number): Promise<Sample[]> => {
  const rng = createRng(77);
  const samples = await lagSamples({ n: 300, noise: NOISE, seed: 3 });
  return samples.map((s) => ({ ...s, inputs: s.inputs.map((u) => u + std * rng.normal()) }));
};

const verdictOf = async (twin: Twin, samples: Sample[], hidden = true) => {
  const model = lossModel(twin);
  const { output } = await commission(twin, model, samples, { hidden });
  return { ...output.verdict, quantities: output.quantities, runs: model.runs };
};

describe('noise of an input that no residual shows', () => {
  it('is named with the hidden output that it would move, in fits and in refits', async () => {
    const samples = await jittering(0.01);
    for (const hidden of [true, false]) {
      const { grade, reasons, quantities } = await verdictOf(twinWith(), samples, hidden);
      expect(grade).toBe('care');
      expect(reasons).toEqual([
        expect.stringMatching(
          /^noise of u would pass unseen: one of 0\.0\d+ A \(.* of its range\) moves loss by .* deviations.*inputs\[\]\.noiseStd/,
        ),
      ]);
      expect(quantities.loss!.grade).toBe('care');
      expect(quantities.gain!.grade).toBe('good');
    }
  });

  it('is not looked for where the input stands still between its steps, or is said to be exact', async () => {
    const still = await verdictOf(twinWith(), await jittering(0));
    expect(still.grade).toBe('good');
    const stated = await verdictOf(twinWith({ noiseStd: 0 }), await jittering(0.01));
    expect(stated.grade).toBe('good');
    const doubted = await verdictOf(twinWith(), await jittering(0.01));
    expect(doubted.runs).toBe(stated.runs + 4);
  });

  it('is no larger than what the readings bend from row to row', async () => {
    const { grade } = await verdictOf(twinWith(), await jittering(1e-5));
    expect(grade).toBe('good');
  });
});
