import { describe, expect, it } from 'vitest';
import { createRng } from '../../../shared/core/index.js';
import { commission, type FitModel } from '../../../shared/twin/fit/index.js';
import {
  createCalibrator,
  type Estimate,
  runSamples,
  type Sample,
  summarize,
  type TwinModel,
} from '../../../shared/twin/index.js';
import { decodeFilterState, encodeFilterState } from '../../../shared/twin/state/filter-state.js';
import { smallTwin, wearingParameters } from './fixtures.js';

const NOISE = 0.0005;
const SCALE = 0.02;
const [P, Q] = [0.3, 0.35];
const SEEDS = Array.from({ length: 30 }, (_, k) => 100 + k);

/** Two effects of one input, each seen by one sensor; of what nobody sees one is its like, one the input itself. */
const outputs = (p: number, q: number, u: number, by: number) =>
  Float64Array.of(p * u * by, q * u * u, 2 * p * u * by, u);
const model: TwinModel & { runs: number } = {
  outputs: ['y0', 'y1', 'twice', 'supply'],
  runs: 0,
  async evaluate(points, [u = 0, by = 1]) {
    model.runs += points.length;
    return points.map(([p = 0, q = 0]) => outputs(p, q, u, by));
  },
  close: async () => {},
};

interface Stated {
  input?: Record<string, number>;
  fixed?: Record<string, number>;
  sensor?: Record<string, number>;
}

const twinOf = ({ input = {}, fixed = {}, sensor = {} }: Stated) =>
  smallTwin({
    inputs: [
      { variable: 'u', alias: '/s/u', noiseStd: 0, ...input },
      { variable: 'by', value: 1, ...fixed },
    ],
    measured: ['y0', 'y1'].map((variable) => ({
      variable,
      alias: `/s/${variable}`,
      noiseStd: NOISE,
      offsetStd: 0,
      ...sensor,
    })),
    virtualSensors: ['twice', 'supply'].map((variable) => ({ variable, alias: `/s/${variable}` })),
    parameters: wearingParameters(1e6),
  });

interface Wrong {
  input?: (u: number) => number;
  by?: number;
  sensors?: readonly number[];
}

const holds = ({ lower95, upper95 }: Estimate, truth: number) =>
  Number(lower95 <= truth && truth <= upper95);

function samplesOf(
  seed: number,
  { input = (u: number) => u, by = 1, sensors = [1, 1] }: Wrong = {},
): Sample[] {
  const rng = createRng(seed);
  return Array.from({ length: 40 }, (_, k) => {
    const u = 1 + 0.2 * Math.sin(k / 3);
    const y = outputs(P, Q, u, by);
    return {
      timeS: k,
      inputs: Float64Array.of(input(u), 1),
      measured: Float64Array.from(sensors, (scale, c) => scale * y[c]! + NOISE * rng.normal()),
    };
  });
}

async function run(
  stated: Stated,
  seed: number,
  { of = model, ...wrong }: Wrong & { of?: TwinModel } = {},
) {
  const twin = twinOf(stated);
  const samples = samplesOf(seed, wrong);
  const calibrator = createCalibrator({ twin, model: of });
  const done = await runSamples(calibrator, calibrator.initialState(), samples);
  const { summary } = summarize(twin, done.steps, 0, done.slopes, done.state);
  return { ...summary, state: done.state };
}

const drawn = (seed: number, k = 0) => SCALE * createRng(10_000 * (k + 1) + seed).normal();

