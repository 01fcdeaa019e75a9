import { describe, expect, it } from 'vitest';
import { twinSchema } from '../../../shared/config/index.js';
import { createRng } from '../../../shared/core/index.js';
import { initialCalibratorState } from '../../../shared/twin/calibrator/initial-state.js';
import { stateAfterFit } from '../../../shared/twin/fit/handover/state.js';
import { commission, type FitModel } from '../../../shared/twin/fit/index.js';
import { statedStdOfHidden } from '../../../shared/twin/fit/outputs/stated-outputs.js';
import { valueAt } from '../../../shared/twin/fit/unknowns/coordinates.js';
import type { Estimate, Sample, Twin, TwinModel } from '../../../shared/twin/index.js';
import { alike, lagModel, lagSamples, lagTwin } from './fit-fixtures.js';

const NOISE = 0.05;
const SCALE = 0.02;
const [GAIN, TAU] = [3, 8];
const SEEDS = Array.from({ length: 30 }, (_, k) => 700 + k);
const holds = ({ lower95, upper95 }: Estimate, truth: number) =>
  lower95 <= truth && truth <= upper95;

/** The lag under an input of many levels about one, as `channels` sensors and the input's own read it. */
function lagRecord(
  seed: number,
  {
    input = (u: number) => u,
    sensors = [(y: number) => y],
    ambient = 1,
  }: {
    input?: (u: number) => number;
    sensors?: readonly ((y: number) => number)[];
    ambient?: number;
  } = {},
): Sample[] {
  const rng = createRng(seed);
  let u = 1;
  let x = 0.5;
  return Array.from({ length: 240 }, (_, k) => {
    if (rng.uniform() < 0.1) u = 0.5 + rng.uniform();
    const sample = {
      timeS: k,
      row: k,
      inputs: Float64Array.of(input(u), 1),
      measured: Float64Array.from(sensors, (reads) => reads(x) + NOISE * rng.normal()),
    };
    const to = GAIN * u * ambient;
    x = to + (x - to) * Math.exp(-1 / TAU);
    return sample;
  });
}

interface Stated {
  input?: Record<string, number>;
  ambient?: Record<string, number>;
  sensor?: Record<string, number>;
  channels?: number;
}

/** The lag of u times a fixed second input, which sensors show as they are told to. */
function lagOf({ input = {}, ambient = {}, sensor = {}, channels = 1 }: Stated): {
  twin: Twin;
  model: FitModel;
} {
  const twin = lagTwin(['gain', 'tau'], {
    inputs: [
      { variable: 'u', ...input },
      { variable: 'ambient', value: 1, ...ambient },
    ],
    measured: Array.from({ length: channels }, (_, c) => ({
      variable: `y${c}`,
      alias: `/l/y${c}`,
      noiseStd: NOISE,
      offsetStd: 0,
      ...sensor,
    })),
    virtualSensors: ['twice', 'supply'].map((variable) => ({ variable, alias: `/l/${variable}` })),
  });
  const lag = lagModel(twin);
  const run: FitModel['run'] = async (points, record, options) => {
    const [u, by] = record.inputs;
    const driven = { ...record, inputs: [u!.map((v, k) => v * by![k]!)] };
    const runs = await lag.run(points, driven, options);
    return runs.map((r) =>
      r instanceof Error || r.sensors === undefined
        ? r
        : {
            ...r,
            sensors: Float64Array.from({ length: 2 * r.sensors.length }, (_, i) =>
              i % 2 === 0 ? r.sensors![i >> 1]! : driven.inputs[0]![i >> 1]!,
            ),
          },
    );
  };
  const model = { ...lag, run };
  return { twin, model: channels === 1 ? model : alike(model, channels) };
}

const fitted = async (stated: Stated, samples: readonly Sample[], more = {}) => {
  const { twin, model } = lagOf(stated);
  return (await commission(twin, model, samples, more)).output;
};

