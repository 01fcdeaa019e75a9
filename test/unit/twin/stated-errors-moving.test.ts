import { describe, expect, it } from 'vitest';
import { createRng } from '../../../shared/core/index.js';
import {
  createCalibrator,
  decodeCheckpoint,
  encodeCheckpoint,
  runSamples,
  type Sample,
  summarize,
  type TransientModel,
  type Twin,
  type TwinModel,
} from '../../../shared/twin/index.js';
import { smallTwin } from './fixtures.js';

const NOISE = 0.001;
const [K, Q] = [0.5, 0.3];
/** What is left of a way after a second. */
const LEFT = 0.7;
const SEEDS = Array.from({ length: 30 }, (_, k) => 40 + k);
const INPUT = 0.02;

/** s follows k·u, as a lag; y0 shows s, y1 = q·u, y2 both. Nobody sees k·u, nor u as it is. */
function machine(fails: (u: number) => boolean = () => false): TwinModel {
  const outputs = (s: number, p: Float64Array, u: number) =>
    Float64Array.of(s, p[1]! * u, s + p[1]! * u, p[0]! * u, u);
  const transient: TransientModel = {
    states: ['s'],
    nominal: Float64Array.of(1),
    startTimeS: 0,
    settle: async (points, [u = 0]) =>
      points.map((p) => {
        const states = Float64Array.of(p[0]! * u);
        return { states, outputs: outputs(states[0]!, p, u) };
      }),
    propagate: async (points, { fromS, toS, inputs: [u = 0], inputsTo: [to = 0] }) =>
      points.map(({ parameters: p, states = Float64Array.of(0) }) => {
        if (fails(to)) return new Error('too much');
        const left = LEFT ** (toS - fromS);
        const s = left * states[0]! + (1 - left) * p[0]! * u;
        return { states: Float64Array.of(s), outputs: outputs(s, p, to) };
      }),
  };
  return {
    outputs: ['y0', 'y1', 'y2', 'way', 'supply'],
    evaluate: async (points, [u = 0]) => points.map((p) => outputs(p[0]! * u, p, u)),
    transient,
    close: async () => {},
  };
}

type Errors = Partial<Record<'scaleStd' | 'offsetStd', number>>;

interface Setup {
  mode?: 'transient' | 'auto';
  input?: Errors;
  sensor?: Errors;
  more?: Record<string, unknown>;
}

const twinOf = ({ mode = 'transient', input, sensor, more = {} }: Setup): Twin =>
  smallTwin({
    inputs: [{ variable: 'u', alias: '/s/u', interpolation: 'hold', noiseStd: 0, ...input }],
    measured: ['y0', 'y1', 'y2'].map((variable, i) => ({
      variable,
      alias: `/s/${variable}`,
      noiseStd: NOISE,
      ...(i === 0 ? sensor : {}),
    })),
    virtualSensors: ['way', 'supply'].map((variable) => ({ variable, alias: `/s/${variable}` })),
    parameters: ['k', 'q'].map((variable) => ({
      variable,
      alias: `/s/${variable}`,
      lower: 0,
      upper: 1,
      prior: { mean: 0.4, std: 0.1 },
      wearHorizonS: 1e6,
    })),
    simulation: { mode, maxTimeS: 100 },
    transient: { initialState: 'settled', stateNoise: 1e-5, settlingTimeS: 30 },
    ...more,
  });

interface Off {
  input?: (u: number) => number;
  sensor?: (y: number) => number;
}

/** The machine on its way; in `auto` it rests in the first twenty samples, a minute apart. */
function samplesOf(
  seed: number,
  mode: Setup['mode'],
  { input = (u) => u, sensor = (y) => y }: Off = {},
): Sample[] {
  const rng = createRng(seed);
  let timeS = 0;
  let u = 1;
  let s = K;
  return Array.from({ length: 60 }, (_, i) => {
    const rests = mode === 'auto' && i < 20;
    const dtS = i === 0 ? 0 : rests ? 60 : 1;
    const left = LEFT ** dtS;
    s = rests ? K * u : left * s + (1 - left) * K * u;
    const to = rests ? 1 + 0.2 * Math.sin(i) : rng.uniform() < 0.2 ? 0.6 + 0.8 * rng.uniform() : u;
    if (rests) s = K * to;
    timeS += dtS;
    u = to;
    const y = [s, Q * u, s + Q * u].map((v) => v + NOISE * rng.normal());
    return {
      timeS,
      inputs: Float64Array.of(input(u)),
      measured: Float64Array.from(y, (v, c) => (c === 0 ? sensor(v) : v)),
    };
  });
}

async function run(twin: Twin, samples: readonly Sample[], model = machine()) {
  const calibrator = createCalibrator({ twin, model });
  const done = await runSamples(calibrator, calibrator.initialState(), samples);
  const { summary } = summarize(twin, done.steps, 0, done.slopes, done.state);
  return { ...summary, ...done, last: done.steps.at(-1)! };
}

/** One filter, linear but for the products of parameters and inputs, which begins near the truth: gains hang on innovations. */
const PLAIN = {
  parameters: [
    ['k', K],
    ['q', Q],
  ].map(([variable, mean]) => ({
    variable,
    alias: `/s/${variable}`,
    prior: { mean, std: 0.1 },
    wearHorizonS: 1e6,
  })),
  estimator: { adaptNoise: false, gate: false, kink: 'none', trendScales: [1], noiseScales: [1] },
};

