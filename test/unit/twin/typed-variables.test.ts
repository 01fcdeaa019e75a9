import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { twinSchema } from '../../../shared/config/index.js';
import { openFmu } from '../../../shared/fmi/index.js';
import { createFitModel } from '../../../shared/twin/fit/model/create-fit-model.js';
import type { FitRecord } from '../../../shared/twin/fit/record/record.js';
import { startValuesOf } from '../../../shared/twin/index.js';
import { checkedUnits } from '../../../shared/twin/model/twin-fmu.js';
import { createTwinModel } from '../../../shared/twin/model/twin-model.js';
import type { Twin, TwinModel } from '../../../shared/twin/types.js';
import { buildFmu, hasCompiler } from '../fmi/fixture-fmus.js';

/** Two rooms: a switch, a stage, a program, and arrays; in other units than the FMU's. */
function rooms(mode: 'steady-state' | 'transient', type: 'cs' | 'me', changes = {}): Twin {
  const fmuPath = buildFmu('rooms', 3);
  const definition = twinSchema.parse({
    name: 'rooms',
    fmu: fmuPath,
    inputs: [
      { variable: 'on', alias: '/on' },
      { variable: 'stage', alias: '/stage' },
      { variable: 'program', value: 2 },
      { variable: 'heat[2]', alias: '/heat2', unit: 'kW' },
      { variable: 'ambient', alias: '/ambient', unit: 'degC' },
    ],
    measured: [
      { variable: 'y[1]', alias: '/y1', unit: '°C', noiseStd: 0.1 },
      { variable: 'y[2]', alias: '/y2', unit: 'K', noiseStd: 0.1 },
    ],
    parameters: [
      { variable: 'k[2]', alias: '/k2', unit: 'W/K', prior: { mean: 4, std: 1 } },
      { variable: 'P', alias: '/P', unit: 'kW', prior: { mean: 0.01, std: 0.001 } },
    ],
    virtualSensors: [{ variable: 'running', alias: '/running' }],
    simulation: { mode, interface: type, stepSizeS: 0.5, relativeTolerance: 1e-7 },
    transient: { initialState: 'start-values' },
    ...changes,
  });
  return { definition, fmuPath, hash: 'rooms' };
}

/** on, stage, program, heat[2] in kW, ambient in °C */
const AT = Float64Array.of(1, 3, 2, 0.02, 10);
const POINT = Float64Array.of(5, 0.02);
/** Kelvin above ambient at rest, for k = 2, 5 and 20 W · 3 · 2. */
const ABOVE = [120 / 2, 140 / 5] as const;

