import { describe, expect, it } from 'vitest';
import { createRng } from '../../../shared/core/index.js';
import { createCalibrator, runSamples, type TwinModel } from '../../../shared/twin/index.js';
import { crossCheckOf } from '../../../shared/twin/report/cross-check.js';
import { standingFindings } from '../../../shared/twin/report/standing.js';
import { linearModel, sample, smallTwin } from './fixtures.js';

const channel = (variable: string) => ({ variable, alias: `/s/${variable}`, noiseStd: 0.01 });

/** The small model with the first sensors only. */
function seenBy(sensors: number): TwinModel {
  const model = linearModel();
  return {
    ...model,
    outputs: model.outputs.filter((_, o) => o < sensors || o === 3),
    evaluate: async (points) =>
      (await model.evaluate(points, new Float64Array())).map((y) =>
        (y as Float64Array).filter((_, o) => o < sensors || o === 3),
      ),
  };
}

/** @param silent a sensor that never has a value */
async function calibrated(sensors: number, { silent }: { silent?: number } = {}) {
  const twin = smallTwin({ measured: ['y1', 'y2', 'y3'].slice(0, sensors).map(channel) });
  const model = seenBy(sensors);
  const calibrator = createCalibrator({ twin, model });
  const rng = createRng(1);
  const samples = Array.from({ length: 60 }, (_, k) =>
    sample(
      k,
      [0.12, 0.08, 0.2]
        .slice(0, sensors)
        .map((v, o) => (o === silent ? Number.NaN : v + 0.01 * rng.normal())),
    ),
  );
  const run = await runSamples(calibrator, calibrator.initialState(samples), samples);
  const told = crossCheckOf(twin, { ...run, lastUsed: run.steps.at(-1) }).findings;
  return { twin, model, state: run.state, told };
}

const inputs = Float64Array.of(1);

describe('what speaks against an estimate that others build on', () => {
  it.each([2, 3])('is what the calibration said of it, of %i sensors', async (sensors) => {
    const { twin, model, state, told } = await calibrated(sensors);
    const findings = await standingFindings(twin, model, state, inputs);
    expect(findings.map((f) => f.grade)).toEqual(told.map((f) => f.grade));
    expect(findings.map((f) => f.about)).toEqual(told.map((f) => f.about));
    expect(findings.some((f) => f.reason.startsWith('nothing cross-checks'))).toBe(sensors === 2);
  });

  it('takes no sensor for a cross-check that has not spoken', async () => {
    const { twin, model, state, told } = await calibrated(3, { silent: 2 });
    const findings = await standingFindings(twin, model, state, inputs);
    expect(findings.map((f) => f.reason)).toEqual(told.map((f) => f.reason));
    expect(findings.some((f) => f.reason.startsWith('nothing cross-checks'))).toBe(true);
  });

  it('is the grade of the newest fit where constants are fitted', async () => {
    const { twin, model, state } = await calibrated(3);
    const graded = async (grade: 'good' | 'care' | 'unusable') => {
      const refit = { timeS: 0, samples: 60, fitted: true, grade };
      const filter = { ...state.filter, refit };
      const found = await standingFindings(twin, model, { ...state, filter }, inputs);
      return found.map((f) => f.grade);
    };
    expect(await graded('good')).toEqual([]);
    expect(await graded('care')).toEqual(['care']);
    expect(await graded('unusable')).toEqual(['unusable']);
  });
});
