import { describe, expect, it } from 'vitest';
import { createRng, type Rng } from '../../../shared/core/index.js';
import {
  ALARM_CODES,
  ALARM_MEANINGS,
  type AlarmCode,
  createCalibrator,
  type TwinModel,
} from '../../../shared/twin/index.js';
import { SIX_SENSORS, sample, smallTwin, wearingParameters } from './fixtures.js';

const M = 6;
const twin = smallTwin({
  measured: SIX_SENSORS.map((_, i) => ({ variable: `y${i}`, alias: `/s/y${i}`, noiseStd: 0.01 })),
  virtualSensors: [],
  parameters: wearingParameters(1e5),
});
const model: TwinModel = {
  outputs: SIX_SENSORS.map((_, i) => `y${i}`),
  evaluate: async (points) =>
    points.map(([p = 0, q = 0]) => Float64Array.from(SIX_SENSORS, ([a, b]) => a * p + b * q)),
  close: async () => {},
};

/** The codes heard before and after sample 200, with the sample at which each came first. */
async function listen(
  seed: number,
  spoil: (y: Float64Array, since: number, rng: Rng) => void,
  steps = 400,
) {
  const rng = createRng(seed);
  const calibrator = createCalibrator({ twin, model });
  let state = calibrator.initialState();
  const before = new Set<AlarmCode>();
  const after = new Map<string, number>();
  for (let k = 0; k < steps; k++) {
    const y = Float64Array.from(SIX_SENSORS, ([a, b]) => 0.3 * (a + b) + 0.01 * rng.normal());
    if (k >= 200) spoil(y, k - 200, rng);
    const step = await calibrator.step(state, sample(k, [...y]));
    state = step.state;
    for (const { code, subject } of step.result.alarms) {
      if (k < 200) before.add(code);
      else if (!after.has(`${code} ${subject}`)) after.set(`${code} ${subject}`, k - 200);
    }
  }
  return { before, after };
}

describe('health', () => {
  it('says nothing while all is well', async () => {
    for (let seed = 1; seed <= 5; seed++) {
      const { before, after } = await listen(seed, () => {}, 1000);
      expect([...before, ...after.keys()]).toEqual([]);
    }
  });

  it('names a sensor that drifts or is biased by less than the gate sees', async () => {
    const drifting = await listen(11, (y, since) => {
      y[3]! += 0.0005 * since;
    });
    expect(drifting.after.get('sensor-fault y3')).toBeLessThan(100);
    const biased = await listen(12, (y) => {
      y[3]! += 0.02;
    });
    expect(biased.after.get('sensor-fault y3')).toBeLessThan(60);
    expect([...biased.after.keys()]).not.toContain('model-mismatch small');
  });

  it('tells one noisy sensor from noise everywhere', async () => {
    const one = await listen(13, (y, _since, rng) => {
      y[2]! += 0.02 * rng.normal();
    });
    expect(one.after.get('noise-mismatch y2')).toBeLessThan(60);
    const all = await listen(14, (y, _since, rng) => {
      for (let i = 0; i < M; i++) y[i]! += 0.02 * rng.normal();
    });
    expect(all.after.get('noise-mismatch small')).toBeLessThan(60);
  });

  it('blames the model when many sensors disagree with it', async () => {
    const { after } = await listen(15, (y) => {
      y[0]! += 0.02;
      y[1]! -= 0.02;
      y[3]! -= 0.02;
    });
    expect(after.get('model-mismatch small')).toBeLessThan(60);
  });

  it('hears a slow swing that the model lacks', async () => {
    const { after } = await listen(16, (y, since) => {
      y[4]! += 0.02 * Math.sin(since / 4);
    });
    expect(after.get('correlated-innovations y4')).toBeLessThan(100);
  });

  it('takes no offence at one wild value', async () => {
    const { after } = await listen(17, (y, since) => {
      if (since === 50) y[1]! += 1;
    });
    expect([...after.keys()]).toEqual([]);
  });

  it('has a meaning for every code', () => {
    expect(Object.keys(ALARM_MEANINGS).sort()).toEqual([...ALARM_CODES].sort());
  });
});
