import { describe, expect, it } from 'vitest';
import { parseConfig, twinSchema } from '../../../shared/config/index.js';
import { ConfigError, createRng, type Tqv, TwinError } from '../../../shared/core/index.js';
import {
  alignStreams,
  type CalibratorState,
  createCalibrator,
  definitionProblems,
  encodeCheckpoint,
  runSamples,
  type Sample,
  summarize,
  type TwinModel,
} from '../../../shared/twin/index.js';
import { decodeFilterState, encodeFilterState } from '../../../shared/twin/state/filter-state.js';
import { linearModel, sample, smallTwin } from './fixtures.js';

const TRUTH = [0.1, 0.2, 0.3];

/** Samples of a healthy machine, as the twin takes it for. */
function healthy(count: number, seed = 5): Sample[] {
  const rng = createRng(seed);
  return Array.from({ length: count }, (_, k) =>
    sample(
      k,
      TRUTH.map((v) => v + 0.01 * rng.normal()),
    ),
  );
}

async function calibrated(
  options: { twin?: ReturnType<typeof smallTwin>; model?: TwinModel } = {},
) {
  const { twin = smallTwin(), model = linearModel() } = options;
  const calibrator = createCalibrator({ twin, model });
  const run = await runSamples(calibrator, calibrator.initialState(), healthy(30));
  return { calibrator, state: run.state };
}

/** The same state with some of its parts changed. */
function damaged(
  state: CalibratorState,
  filter: Partial<CalibratorState['filter']>,
): CalibratorState {
  return { ...state, filter: { ...state.filter, ...filter } };
}