/** Share of records whose gain lies in its 95 % band. */
async function coverage(stated: Stated, recordOf: (seed: number) => Sample[]): Promise<number> {
  let inside = 0;
  for (const seed of SEEDS) {
    const { parameters } = await fitted(stated, recordOf(seed));
    if (holds(parameters.gain!, GAIN)) inside++;
  }
  return inside / SEEDS.length;
}
const drawn = (seed: number, k = 0) => createRng(10_000 * (k + 1) + seed).normal();

const said = ({ verdict, notes }: { verdict: { reasons: string[] }; notes: string[] }) =>
  [...verdict.reasons, ...notes].join('\n');

describe('errors that no residual shows, as they are stated', () => {
  it('are refused where they are no deviation', () => {
    const { definition } = lagOf({}).twin;
    const of = (more: Record<string, unknown>) =>
      twinSchema.safeParse({
        ...definition,
        inputs: [{ ...definition.inputs[0]!, ...more }],
        measured: [{ ...definition.measured[0]!, ...more }],
      });
    expect(of({ scaleStd: 0.02, offsetStd: 0 }).success).toBe(true);
    for (const wrong of [{ scaleStd: -0.1 }, { scaleStd: 1 }, { offsetStd: -1 }]) {
      expect(of(wrong).error?.issues.map((i) => i.path[0])).toEqual(['inputs', 'measured']);
    }
    expect(of({ scaleStd: 2 }).error?.issues[0]?.message).toContain('below 1, as 0.005');
  });

  const cases: [string, Stated, (seed: number) => Sample[]][] = [
    [
      'the scale of an input',
      { input: { scaleStd: SCALE } },
      (s) => lagRecord(s, { input: (u) => u * (1 + SCALE * drawn(s)) }),
    ],
    [
      'the zero of an input',
      { input: { offsetStd: SCALE } },
      (s) => lagRecord(s, { input: (u) => u + SCALE * drawn(s) }),
    ],
    [
      'an input of a fixed value',
      { ambient: { scaleStd: SCALE } },
      (s) => lagRecord(s, { ambient: 1 + SCALE * drawn(s) }),
    ],
    [
      'the scale of a sensor',
      { sensor: { scaleStd: SCALE } },
      (s) => lagRecord(s, { sensors: [(y) => y * (1 + SCALE * drawn(s))] }),
    ],
    [
      'the scales of two sensors, which their difference tells half of',
      { sensor: { scaleStd: SCALE }, channels: 2 },
      (s) =>
        lagRecord(s, { sensors: [0, 1].map((k) => (y: number) => y * (1 + SCALE * drawn(s, k))) }),
    ],
    [
      'the scale of an input and of two sensors together',
      { input: { scaleStd: SCALE }, sensor: { scaleStd: SCALE }, channels: 2 },
      (s) =>
        lagRecord(s, {
          input: (u) => u * (1 + SCALE * drawn(s, 2)),
          sensors: [0, 1].map((k) => (y: number) => y * (1 + SCALE * drawn(s, k))),
        }),
    ],
  ];
  it.each(cases)(
    '%s: bands hold the truth once it is stated, and only then',
    async (_, stated, recordOf) => {
      const { channels = 1 } = stated;
      expect(await coverage({ channels }, recordOf)).toBeLessThan(0.7);
      expect(await coverage(stated, recordOf)).toBeGreaterThanOrEqual(0.85);
      // No wider than the errors need: both together give the gain no more than their own share.
      const { parameters } = await fitted(
        stated,
        lagRecord(1, { sensors: Array.from({ length: channels }, () => (y) => y) }),
      );
      expect(parameters.gain!.std / GAIN).toBeLessThan(1.1 * Math.SQRT2 * SCALE);
    },
  );

  it('count under sensors or inputs in the sources of bands', async () => {
    const record = lagRecord(3);
    const input = await fitted({ input: { scaleStd: SCALE } }, record);
    expect(input.bands!.sources.gain!.inputs).toBeGreaterThan(0.9);
    const sensor = await fitted({ sensor: { scaleStd: SCALE } }, record);
    expect(sensor.bands!.sources.gain!.sensors).toBeGreaterThan(0.9);
  });

  it('cost runs only where they are stated of an input, and leave the estimate as it is', async () => {
    const record = lagRecord(3);
    const [exact, known, stated] = [
      await fitted({}, record),
      await fitted({ input: { scaleStd: 0, offsetStd: 0 }, sensor: { scaleStd: 0 } }, record),
      await fitted({ input: { scaleStd: SCALE } }, record),
    ];
    expect(known.summary.modelRuns).toBe(exact.summary.modelRuns);
    expect(known.parameters).toEqual(exact.parameters);
    expect(stated.summary.modelRuns).toBeGreaterThan(exact.summary.modelRuns);
    expect(stated.parameters.gain!.mean).toBe(exact.parameters.gain!.mean);
  });

  it('speak against no model where residuals show them, and tell what they are by them', async () => {
    const off = lagRecord(5, { sensors: [(y) => 1.01 * y, (y) => 0.99 * y] });
    const blamed = await fitted({ channels: 2 }, off);
    expect(blamed.verdict.grade).not.toBe('good');
    const stated = await fitted({ sensor: { scaleStd: SCALE }, channels: 2 }, off);
    expect(stated.verdict).toEqual({ grade: 'good', reasons: [] });
    // Of two sensors as good as each other the middle is as sure as one of √2 times their class.
    expect(stated.parameters.gain!.std / GAIN).toBeGreaterThan((0.9 * SCALE) / Math.SQRT2);
    expect(stated.parameters.gain!.std / GAIN).toBeLessThan((1.2 * SCALE) / Math.SQRT2);
  });

  it('act on what nobody measures at once and through the parameters that made up for them', async () => {
    const record = lagRecord(6);
    const hidden = { hidden: true };
    const exact = (await fitted({}, record, hidden)).virtualSensors;
    const input = (await fitted({ input: { scaleStd: SCALE } }, record, hidden)).virtualSensors;
    const sensor = (await fitted({ sensor: { scaleStd: SCALE } }, record, hidden)).virtualSensors;
    // Twice what the sensor shows: the gain has made up for the input's error.
    expect(input.twice!.std / exact.twice!.std).toBeLessThan(1.2);
    expect(sensor.twice!.std / sensor.twice!.mean).toBeGreaterThan(0.9 * SCALE);
    // The input itself is as unsure as it is read; no sensor changes that.
    expect(input.supply!.std / input.supply!.mean).toBeCloseTo(SCALE, 3);
    expect(sensor.supply!.std).toBeCloseTo(exact.supply!.std, 6);
  });

  it('are in what is predicted of a sensor, which reads as wrong on rows held out', async () => {
    const record = lagRecord(7, { sensors: [(y) => 1.04 * y, (y) => 0.96 * y] });
    const { heldOut } = await fitted({ sensor: { scaleStd: SCALE }, channels: 2 }, record);
    for (const { coverage95 } of Object.values(heldOut!.channels)) {
      expect(coverage95).toBeGreaterThan(0.9);
    }
  });

  it('are named where the model runs with none of them', async () => {
    const { twin, model } = lagOf({ input: { scaleStd: SCALE } });
    const record = lagRecord(8);
    const first = record[0]!.inputs[0]!;
    const { output } = await commission(
      twin,
      {
        ...model,
        run: async (points, along, options) =>
          along.inputs[0]![0] === first
            ? model.run(points, along, options)
            : points.map(() => new Error('fmi2DoStep returned Error.')),
      },
      record,
    );
    expect(output.verdict.grade).toBe('care');
    expect(output.verdict.reasons.join()).toContain(
      'what the stated error of u does is not in the bands: the model fails with it to both sides: fmi2DoStep returned Error.',
    );
  });

  it('take the place of the remarks, which name the fields that state them', async () => {
    const record = lagRecord(9);
    const offer = { offer: true };
    const open = await fitted({ sensor: { offsetStd: NOISE } }, record, offer);
    expect(said(open)).toMatch(/Rests on the scale of y0: .* as measured\[\]\.scaleStd, 0 where/);
    expect(said(open)).toMatch(/Rests on the zero of u: .* as inputs\[\]\.offsetStd, 0 where/);
    for (const scaleStd of [0, SCALE]) {
      const { notes } = await fitted(
        { input: { scaleStd, offsetStd: 0 }, sensor: { offsetStd: 0, scaleStd } },
        record,
        offer,
      );
      expect(notes.join()).not.toContain('Rests on');
    }
    // Of what is stated in part the rest is asked.
    const zero = await fitted({ input: { offsetStd: 0 } }, record, offer);
    expect(said(zero)).toMatch(/Rests on the scale of u: .* as inputs\[\]\.scaleStd, 0 where/);
  });
});