describe('stated errors of scales and zeros at rest', () => {
  const cases: [string, Stated, (seed: number) => Wrong][] = [
    [
      'the scale of an input',
      { input: { scaleStd: SCALE } },
      (s) => ({ input: (u) => u * (1 + drawn(s)) }),
    ],
    [
      'the zero of an input',
      { input: { offsetStd: SCALE } },
      (s) => ({ input: (u) => u + drawn(s) }),
    ],
    ['an input of a fixed value', { fixed: { offsetStd: SCALE } }, (s) => ({ by: 1 + drawn(s) })],
    [
      'the scales of sensors',
      { sensor: { scaleStd: SCALE } },
      (s) => ({ sensors: [1 + drawn(s), 1 + drawn(s, 1)] }),
    ],
  ];
  it.each(cases)(
    '%s: bands hold the truth once it is stated, and only then',
    async (name, stated, wrong) => {
      const inside = { open: 0, stated: 0 };
      const names = name === 'an input of a fixed value' ? (['p'] as const) : (['p', 'q'] as const);
      for (const seed of SEEDS) {
        const [open, held] = [
          await run({}, seed, wrong(seed)),
          await run(stated, seed, wrong(seed)),
        ];
        for (const p of names) {
          const truth = p === 'p' ? P : Q;
          inside.open += holds(open.parameters[p]!, truth);
          inside.stated += holds(held.parameters[p]!, truth);
        }
      }
      const of = SEEDS.length * names.length;
      expect(inside.open / of).toBeLessThan(0.6);
      expect(inside.stated / of).toBeGreaterThanOrEqual(0.85);
    },
  );

  it('move what nobody measures at once and through the parameters that made up for them', async () => {
    const [open, input, sensor] = [
      await run({}, 3),
      await run({ input: { scaleStd: SCALE } }, 3),
      await run({ sensor: { scaleStd: SCALE } }, 3),
    ];
    expect(input.parameters.p!.std / P).toBeCloseTo(SCALE, 3);
    expect(input.virtualSensors.twice!.std).toBeLessThan(1.2 * open.virtualSensors.twice!.std);
    expect(input.virtualSensors.supply!.std / input.virtualSensors.supply!.mean).toBeCloseTo(
      SCALE,
      4,
    );
    expect(sensor.virtualSensors.twice!.std / sensor.virtualSensors.twice!.mean).toBeCloseTo(
      SCALE,
      3,
    );
    expect(input.bands!.sources.p!.inputs).toBeGreaterThan(0.95);
    expect(sensor.bands!.sources.p!.sensors).toBeGreaterThan(0.95);
    expect(input.bands!.sources.supply!.inputs).toBeGreaterThan(0.95);
  });

  it('are no noise that samples average out, cost runs only of inputs, and go with the state', async () => {
    const before = model.runs;
    const open = await run({}, 3);
    const between = model.runs;
    const zero = await run({ input: { scaleStd: 0, offsetStd: 0 }, sensor: { scaleStd: 0 } }, 3);
    expect(model.runs - between).toBe(between - before);
    expect(zero.parameters).toEqual(open.parameters);
    const { state, parameters } = await run({ input: { scaleStd: SCALE } }, 3);
    expect(parameters.p!.mean).toBeCloseTo(open.parameters.p!.mean, 8);
    const { filter } = state;
    const kept = decodeFilterState(encodeFilterState(filter), {
      parameters: 2,
      measured: 2,
      virtualSensors: 2,
      health: filter.health.length,
    });
    expect(kept.persistent).toEqual(filter.persistent);
    expect(kept.persistent!.length).toBe(6);
    expect(kept.inputSlopes).toEqual(filter.inputSlopes);
  });

  it('are named where the model runs with none of them', async () => {
    const read = new Set<number>();
    const of: TwinModel = {
      ...model,
      evaluate: async (points, inputs) =>
        read.has(inputs[0]!)
          ? model.evaluate(points, inputs)
          : points.map(() => new Error('fmi2DoStep returned Error.')),
    };
    for (let k = 0; k < 40; k++) read.add(1 + 0.2 * Math.sin(k / 3));
    const { verdict } = await run({ input: { scaleStd: SCALE } }, 3, { of });
    expect(verdict.grade).toBe('care');
    expect(verdict.reasons.join()).toContain('what the stated error of u does is not in the bands');
  });

  it('are in fits of states of rest, and in what nobody measures at the last of them', async () => {
    const fitModel: FitModel = {
      states: [],
      run: async (points, { timesS, inputs: [us, bys] }, { keepSensors = false } = {}) =>
        points.map(({ parameters: [p = 0, q = 0] }) => {
          const rows = Array.from(timesS, (_, k) => outputs(p, q, us![k]!, bys![k]!));
          return {
            outputs: Float64Array.from(rows.flatMap((row) => [...row.subarray(0, 2)])),
            ...(keepSensors && {
              sensors: Float64Array.from(rows.flatMap((row) => [...row.subarray(2)])),
            }),
          };
        }),
      startStates: async () => new Float64Array(),
      close: async () => {},
    };
    let inside = 0;
    for (const seed of SEEDS) {
      const samples = samplesOf(seed, { input: (u) => u * (1 + drawn(seed)) });
      const twin = twinOf({ input: { scaleStd: SCALE } });
      const { output } = await commission(twin, fitModel, samples, { hidden: true });
      const { p, q } = output.parameters;
      inside += holds(p!, P) + holds(q!, Q);
      const { twice, supply } = output.virtualSensors;
      // Not nothing: how far priors pulled is in the band as well.
      expect(twice!.std / twice!.mean).toBeLessThan(0.5 * SCALE);
      expect(supply!.std / supply!.mean).toBeCloseTo(SCALE, 3);
      expect(output.bands!.sources.p!.inputs).toBeGreaterThan(0.8);
    }
    expect(inside / (2 * SEEDS.length)).toBeGreaterThanOrEqual(0.85);
  });
});