describe('stated errors of a moving machine whose parameters are filtered', () => {
  const STD = 1e-4;
  const signals: [string, Setup, Off][] = [
    ['the zero of an input', { input: { offsetStd: STD } }, { input: (u) => u + STD }],
    ['the scale of an input', { input: { scaleStd: STD } }, { input: (u) => u * (1 + STD) }],
    ['the zero of a sensor', { sensor: { offsetStd: STD } }, { sensor: (y) => y + STD }],
    ['the scale of a sensor', { sensor: { scaleStd: STD } }, { sensor: (y) => y * (1 + STD) }],
  ];
  it.each(
    (['transient', 'auto'] as const).flatMap((mode) =>
      signals.map(([name, setup, off]) => [name, mode, setup, off] as const),
    ),
  )('widen each band by what a run with %s off comes to (%s)', async (_name, mode, setup, off) => {
    const [plain, stated] = [
      { mode, more: PLAIN },
      { mode, more: PLAIN, ...setup },
    ].map(twinOf);
    const right = await run(plain!, samplesOf(1, mode));
    const held = await run(stated!, samplesOf(1, mode));
    const wrong = await run(plain!, samplesOf(1, mode, off));
    // Samples on the way there, of rest too, and the last.
    for (const at of [5, 15, 30, 59]) {
      const [a, b, c] = [right, held, wrong].map((r) => r.steps[at]!);
      const all = (s: typeof a) => ({ ...s!.parameters, ...s!.virtualSensors, ...s!.measured });
      for (const name of Object.keys(all(a))) {
        const moved = all(c)[name]!.mean - all(a)[name]!.mean;
        const added = Math.sqrt(Math.max(0, all(b)[name]!.std ** 2 - all(a)[name]!.std ** 2));
        expect(all(b)[name]!.mean).toBeCloseTo(all(a)[name]!.mean, 12);
        expect(Math.abs(added - Math.abs(moved))).toBeLessThan(0.05 * Math.abs(moved) + 0.03 * STD);
      }
    }
  });

  it.each([
    ['transient', 'the scale of an input'],
    ['auto', 'the scale of an input'],
    ['transient', 'the zero of a sensor'],
    ['auto', 'the zero of a sensor'],
  ] as const)('%s: bands hold the truth once %s is stated, and only then', async (mode, what) => {
    const inside = { open: 0, stated: 0 };
    for (const seed of SEEDS) {
      const e = INPUT * createRng(9000 + seed).normal();
      const [setup, off] =
        what === 'the scale of an input'
          ? [{ input: { scaleStd: INPUT } }, { input: (u: number) => u * (1 + e) }]
          : [{ sensor: { offsetStd: INPUT } }, { sensor: (y: number) => y + e }];
      const samples = samplesOf(seed, mode, off);
      const open = await run(twinOf({ mode }), samples);
      const stated = await run(twinOf({ mode, ...setup }), samples);
      for (const [count, { parameters }] of [
        ['open', open],
        ['stated', stated],
      ] as const) {
        const { lower95, upper95 } = parameters.k!;
        inside[count] += Number(lower95 <= K && K <= upper95);
      }
    }
    expect(inside.open / SEEDS.length).toBeLessThan(0.6);
    expect(inside.stated / SEEDS.length).toBeGreaterThanOrEqual(0.85);
  });

  it('go on from a saved state as without a stop', async () => {
    const twin = twinOf({ input: { scaleStd: INPUT }, sensor: { offsetStd: INPUT } });
    const samples = samplesOf(3, 'transient');
    const whole = await run(twin, samples);
    const calibrator = createCalibrator({ twin, model: machine() });
    const half = await runSamples(calibrator, calibrator.initialState(), samples.slice(0, 30));
    const again = decodeCheckpoint(encodeCheckpoint(half.state), twin);
    const rest = await runSamples(calibrator, again, samples.slice(30));
    expect(rest.steps.at(-1)!.parameters).toEqual(whole.last.parameters);
    expect(rest.steps.at(-1)!.virtualSensors).toEqual(whole.last.virtualSensors);
    expect(whole.verdict.reasons.join()).not.toMatch(/stated error/);
  });

  it('are named where nobody followed them: in a state of before, beside a failing model', async () => {
    const stated = twinOf({ input: { scaleStd: INPUT } });
    const samples = samplesOf(4, 'transient');
    const calibrator = createCalibrator({ twin: stated, model: machine() });
    const before = await runSamples(calibrator, calibrator.initialState(), samples.slice(0, 30));
    const { transient, ...filter } = before.state.filter;
    const { statedLead, ...memory } = transient!;
    expect(statedLead).toBeDefined();
    const old = { ...before.state, filter: { ...filter, transient: memory } };
    const done = await runSamples(calibrator, old, samples.slice(30));
    const { summary } = summarize(stated, done.steps, 0, done.slopes, done.state);
    expect(summary.verdict.grade).toBe('care');
    expect(summary.verdict.reasons.join('\n')).toContain(
      'what the stated errors of u do is not in the bands: the estimate began before they were followed',
    );
    const fails = machine((u) => !samples.some((s) => s.inputs[0] === u));
    const beside = await run(stated, samples, fails);
    expect(beside.verdict.reasons.join('\n')).toContain(
      'what the stated error of u does is not in the bands: the model fails with the input that much off',
    );
  });
});
