import { beforeAll, describe, expect, it } from 'vitest';
import {
  disturbanceName,
  modelSensors,
  parseConfig,
  twinSchema,
  twinStreams,
} from '../../../shared/config/index.js';
import { createRng, silentLogger } from '../../../shared/core/index.js';
import {
  type Force,
  forceBasis,
  keptAfter,
  noiseBefore,
} from '../../../shared/twin/disturbances/index.js';
import { commission, createFitModel, stateAfterFit } from '../../../shared/twin/fit/index.js';
import {
  createCalibrator,
  createTwinModel,
  definitionProblems,
  type Sample,
} from '../../../shared/twin/index.js';
import { boxTwin } from '../../support/real-machines.js';
import { hasCompiler } from '../fmi/fixture-fmus.js';

const force: Force = { name: 'f', on: 'Q', std: 2, timeConstantS: 50 };

describe('a disturbance as a process', () => {
  it('keeps its variance from step to step, whatever their length', () => {
    for (const dtS of [0.1, 10, 200]) {
      const kept = keptAfter(force, dtS);
      expect(kept * Math.hypot(force.std, noiseBefore(force, dtS))).toBeCloseTo(force.std, 9);
    }
  });

  it('has along a record the covariance of its process, but for a share that is told', () => {
    const { terms, leftOut } = forceBasis(force, 100, 400);
    expect(leftOut).toBeLessThan(0.05);
    const covariance = (a: number, b: number) => terms.reduce((sum, at) => sum + at(a) * at(b), 0);
    let missing = 0;
    for (let t = 100.5; t < 400; t++) missing += (1 - covariance(t, t) / 4) / 300;
    expect(missing).toBeCloseTo(leftOut, 3);
    // Of two times far enough apart nothing is left out.
    expect(covariance(200, 260)).toBeCloseTo(4 * Math.exp(-60 / 50), 1);
  });

  it('never takes more unknowns than a fit can carry, and says what it leaves out', () => {
    const { terms, leftOut } = forceBasis({ ...force, timeConstantS: 1 }, 0, 1000);
    expect(terms.length).toBe(40);
    expect(leftOut).toBeGreaterThan(0.5);
  });
});

const base = {
  name: 'm',
  fmu: './m.fmu',
  inputs: [{ variable: 'u', alias: '/m/u', unit: 'W', label: 'Heater' }],
  measured: [{ variable: 'y', alias: '/m/y' }],
  parameters: [{ variable: 'p', alias: '/m/p', prior: { mean: 1, std: 1 } }],
  simulation: { mode: 'transient' },
};

describe('a definition with disturbances', () => {
  it('publishes each as a virtual sensor in the unit of what it adds to', () => {
    const twin = twinSchema.parse({
      ...base,
      disturbances: [{ on: 'u', std: 1, timeConstantS: 10 }],
    });
    expect(twin.virtualSensors).toEqual([
      {
        variable: disturbanceName('u'),
        label: 'Unknown part of Heater',
        alias: '/m/disturbance/u',
        unit: 'W',
      },
    ]);
    expect(modelSensors(twin)).toEqual([]);
    expect(twinStreams(twin).map((s) => s.alias)).toContain('/m/disturbance/u_lower');
    // What is stored is read back as it was.
    expect(twinSchema.parse(JSON.parse(JSON.stringify(twin)))).toEqual(twin);
  });

  it.each([
    [{ std: 0 }, /disturbances\[0\]\.std: found 0: expected >0/],
    [{ timeConstantS: -1 }, /timeConstantS/],
  ])('refuses %j', (wrong, message) => {
    const disturbances = [{ on: 'u', std: 1, timeConstantS: 10, ...wrong }];
    expect(() => parseConfig(twinSchema, { ...base, disturbances }, 'twin.json')).toThrow(message);
  });

  it('says what a disturbance cannot act on, and in which mode it can be told', () => {
    const of = (more: object) =>
      definitionProblems(twinSchema.parse({ ...base, ...more })).map((p) => p.message);
    const one = { std: 1, timeConstantS: 10 };
    expect(of({ disturbances: [{ on: 'y', ...one }] })[0]).toMatch(/which the model computes/);
    expect(
      of({
        disturbances: [
          { on: 'u', ...one },
          { on: 'u', ...one },
        ],
      }).join(),
    ).toMatch(/twice/);
    const rest = { simulation: { mode: 'steady-state' }, disturbances: [{ on: 'u', ...one }] };
    expect(of(rest)[0]).toMatch(/expected simulation.mode "transient"/);
    expect(of({ disturbances: [{ on: 'u', ...one }] })).toEqual([]);
  });
});

/** The box as its model has it, heated from outside by a known amount from the middle on. */
function heatedFrom(rows: number, heatAt: (row: number) => number): Sample[] {
  const rng = createRng(4);
  let [heater, air] = [24, 23];
  return Array.from({ length: rows }, (_, row) => {
    const on = row % 20 < 8 ? 1 : 0;
    const sample = {
      timeS: 12 * row,
      row,
      inputs: Float64Array.of(on, 22),
      measured: Float64Array.of(air + 0.02 * rng.normal()),
    };
    for (let k = 0; k < 12; k++) {
      const given = 1.67 * (heater - air);
      heater += (18.6655 * on - given) / 329;
      air += (given - 0.576 * (air - 22) + heatAt(row)) / 267.6;
    }
    return sample;
  });
}