describe('bad samples', () => {
  it('estimate the same with infinite values as with missing ones', async () => {
    const { calibrator, state } = await calibrated();
    const missing = await calibrator.step(state, sample(40, [0.1, Number.NaN, 0.3]));
    for (const value of [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
      const step = await calibrator.step(state, sample(40, [0.1, value, 0.3]));
      expect(encodeCheckpoint(step.state)).toEqual(encodeCheckpoint(missing.state));
      expect(step.result.channels).toBe(2);
    }
  });

  it('that come twice or out of order count once, in order', async () => {
    const samples = healthy(30);
    const calibrator = createCalibrator({ twin: smallTwin(), model: linearModel() });
    const clean = await runSamples(calibrator, calibrator.initialState(), samples);
    const shuffled = samples.flatMap((s, k) => (k > 3 ? [s, s, samples[k - 3]!] : [s]));
    const run = await runSamples(calibrator, calibrator.initialState(), shuffled);
    expect(encodeCheckpoint(run.state)).toEqual(encodeCheckpoint(clean.state));
    expect(run.steps.filter((s) => s.skipped === 'not-newer-than-state')).toHaveLength(52);
  });

  it('of wrong length are refused with the length expected', async () => {
    const { calibrator, state } = await calibrated();
    await expect(calibrator.step(state, sample(40, [0.1]))).rejects.toMatchObject({
      code: 'VALUE_INVALID',
      message: expect.stringMatching(/1 measured.*expected 3/),
    });
  });

  it('with huge values leave a finite estimate near the old one', async () => {
    const { calibrator, state } = await calibrated();
    for (const huge of [1e30, -1e150, Number.MAX_VALUE]) {
      for (const y of [
        [huge, 0.2, 0.3],
        [huge, huge, huge],
      ]) {
        const { result } = await calibrator.step(state, sample(40, y));
        expect(Math.abs(result.parameters.q!.mean - 0.2), `${y}`).toBeLessThan(0.05);
        expect(Number.isFinite(result.parameters.p!.std)).toBe(true);
      }
    }
  });

  it('that are all frozen are used: a machine at rest may stand still to the last digit', async () => {
    const { calibrator, state } = await calibrated();
    const same = Array.from({ length: 40 }, (_, k) => sample(40 + k, TRUTH));
    const { steps } = await runSamples(calibrator, state, same);
    expect(steps.at(-1)!.channels).toBe(3);
    expect(steps.flatMap((s) => s.alarms.map((a) => a.code))).not.toContain('sensor-frozen');
  });

  it('take a frozen channel back when it moves again', async () => {
    const { calibrator, state } = await calibrated();
    const stuck = healthy(80, 9).map((s, k) => {
      const measured = s.measured.slice();
      if (k < 60) measured[1] = 0.2;
      return { ...s, timeS: 40 + k, measured };
    });
    const { steps } = await runSamples(calibrator, state, stuck);
    expect(steps[59]!.channels).toBe(2);
    expect(steps[60]!.channels).toBe(3);
  });

  it('of bad quality, not numbers, or double are counted and left out of the joined samples', () => {
    const { definition } = smallTwin();
    const at = (timeNs: bigint, value: Tqv['value'], quality: Tqv['quality'] = 'GOOD'): Tqv => ({
      timeNs,
      quality,
      value,
    });
    const streams = new Map<string, Tqv[]>([
      ['/s/y1', [at(10n, 1), at(10n, 7), at(2_000_000_000n, 2)]],
      ['/s/y2', [at(10n, 5, 'UNCERTAIN'), at(2_000_000_000n, 'stopped')]],
      ['/s/y3', [at(10n, Number.NaN), at(2_000_000_000n, 3, 'BAD')]],
    ]);
    const { samples, ignored } = alignStreams({ definition, streams, untilNs: 10_000_000_000n });
    expect(samples.map((s) => [...s.measured])).toEqual([
      [1, Number.NaN, Number.NaN],
      [2, Number.NaN, Number.NaN],
    ]);
    expect(ignored).toEqual({ notGood: 2, notNumber: 2, duplicate: 1 });
  });
});

describe('a state that is not sound', () => {
  it('is refused where it holds values that are not numbers, with what to do', async () => {
    const { calibrator, state } = await calibrated();
    for (const name of ['x', 'S', 'noiseStd'] as const) {
      for (const value of [Number.NaN, Number.POSITIVE_INFINITY]) {
        const broken = state.filter[name].slice();
        broken[1] = value;
        await expect(
          calibrator.step(damaged(state, { [name]: broken }), sample(40, TRUTH)),
          name,
        ).rejects.toMatchObject({
          code: 'NUMERIC',
          message: expect.stringMatching(/state list.*state restore/),
        });
      }
    }
  });

  it('goes on where a direction of the covariance has vanished', async () => {
    for (const dynamics of ['trend', 'constant']) {
      const twin = smallTwin({
        parameters: ['p', 'q'].map((variable) => ({
          variable,
          alias: `/s/${variable}`,
          prior: { mean: 0.1, std: 0.05 },
          dynamics,
        })),
      });
      const { calibrator, state } = await calibrated({ twin });
      const S = state.filter.S.slice();
      for (let row = 0; row < 4; row++) S[row * 4] = 0;
      const run = await runSamples(calibrator, damaged(state, { S }), [
        sample(40, TRUTH),
        sample(41, [0.4, 0.2, 0.6]),
      ]);
      const { p, q } = run.steps[0]!.parameters;
      expect([p!.mean, p!.std, q!.mean, q!.std].every(Number.isFinite), dynamics).toBe(true);
      expect(Math.abs(p!.mean - 0.1)).toBeLessThan(0.05);
      expect([...run.state.filter.S].every(Number.isFinite)).toBe(true);
    }
  });
});

describe('a model that fails', () => {
  /** Fails at the points with the given indices of each call. */
  const failingAt = (fails: (k: number, points: readonly Float64Array[]) => boolean): TwinModel => {
    const inner = linearModel();
    return {
      ...inner,
      evaluate: async (points, inputs) => {
        const values = await inner.evaluate(points, inputs);
        return values.map((v, k) => (fails(k, points) ? new Error('diverged') : v));
      },
    };
  };

  it('at some sigma points costs accuracy, not the estimate', async () => {
    for (const fails of [[1], [2, 3], [1, 2], [1, 4]]) {
      const model = failingAt((k) => fails.includes(k));
      const calibrator = createCalibrator({ twin: smallTwin(), model });
      const run = await runSamples(calibrator, calibrator.initialState(), healthy(60));
      const { p, q } = run.steps.at(-1)!.parameters;
      expect(Math.abs(q!.mean - 0.2), `${fails}`).toBeLessThan(0.03);
      expect(Math.abs(p!.mean - 0.1), `${fails}`).toBeLessThan(0.03);
    }
  });

  it('leaves the last good state untouched, from which the next run goes on', async () => {
    let broken = false;
    const calibrator = createCalibrator({
      twin: smallTwin(),
      model: failingAt(() => broken),
    });
    const samples = healthy(30);
    const half = await runSamples(calibrator, calibrator.initialState(), samples.slice(0, 15));
    const before = encodeCheckpoint(half.state);
    broken = true;
    for (const s of [samples[15]!, sample(15, [0.9, 0.9, 1.8])]) {
      await expect(calibrator.step(half.state, s)).rejects.toMatchObject({
        code: 'NUMERIC',
        message: expect.stringMatching(/diverged.*last good state is kept/),
      });
    }
    expect(encodeCheckpoint(half.state)).toEqual(before);
    broken = false;
    const rest = await runSamples(calibrator, half.state, samples.slice(15));
    const whole = await runSamples(calibrator, calibrator.initialState(), samples);
    expect(encodeCheckpoint(rest.state)).toEqual(encodeCheckpoint(whole.state));
  });
});

describe('one sample at which the model fails', () => {
  it('is set aside with its row, its time and the model’s words, and the run goes on', async () => {
    const inner = linearModel();
    let now = 0;
    const model: TwinModel = {
      ...inner,
      evaluate: async (points, inputs) =>
        now === 17
          ? points.map(() => new TwinError('FMI_CALL_FAILED', 'fmi2DoStep returned Error.'))
          : inner.evaluate(points, inputs),
    };
    const calibrator = createCalibrator({ twin: smallTwin(), model });
    const samples = healthy(40).map((s, row) => ({ ...s, row }));
    const watched = {
      ...calibrator,
      step: (...args: Parameters<typeof calibrator.step>) => {
        now = args[1].row ?? 0;
        return calibrator.step(...args);
      },
    };
    const run = await runSamples(watched, calibrator.initialState(), samples);
    expect(run.steps.filter((s) => s.skipped === undefined)).toHaveLength(39);
    expect(run.steps[17]).toMatchObject({
      skipped: 'model-failed',
      alarms: [
        {
          code: 'model-failed',
          message: expect.stringMatching(/row 17, 17 s.*fmi2DoStep returned Error/),
        },
      ],
    });
    expect(Math.abs(run.steps.at(-1)!.parameters.p!.mean - 0.1)).toBeLessThan(0.03);
    const { alarms, verdict } = summarize(smallTwin(), run.steps, 1).summary;
    expect(alarms.filter((a) => a.code === 'model-failed')).toHaveLength(1);
    expect(verdict.grade).toBe('care');
    expect(verdict.reasons.join()).toMatch(/failed at row 17, 17 s.*fmi2DoStep returned Error/);
  });

  it('is told with how many more there are, from the first on', async () => {
    const calibrator = createCalibrator({ twin: smallTwin(), model: linearModel() });
    const samples = healthy(40).map((s, row) => ({ ...s, row }));
    const watched: typeof calibrator = {
      ...calibrator,
      step: async (state, at, signal) => {
        if (at.row! >= 5 && at.row! < 8)
          throw new TwinError('FMI_CALL_FAILED', 'The FMU said: no.');
        return calibrator.step(state, at, signal);
      },
    };
    const { steps } = await runSamples(watched, calibrator.initialState(), samples);
    expect(summarize(smallTwin(), steps, 1).summary.verdict.reasons).toContain(
      'The model failed at row 5, 5 s, which is left out: The FMU said: no. So it did at 2 more of 40 samples',
    );
  });
});

describe('a lone channel', () => {
  it('is found frozen once the inputs have moved and it has not', async () => {
    const twin = smallTwin({
      inputs: [{ variable: 'u', alias: '/s/u' }],
      measured: [{ variable: 'y1', alias: '/s/y1', noiseStd: 0.01 }],
      virtualSensors: [],
      parameters: [
        { variable: 'p', alias: '/s/p', prior: { mean: 0.1, std: 0.05 }, dynamics: 'constant' },
      ],
    });
    const model: TwinModel = {
      outputs: ['y1'],
      evaluate: async (points, inputs) => points.map(([p = 0]) => Float64Array.of(p * inputs[0]!)),
      close: async () => {},
    };
    const calibrator = createCalibrator({ twin, model });
    const at = (timeS: number, u: number, y: number): Sample => ({
      timeS,
      inputs: Float64Array.of(u),
      measured: Float64Array.of(y),
    });
    const resting = Array.from({ length: 60 }, (_, k) => at(k, 1, 0.1));
    const still = await runSamples(calibrator, calibrator.initialState(), resting);
    expect(still.steps.every((s) => s.skipped === undefined)).toBe(true);
    const driven = Array.from({ length: 40 }, (_, k) => at(60 + k, 1 + 0.05 * k, 0.1));
    const run = await runSamples(calibrator, still.state, driven);
    expect(run.steps.filter((s) => s.skipped === 'no-usable-channel').length).toBeGreaterThan(35);
    expect(run.steps.at(-1)!.alarms.map((a) => a.code)).toContain('sensor-frozen');
    // The input comes back to where it was: no reading of it is to be believed for that, nor after the store.
    const kept = decodeFilterState(encodeFilterState(run.state.filter), {
      parameters: 1,
      measured: 1,
      virtualSensors: 0,
      health: run.state.filter.health.length,
    });
    const back = Array.from({ length: 10 }, (_, k) => at(100 + k, 1, 0.1));
    const after = await runSamples(calibrator, { ...run.state, filter: kept }, back);
    expect(after.steps.map((s) => s.skipped)).toEqual(back.map(() => 'no-usable-channel'));
    // A value of its own is.
    const moved = await runSamples(calibrator, after.state, [at(120, 1, 0.11), at(121, 1, 0.105)]);
    expect(moved.steps.map((s) => s.skipped)).toEqual([undefined, undefined]);
  });
});

describe('a definition that cannot be meant', () => {
  const definition = (overrides: Record<string, unknown> = {}, parameter = {}) => ({
    name: 'small',
    fmu: './none.fmu',
    measured: [{ variable: 'y', alias: '/y' }],
    parameters: [{ variable: 'p', alias: '/p', prior: { mean: 0.1, std: 0.05 }, ...parameter }],
    ...overrides,
  });
  const refusal = (wrong: unknown) => {
    try {
      parseConfig(twinSchema, wrong, 'twin.json');
    } catch (error) {
      if (error instanceof ConfigError) return error.problems;
      throw error;
    }
    return [];
  };

  it('has no sensor without noise: says to leave it out', () => {
    const measured = [{ variable: 'y', alias: '/y', noiseStd: 0 }];
    expect(refusal(definition({ measured }))).toEqual([
      {
        path: 'measured[0].noiseStd',
        message: expect.stringMatching(/^found 0: expected.*>0.*leave it out/),
      },
    ]);
  });

  it('has no prior without doubt: says to make it fixed', () => {
    const [problem] = refusal(definition({}, { prior: { mean: 0.1, std: 0 } }));
    expect(problem).toMatchObject({
      path: 'parameters[0].prior.std',
      message: expect.stringMatching(/^found 0: expected.*>0.*`inputs`/),
    });
  });

  it('has its prior inside the bounds: says where it is and what to move', () => {
    for (const bounds of [{ lower: 0.2 }, { upper: 0.05 }, { lower: 0.2, upper: 1 }]) {
      const problems = definitionProblems(
        parseConfig(twinSchema, definition({}, bounds), 'twin.json'),
      );
      expect(problems).toHaveLength(1);
      expect(problems[0]).toMatchObject({
        path: 'parameters[0].prior.mean',
        message: expect.stringMatching(
          /found 0\.1: expected.*inside.*move the prior or the bounds/,
        ),
      });
    }
    const edge = definition({}, { lower: 0.1, upper: 1 });
    expect(definitionProblems(parseConfig(twinSchema, edge, 'twin.json'))).toEqual([]);
  });
});
