import { describe, expect, it } from 'vitest';
import {
  calibrationFindings,
  runStepsOf,
  type StepResult,
  summarize,
  type Twin,
} from '../../../shared/twin/index.js';
import { StepKeeper } from '../../../shared/twin/report/step-trace.js';
import { smallTwin } from './fixtures.js';

const ALARMS = {
  model: { code: 'model-mismatch', subject: 'small', message: 'The innovations keep to one side.' },
  drift: { code: 'correlated-innovations', subject: 'y', message: 'They follow each other.' },
  sensor: { code: 'sensor-fault', subject: 'y', message: 'y contradicts the others.' },
} as const;

/** Steps of a good run, at each of which something may be different. */
const stepsOf = (count: number, more: (k: number) => Partial<StepResult>): StepResult[] =>
  Array.from({ length: count }, (_, k) => ({
    timeS: k,
    row: k,
    nis: 1,
    channels: 1,
    logLikelihood: 0,
    parameters: {},
    virtualSensors: {},
    measured: {},
    alarms: [],
    diagnostics: { mode: 'transient', modelRuns: 1 } as unknown as StepResult['diagnostics'],
    ...more(k),
  }));

const twinWith = (dynamics: 'constant' | 'random-walk'): Twin =>
  smallTwin({
    name: 'small',
    measured: [{ variable: 'y', alias: '/s/y', noiseStd: 1 }],
    parameters: [
      {
        variable: 'p',
        alias: '/s/p',
        lower: 0,
        upper: 1,
        prior: { mean: 0.3, std: 0.1 },
        ...(dynamics === 'constant' ? { dynamics } : { wearHorizonS: 1e6 }),
      },
    ],
  });

const reasonsOf = (twin: Twin, steps: readonly StepResult[]) =>
  calibrationFindings(twin, summarize(twin, steps, 0))
    .map((f) => f.reason)
    .filter((reason) => !reason.includes('known no better'));

describe('contradictions that passed before a run ended', () => {
  const stood = (alarm: StepResult['alarms'][number], from = 40, to = 80) =>
    stepsOf(200, (k) => (k >= from && k < to ? { alarms: [alarm] } : {}));

  it.each([
    [
      'model',
      /no parameter values explained .* in 40 of 200 samples, 40 s to 79 s: p is a constant and keeps/,
    ],
    ['drift', /innovations of y followed each other in 40 of 200 samples/],
    ['sensor', /^y contradicted the other channels in 40 of 200 samples/],
  ] as const)('are named, as constants keep what they learnt meanwhile: %s', (kind, text) => {
    const twin = twinWith('constant');
    const steps = stood(ALARMS[kind]);
    expect(reasonsOf(twin, steps)).toEqual([expect.stringMatching(text)]);
    expect(summarize(twin, steps, 0).summary.verdict.grade).toBe('care');
    // Steps that were not kept say the same.
    const keeper = new StepKeeper();
    for (const step of steps) keeper.take(step);
    expect(summarize(twin, keeper, 0).summary.verdict).toEqual(
      summarize(twin, runStepsOf(steps), 0).summary.verdict,
    );
  });

  it('are named once where they still stand, and drifting innovations then too', () => {
    const twin = twinWith('constant');
    expect(reasonsOf(twin, stood(ALARMS.model, 100, 200))).toEqual([
      'The innovations keep to one side',
    ]);
    expect(reasonsOf(twin, stood(ALARMS.drift, 100, 200))).toHaveLength(1);
  });

  it('say nothing where they were short, where parameters wear, and where constants are fitted', () => {
    expect(reasonsOf(twinWith('constant'), stood(ALARMS.model, 40, 55))).toEqual([]);
    expect(reasonsOf(twinWith('random-walk'), stood(ALARMS.model))).toEqual([]);
    const fitted = stood(ALARMS.model).map((s) => ({ ...s, statesNis: 1 }));
    expect(reasonsOf(twinWith('constant'), fitted)).toEqual([]);
  });
});

describe('events that a run’s fits leave out', () => {
  const during = (from: number, to: number) =>
    stepsOf(200, (k) =>
      k > from && k <= to ? { statesNis: 1, eventSinceS: from } : { statesNis: 1 },
    );

  it('are named where one still stands: parameters are those of before it', () => {
    const [reason] = reasonsOf(twinWith('constant'), during(150, 199));
    expect(reason).toMatch(
      /^An event has stood since 150 s, for 49 samples: the parameters were kept as before.*wearHorizonS/,
    );
    const [ofWear] = reasonsOf(twinWith('random-walk'), during(150, 199));
    expect(ofWear).toMatch(/a disturbance may be it$/);
  });

  it('are named where they take much of the run', () => {
    expect(reasonsOf(twinWith('constant'), during(20, 120))).toEqual([
      expect.stringMatching(/^100 of 200 samples are in events: /),
    ]);
  });

  it('are not where they are few, or have only begun', () => {
    expect(reasonsOf(twinWith('constant'), during(20, 60))).toEqual([]);
    expect(reasonsOf(twinWith('constant'), during(190, 199))).toEqual([]);
  });
});