describe('what stated errors do to virtual sensors', () => {
  const twin = lagTwin(['gain', 'tau'], {
    measured: [{ variable: 'y', alias: '/l/y', scaleStd: 0.05 }],
    virtualSensors: [{ variable: 'twice', alias: '/l/twice' }],
  });

  it.each([
    ['to neither side', () => false],
    ['to one side', (gain: number, at: number) => gain > 1.01 * at],
    [
      'to both sides, but for near the fit',
      (gain: number, at: number) => Math.abs(gain / at - 1) > 0.02,
    ],
  ] as const)('is told where the model fails %s', async (_, fails) => {
    const { fit } = await commission(twin, lagModel(twin), await lagSamples({ noise: 0.02 }));
    const at = valueAt(fit!.coordinates[0]!, fit!.u[0]!);
    const beside = lagModel(twin, { failsWhere: (p) => fails(p.gain!, at) });
    const [std] = (await statedStdOfHidden(twin, beside, fit!))!;
    const reading = Math.sqrt(
      fit!.prediction.reduce((sum, v) => sum + (2 * v) ** 2, 0) / fit!.prediction.length,
    );
    expect(std! / (0.05 * reading)).toBeGreaterThan(0.9);
    expect(std! / (0.05 * reading)).toBeLessThan(1.1);
  });

  it('is an error of the model that fails wherever it is not the fit', async () => {
    const { fit } = await commission(twin, lagModel(twin), await lagSamples({ noise: 0.02 }));
    const at = valueAt(fit!.coordinates[0]!, fit!.u[0]!);
    const beside = lagModel(twin, { failsWhere: (p) => p.gain !== at });
    await expect(statedStdOfHidden(twin, beside, fit!)).rejects.toThrow(/fails beside its fit/);
  });

  it('are gone on with by a filter that learns what was fitted, and told anew by the next fit elsewhere', async () => {
    const samples = lagRecord(5);
    const of = async (calibration: Record<string, unknown>) => {
      const { twin: lag, model } = lagOf({
        input: { scaleStd: SCALE },
        sensor: { offsetStd: 0.1 },
      });
      const definition = { ...lag.definition, calibration } as Twin['definition'];
      const twin = { ...lag, definition };
      const { fit } = await commission(twin, model, samples);
      const moving: TwinModel = {
        outputs: ['y0', 'twice', 'supply'],
        evaluate: async () => [],
        transient: {
          states: ['x'],
          nominal: Float64Array.of(1),
          startTimeS: 0,
          settle: async () => [],
          propagate: async () => [],
        },
        close: async () => {},
      };
      const initial = initialCalibratorState(twin, samples);
      const state = await stateAfterFit(twin, model, fit!, samples, initial, moving);
      return state.filter.transient!;
    };
    const filtered = await of({ refit: false });
    expect(filtered.statedStd).toBeUndefined();
    // Gain, tau, their trends and the state; of the sensor's zero, then of the input's scale.
    const lead = filtered.statedLead!;
    expect(lead).toHaveLength(10);
    expect(lead[1]! / (-SCALE * GAIN)).toBeCloseTo(1, 1);
    expect(Math.abs(lead[9]!)).toBeLessThan(0.1 * SCALE * GAIN);
    expect(lead[8]!).toBeCloseTo(0.1, 1);
    const fitted = await of({ refit: {} });
    expect(fitted.statedLead).toBeUndefined();
    expect(fitted.statedStd).toHaveLength(2);
  });
});
