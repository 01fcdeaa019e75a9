import { describe, expect, it } from 'vitest';
import { twinSchema } from '../../../shared/config/index.js';
import { createRng } from '../../../shared/core/index.js';
import {
  createCalibrator,
  runSamples,
  type Sample,
  type Twin,
  type TwinModel,
} from '../../../shared/twin/index.js';

/** Heat capacity rates are flow × this, W/K per kg/s of water. */
const CP = 4180;
const HOT_IN = 90;
const COLD_IN = 20;

/** A counterflow heat exchanger by effectiveness and NTU: both outlet temperatures, °C, and heat, W. */
function heatExchanger(ua: number, hotFlow: number, coldFlow: number): Float64Array {
  const hot = CP * hotFlow;
  const cold = CP * coldFlow;
  const least = Math.min(hot, cold);
  const ratio = least / Math.max(hot, cold);
  const ntu = ua / least;
  const decay = Math.exp(-ntu * (1 - ratio));
  const effectiveness = ratio === 1 ? ntu / (1 + ntu) : (1 - decay) / (1 - ratio * decay);
  const heat = effectiveness * least * (HOT_IN - COLD_IN);
  return Float64Array.of(HOT_IN - heat / hot, COLD_IN + heat / cold, heat);
}

const model: TwinModel = {
  outputs: ['hotOut', 'coldOut', 'heat'],
  evaluate: async (points, [hotFlow = 0, coldFlow = 0]) =>
    points.map(([ua = 0]) => heatExchanger(ua, hotFlow, coldFlow)),
  close: async () => {},
};

/** Only what has to be there: no noise, no bounds, no horizon, no options. */
const twin: Twin = {
  definition: twinSchema.parse({
    name: 'exchanger',
    fmu: './none.fmu',
    inputs: [
      { variable: 'hotFlow', alias: '/hotFlow' },
      { variable: 'coldFlow', alias: '/coldFlow' },
    ],
    measured: ['hotOut', 'coldOut'].map((variable) => ({ variable, alias: `/${variable}` })),
    parameters: [{ variable: 'ua', alias: '/ua', prior: { mean: 5000, std: 500 } }],
    virtualSensors: [{ variable: 'heat', alias: '/heat' }],
  }),
  fmuPath: '/none.fmu',
  hash: 'exchanger',
};

const NOISE = [0.15, 0.4];
const COUNT = 500;

/** A month of fouling, every 1.5 hours, flows that swing over the day. */
function recording(seed: number): { samples: Sample[]; ua: number[]; heat: number[] } {
  const rng = createRng(seed);
  const ua: number[] = [];
  const heat: number[] = [];
  const samples = Array.from({ length: COUNT }, (_, k): Sample => {
    const here = 5000 - 1500 * (k / COUNT) ** 2;
    const hotFlow = 1 + 0.2 * Math.sin((2 * Math.PI * k) / 16);
    const coldFlow = 1.3 + 0.2 * Math.cos((2 * Math.PI * k) / 16);
    const [hotOut, coldOut, watts] = heatExchanger(here, hotFlow, coldFlow);
    ua.push(here);
    heat.push(watts!);
    return {
      timeS: 5400 * k,
      inputs: Float64Array.of(hotFlow, coldFlow),
      measured: Float64Array.of(
        hotOut! + NOISE[0]! * rng.normal(),
        coldOut! + NOISE[1]! * rng.normal(),
      ),
    };
  });
  return { samples, ua, heat };
}

describe('a minimal definition of a model never seen before', () => {
  it('finds the sensors’ noise, follows fouling and means its intervals', async () => {
    const calibrator = createCalibrator({ twin, model });
    const covered = { ua: 0, heat: 0 };
    let nis = 0;
    let steps = 0;
    const noise = [0, 0];
    const seeds = [1, 2, 3, 4];
    let changes = 0;
    for (const seed of seeds) {
      const { samples, ua, heat } = recording(seed);
      const start = calibrator.initialState(samples.slice(0, 100));
      const run = await runSamples(calibrator, start, samples);
      run.steps.forEach((step, k) => {
        if (step.diagnostics.regimeChange) changes++;
        if (k < 50) return;
        const within = (e: { lower95: number; upper95: number }, v: number) =>
          e.lower95 <= v && v <= e.upper95;
        if (within(step.parameters.ua!, ua[k]!)) covered.ua++;
        if (within(step.virtualSensors.heat!, heat[k]!)) covered.heat++;
        nis += step.nis / step.channels;
        steps++;
      });
      const last = run.steps.at(-1)!.diagnostics.noiseStd;
      noise[0]! += last.hotOut! / seeds.length;
      noise[1]! += last.coldOut! / seeds.length;
    }
    // Errors follow each other over some twenty samples: about 90 independent ones, 95 ± 2.3 %.
    expect(covered.ua / steps).toBeGreaterThan(0.88);
    expect(covered.heat / steps).toBeGreaterThan(0.88);
    // 1800 samples of two channels: 1 ± 0.024 for known noise.
    expect(Math.abs(nis / steps - 1)).toBeLessThan(0.1);
    expect(noise[0]! / NOISE[0]!).toBeCloseTo(1, 1);
    expect(noise[1]! / NOISE[1]!).toBeCloseTo(1, 1);
    expect(changes).toBeLessThanOrEqual(1);
  });
});