describe.skipIf(!hasCompiler).each(['cs', 'me'] as const)('a twin by %s', (type) => {
  let model: TwinModel;
  beforeAll(async () => {
    model = await createTwinModel(rooms('transient', type), { lanes: 1 });
  });
  afterAll(() => model.close());

  it('takes truth values, whole numbers, enumerations and elements, and converts units', async () => {
    const off = Float64Array.of(0, 3, 2, 0, 20);
    const [first, second] = [
      await model.evaluate([POINT, Float64Array.of(4, 0.01)], AT),
      await model.evaluate([POINT], off),
    ];
    const [a, b] = first as Float64Array[];
    expect(a?.[0]).toBeCloseTo(10 + ABOVE[0], 3);
    expect(a?.[1]).toBeCloseTo(283.15 + ABOVE[1], 3);
    expect(a?.[2]).toBe(1);
    // The other room's k stays what the FMU starts with.
    expect(b?.[0]).toBeCloseTo(10 + 60 / 2, 3);
    expect(b?.[1]).toBeCloseTo(283.15 + 80 / 4, 3);
    const [c] = second as Float64Array[];
    expect([...(c as Float64Array)].map((v) => Number(v.toFixed(4)))).toEqual([20, 293.15, 0]);
  });

  it('goes on from array states, a switch kept until the next sample', async () => {
    const { transient } = model;
    expect(transient?.states).toEqual(['T[1]', 'T[2]']);
    expect(transient?.nominal).toEqual(Float64Array.of(300, 300));
    const off = Float64Array.of(0, 3, 2, 0, 10);
    const [end] = (await transient!.propagate(
      [{ parameters: POINT, states: Float64Array.of(300, 310) }],
      { fromS: 0, toS: 4, inputs: off, inputsTo: Float64Array.of(1, 3, 2, 0, 10) },
    )) as { outputs: Float64Array; states: Float64Array }[];
    const decayed = (from: number, k: number) => 283.15 + (from - 283.15) * Math.exp((-k * 4) / 20);
    expect(end?.states[0]).toBeCloseTo(decayed(300, 2), 3);
    expect(end?.states[1]).toBeCloseTo(decayed(310, 5), 3);
    expect(end?.outputs[0]).toBeCloseTo(decayed(300, 2) - 273.15, 3);
    expect(end?.outputs[2]).toBe(1);
  });

  it('says what a value that is no truth value is', async () => {
    const [failed] = await model.evaluate([POINT], Float64Array.of(0.5, 1, 1, 0, 10));
    expect(String(failed)).toMatch(/on: found 0.5, expected true or false/);
  });

  it('runs along a record with inputs that jump and others that run', async () => {
    const fit = await createFitModel(rooms('transient', type), { lanes: 1 });
    try {
      const n = 41;
      const timesS = Float64Array.from({ length: n }, (_, i) => i);
      const column = (of: (t: number) => number) => timesS.map(of);
      const record = {
        timesS,
        inputs: [
          column((t) => (t >= 20 ? 1 : 0)),
          column(() => 1),
          column(() => 1),
          column((t) => 0.001 * t),
          column(() => 16.85),
        ],
        beginnings: [0],
        between: [],
      } as unknown as FitRecord;
      const [run] = await fit.run([{ parameters: Float64Array.of(4, 0.01) }], record);
      if (run === undefined || run instanceof Error) throw run;
      // Room 2: 20 T' = t + 10 (t ≥ 20) − 4 (T − 290), from 290 K.
      const exact = (t: number) => {
        const ramp = (t - 5 * (1 - Math.exp(-t / 5))) / 4;
        return 290 + ramp + (t > 20 ? 2.5 * (1 - Math.exp(-(t - 20) / 5)) : 0);
      };
      for (const t of [1, 10, 20, 21, 30, 40]) {
        expect(Math.abs(run.outputs[2 * t + 1]! - exact(t)), `at ${t} s`).toBeLessThan(0.02);
      }
    } finally {
      await fit.close();
    }
  });
});

describe.skipIf(!hasCompiler)('a definition with variables that do not fit', () => {
  const problemsOf = async (changes: object): Promise<string> => {
    const twin = rooms('steady-state', 'cs', changes);
    const { modelDescription } = await openFmu(twin.fmuPath);
    try {
      checkedUnits(twin, modelDescription);
    } catch (error) {
      return String(error);
    }
    return 'none';
  };
  const measured = (variable: string, unit = '') => ({
    measured: [{ variable, unit, alias: '/m' }],
  });

  it.each([
    ['y', 'y is an array of 2 elements: name one of y[1] to y[2]'],
    ['y[3]', 'y[3] is no element of y, which has y[1] to y[2]'],
    ['P[1]', 'P is no array'],
  ])('names the index that %s needs', async (variable, text) => {
    expect(await problemsOf(measured(variable))).toContain(text);
  });
  it('names what is near an unknown name', async () => {
    expect(await problemsOf(measured('Y[1]'))).toMatch(/no variable "Y\[1\]".*y\[1\]/);
  });
  it('refuses to estimate a switch, with what to do', async () => {
    const text = await problemsOf({
      parameters: [{ variable: 'on', alias: '/p', prior: { mean: 0, std: 1 } }],
    });
    expect(text).toMatch(/on is of type Boolean.*make it an item of `inputs`/);
  });
  it('names every unit that contradicts or is unknown', async () => {
    const text = await problemsOf({
      measured: [
        { variable: 'y[1]', unit: 'W', alias: '/a' },
        { variable: 'y[2]', unit: 'warm', alias: '/b' },
      ],
    });
    expect(text).toMatch(/measured\[0\]\.unit: .*different things/);
    expect(text).toMatch(/measured\[1\]\.unit: .*"warm" is no unit known here/);
  });
  it("gives the FMU's start values in the definition's units", async () => {
    const starts = await startValuesOf(rooms('steady-state', 'cs'), ['on', 'heat[2]', 'ambient']);
    expect(starts).toEqual({ on: 0, 'heat[2]': 0, ambient: 290 - 273.15 });
  });
});
