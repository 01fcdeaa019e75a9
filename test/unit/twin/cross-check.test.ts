import { describe, expect, it } from 'vitest';
import { createRng } from '../../../shared/core/index.js';
import {
  type CalibrationOutput,
  createCalibrator,
  quantityVerdicts,
  runSamples,
  summarize,
  type TwinModel,
} from '../../../shared/twin/index.js';
import { redundancyShares, wouldShow } from '../../../shared/twin/sensors/redundancy.js';
import { sample, smallTwin } from './fixtures.js';

const NOISE = 0.01;
/** y0 follows p alone, y1 q alone, y2 both: with two sensors nothing is left over. */
const outputs = ([p = 0, q = 0]: ArrayLike<number> & Iterable<number>) =>
  Float64Array.of(p, q, p + q, p - q, 2 * p);

function machine(sensors: number, offsetStd?: number) {
  const twin = smallTwin({
    measured: Array.from({ length: sensors }, (_, i) => ({
      variable: `y${i}`,
      alias: `/s/y${i}`,
      noiseStd: NOISE,
      ...(offsetStd === undefined ? {} : { offsetStd }),
    })),
    virtualSensors: [{ variable: 'hidden', alias: '/s/hidden' }],
    parameters: ['p', 'q'].map((variable) => ({
      variable,
      alias: `/s/${variable}`,
      lower: 0,
      upper: 1,
      prior: { mean: 0.3, std: 0.1 },
      wearHorizonS: 1e6,
    })),
  });
  const model: TwinModel = {
    outputs: [],
    evaluate: async (points) =>
      points.map((p) => Float64Array.of(...outputs(p).slice(0, sensors), outputs(p)[4]!)),
    close: async () => {},
  };
  return { twin, model };
}

async function calibrated(
  sensors: number,
  { offsetStd, bias = 0 }: { offsetStd?: number; bias?: number } = {},
): Promise<CalibrationOutput> {
  const { twin, model } = machine(sensors, offsetStd);
  const rng = createRng(3);
  const samples = Array.from({ length: 80 }, (_, k) => {
    const y = [...outputs([0.35, 0.25]).slice(0, sensors)].map((v) => v + NOISE * rng.normal());
    y[0]! += k < 30 ? 0 : bias * NOISE;
    return { ...sample(k, y), inputs: Float64Array.from(twin.definition.inputs, () => 1) };
  });
  const calibrator = createCalibrator({ twin, model });
  const run = await runSamples(calibrator, calibrator.initialState(), samples);
  return summarize(twin, run.steps, 0, run.slopes, run.state);
}

describe('what nothing cross-checks', () => {
  it('is said where sensors are no more than parameters, with what would cure it', async () => {
    const { summary } = await calibrated(2);
    expect(summary.verdict.grade).toBe('care');
    const [reason = ''] = summary.verdict.reasons;
    expect(reason).toMatch(/nothing cross-checks y0, y1: .*wear of .*measured\[\]\.offsetStd/);
    expect(summary.quantities.p).toEqual({ grade: 'care', reasons: [reason] });
    expect(summary.quantities.hidden!.grade).toBe('care');
  });

  it('is not said where one sensor more than parameters, or two, would show an offset', async () => {
    for (const sensors of [3, 4]) {
      const { summary } = await calibrated(sensors);
      expect(summary.verdict).toEqual({ grade: 'good', reasons: [] });
      expect(Object.values(summary.quantities).every((q) => q.grade === 'good')).toBe(true);
    }
  });

  it('is not said where the sensors are stated to be right, or how far they may be off', async () => {
    for (const offsetStd of [0, 5 * NOISE]) {
      const { summary } = await calibrated(2, { offsetStd });
      expect(summary.verdict.grade).toBe('good');
    }
  });

  it('names a sensor that is biased by what it moves', async () => {
    const silent = await calibrated(2, { bias: 5 });
    expect(silent.summary.quantities.p!.grade).toBe('care');
    const { summary } = await calibrated(4, { bias: 5 });
    expect(summary.alarms.some((a) => a.code === 'sensor-fault' && a.subject === 'y0')).toBe(true);
    expect(summary.quantities.y0!.grade).toBe('care');
    expect(summary.quantities.y3!.grade).toBe('good');
  });

  it('has a share of redundancy per channel, as of the newest samples', async () => {
    const { twin, model } = machine(3);
    const calibrator = createCalibrator({ twin, model });
    const inputs = Float64Array.from(twin.definition.inputs, () => 1);
    const first = await calibrator.step(calibrator.initialState(), {
      ...sample(1, [0.35, 0.25, 0.6]),
      inputs,
    });
    const shares = redundancyShares(first.state, first.slopes!, Float64Array.of(1, 1));
    // One equation among three readings of alike noise: a third of each.
    for (const share of shares) expect(share).toBeCloseTo(1 / 3, 2);
    expect(wouldShow(shares[0]!, 5)).toBe(true);
    expect(wouldShow(0.01, 5)).toBe(false);
  });
});

describe('verdicts by quantity', () => {
  const { twin } = machine(3);

  it('hold what concerns a quantity, what it hangs on, and what concerns all', () => {
    const found = quantityVerdicts(
      twin,
      [
        { grade: 'care', reason: 'of p', about: ['p'] },
        { grade: 'unusable', reason: 'of y1', about: ['y1'] },
        { grade: 'care', reason: 'of the whole', about: [twin.definition.name] },
      ],
      { q: ['y1'], hidden: ['p'] },
    );
    expect(found.p).toEqual({ grade: 'care', reasons: ['of p', 'of the whole'] });
    expect(found.q!.grade).toBe('unusable');
    expect(found.hidden!.reasons).toEqual(['of p', 'of the whole']);
    expect(found.y0!.reasons).toEqual(['of the whole']);
  });
});
