import { afterAll, describe, expect, it } from 'vitest';
import { twinSchema } from '../../../shared/config/index.js';
import { createRng } from '../../../shared/core/index.js';
import { commission, createFitModel } from '../../../shared/twin/fit/index.js';
import {
  createCalibrator,
  createTwinModel,
  decodeCheckpoint,
  encodeCheckpoint,
  type Sample,
  type Twin,
  type TwinModel,
} from '../../../shared/twin/index.js';
import { buildFmu, hasCompiler } from '../fmi/fixture-fmus.js';

/** True conductance of the box. */
const G = 1.2;

/**
 * The box sampled each half second: exponentials between switches, which come when a bound is reached
 * (model exchange) or at the end of the 10 ms in which it was (co-simulation's inner steps).
 */
function record(count: number, type: 'cs' | 'me', seed = 3): Sample[] {
  const rng = createRng(seed);
  const samples: Sample[] = [];
  let temperature = 15;
  let heats = true;
  for (let k = 0; k < count; k++) {
    samples.push({
      timeS: 0.5 * k,
      inputs: Float64Array.of(0),
      measured: Float64Array.of(temperature + 0.05 * rng.normal()),
    });
    for (let i = 0; i < 50; i++) {
      for (let leftS = 0.01; leftS > 0; ) {
        const rest = heats ? 50 / G : 0;
        const bound = heats ? 22 : 18;
        const untilS = (-10 / G) * Math.log((bound - rest) / (temperature - rest));
        const stepS = type === 'me' && untilS >= 0 ? Math.min(leftS, untilS) : leftS;
        temperature = rest + (temperature - rest) * Math.exp((-G / 10) * stepS);
        if (untilS <= stepS) heats = !heats;
        leftS -= stepS;
      }
    }
  }
  return samples;
}

function thermostat(type: 'cs' | 'me', stateAccess: boolean): Twin {
  const fmuPath = buildFmu('thermostat', 2, (xml) =>
    stateAccess ? xml : xml.replace(/ can(GetAndSet|Serialize)FMUstate="true"/g, ''),
  );
  const definition = twinSchema.parse({
    name: 'thermostat',
    fmu: fmuPath,
    inputs: [{ variable: 'ambient', alias: '/ambient' }],
    measured: [{ variable: 'T', alias: '/T', noiseStd: 0.05 }],
    parameters: [
      { variable: 'G', alias: '/G', lower: 0.2, upper: 3, prior: { mean: 1, std: 0.3 } },
    ],
    simulation: { mode: 'transient', interface: type, stepSizeS: 0.1 },
    transient: { initialState: 'start-values', inputInterpolation: 'hold' },
  });
  return { definition, fmuPath, hash: `thermostat-${stateAccess}` };
}

describe.skipIf(!hasCompiler)('a mode that the continuous states do not tell', () => {
  const models: TwinModel[] = [];
  afterAll(() => Promise.all(models.map((model) => model.close())));
  const begin = async (twin: Twin) => {
    const model = await createTwinModel(twin, { lanes: 1 });
    models.push(model);
    return { model, calibrator: createCalibrator({ twin, model }) };
  };

  it.each(['me', 'cs'] as const)('lives through samples and checkpoints (%s)', async (type) => {
    const twin = thermostat(type, true);
    const samples = record(120, type);
    const first = await begin(twin);
    let state = first.calibrator.initialState();
    for (const sample of samples.slice(0, 60)) {
      ({ state } = await first.calibrator.step(state, sample));
    }
    const second = await begin(twin);
    let again = decodeCheckpoint(encodeCheckpoint(state), twin);
    expect(again.filter.transient?.modelMemory).toEqual(state.filter.transient?.modelMemory);
    let result: Awaited<ReturnType<typeof second.calibrator.step>>['result'] | undefined;
    for (const sample of samples.slice(60)) {
      ({ state: again, result } = await second.calibrator.step(again, sample));
    }
    const { lower95, upper95, std } = result!.parameters.G!;
    expect(lower95).toBeLessThan(G);
    expect(upper95).toBeGreaterThan(G);
    expect(std).toBeLessThan(0.05);
    expect(await second.model.transient!.forgets!(Float64Array.of(G), samples)).toBeUndefined();
  });

  it.each([3, 4])(
    'makes a fit rough, which never ends in a narrow band about a wrong value (seed %i)',
    async (seed) => {
      const twin = thermostat('cs', true);
      const model = await createFitModel(twin, { lanes: 1 });
      try {
        const { output } = await commission(twin, model, record(120, 'cs', seed));
        const { lower95, upper95 } = output.parameters.G!;
        expect(lower95).toBeLessThan(G);
        expect(upper95).toBeGreaterThan(G);
        if (output.verdict.grade === 'unusable') {
          expect(output.verdict.reasons.join()).toContain('not smooth in its parameters');
        }
      } finally {
        await model.close();
      }
    },
  );

  it('never ends in a narrow band where the machine switches later than its model', async () => {
    const twin = thermostat('me', true);
    const model = await createFitModel(twin, { lanes: 1 });
    try {
      const { output } = await commission(twin, model, record(300, 'cs'));
      const { lower95, upper95 } = output.parameters.G!;
      expect(lower95).toBeLessThan(G);
      expect(upper95).toBeGreaterThan(G);
      expect(output.verdict.grade).toBe('unusable');
      expect(output.verdict.reasons[0]).toContain('larger than the stated noise');
    } finally {
      await model.close();
    }
  });

  it('is found lost where the FMU has no state access, with the remedy', async () => {
    const { model } = await begin(thermostat('cs', false));
    const lost = await model.transient!.forgets!(Float64Array.of(G), record(60, 'cs'));
    expect(lost!.share).toBeGreaterThan(0.02);
    expect(lost!.text).toMatch(/offers no state access.*twinloop fit/);
  });
});