describe.skipIf(!hasCompiler)('an unknown heat in the box (needs a C compiler)', () => {
  const ROWS = 240;
  const heat = (row: number) => (row < 120 ? 0 : 16);
  const samples = heatedFrom(ROWS + 120, heat);
  const known = (mean: number) => ({ lower: 0, prior: { mean, std: 0.1 * mean } });
  const twin = boxTwin({
    parameters: [
      { variable: 'G_box', alias: '/m/G_box', ...known(0.6) },
      { variable: 'C_air', alias: '/m/C_air', ...known(260) },
    ],
    inputs: [
      { variable: 'heaterOn', column: 'heater_on' },
      { variable: 'T_room', column: 't3' },
      { variable: 'C_heater', value: 329 },
      { variable: 'G_heater', value: 1.67 },
    ],
    measured: [{ variable: 'T', alias: '/m/T', noiseStd: 0.02, offsetStd: 0 }],
    simulation: { mode: 'transient', interface: 'cs', stepSizeS: 12 },
    disturbances: [{ on: 'Q_other', std: 8, timeConstantS: 1200 }],
  });
  const given = samples.map((s) => ({ ...s, inputs: Float64Array.of(...s.inputs, 329, 1.67) }));
  const record = given.slice(0, ROWS);
  let fitted: Awaited<ReturnType<typeof commission>>;
  let after: Awaited<ReturnType<typeof stateAfterFit>>;
  const options = { lanes: 1, logger: silentLogger };

  beforeAll(async () => {
    const fitModel = await createFitModel(twin, options);
    const model = await createTwinModel(twin, options);
    try {
      fitted = await commission(twin, fitModel, record, { starts: 1, holdOut: 0 });
      const initial = createCalibrator({ twin, model }).initialState(record);
      after = await stateAfterFit(twin, fitModel, fitted.fit!, record, initial, model);
    } finally {
      await fitModel.close();
      await model.close();
    }
  }, 60_000);

  it('is found by a fit, with its course, an alarm, and constants that hold', () => {
    const { output } = fitted;
    const course = output.disturbances['disturbance(Q_other)']!;
    const calm = course.course.filter(({ timeS }) => timeS < 12 * 100);
    const heated = course.course.filter(({ timeS }) => timeS > 12 * 140 && timeS < 12 * 220);
    for (const { mean, std } of calm) expect(Math.abs(mean) / std).toBeLessThan(3);
    for (const { mean, std } of heated) {
      expect(Math.abs(mean - 16) / std).toBeLessThan(3);
      expect(mean / std).toBeGreaterThan(2);
    }
    expect(output.summary.alarms).toEqual([
      expect.objectContaining({ code: 'disturbance', subject: 'disturbance(Q_other)' }),
    ]);
    const { lower95, upper95 } = output.parameters.G_box!;
    expect(lower95).toBeLessThan(0.576);
    expect(upper95).toBeGreaterThan(0.576);
  });

  it('goes on in the filter from where the fit left it, published with its band', async () => {
    const model = await createTwinModel(twin, options);
    try {
      const calibrator = createCalibrator({ twin, model });
      let state = after;
      let told = 0;
      for (const sample of given.slice(ROWS, ROWS + 60)) {
        const step = await calibrator.step(state, sample);
        ({ state } = step);
        const { mean, std } = step.result.virtualSensors['disturbance(Q_other)']!;
        expect(Math.abs(mean - 16)).toBeLessThan(3 * std);
        if (step.result.alarms.some((a) => a.code === 'disturbance')) told++;
      }
      expect(told).toBeGreaterThan(5);
    } finally {
      await model.close();
    }
  });

  it('is offered where the definition has none', async () => {
    const { disturbances, ...without } = twin.definition;
    const plain = {
      ...twin,
      definition: { ...without, disturbances: [], virtualSensors: [] },
    };
    const fitModel = await createFitModel(plain, options);
    try {
      const { output } = await commission(plain, fitModel, record, {
        starts: 1,
        holdOut: 0,
        offer: true,
      });
      expect(output.offered?.map((o) => o.on)).toContain('Q_other');
      expect(output.notes.join()).toMatch(/Something unknown that acts on .*Q_other/);
    } finally {
      await fitModel.close();
    }
  });

  it('refuses what cannot change while the model runs', async () => {
    const wrong = boxTwin({ disturbances: [{ on: 'T_air', std: 1, timeConstantS: 10 }] });
    await expect(createFitModel(wrong, options)).rejects.toThrow(/nothing can be added to/);
    const missing = boxTwin({ disturbances: [{ on: 'Q_othr', std: 1, timeConstantS: 10 }] });
    await expect(createFitModel(missing, options)).rejects.toThrow(/"Q_othr".*Q_other/s);
  });
});
