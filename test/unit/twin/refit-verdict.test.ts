import { describe, expect, it } from 'vitest';
import { createCalibrator } from '../../../shared/twin/index.js';
import { runWithRefits } from '../../../shared/twin/refit/index.js';
import type { Refitter } from '../../../shared/twin/refit/refit.js';
import { alarmFindings } from '../../../shared/twin/report/calibration-findings.js';
import { fitAlarms, markOfVerdict } from '../../../shared/twin/report/fit-alarms.js';
import { decodeFilterState, encodeFilterState } from '../../../shared/twin/state/filter-state.js';
import type { Calibrator, CalibratorState, Sample } from '../../../shared/twin/types.js';
import { lagTwin } from './fit-fixtures.js';

describe('the verdict of the newest fit', () => {
  const twin = lagTwin();
  const mark = { timeS: 100, samples: 60, fitted: true };

  it('is an alarm of every sample until the next fit, and a finding of every run', () => {
    expect(fitAlarms(twin, undefined)).toEqual([]);
    expect(fitAlarms(twin, mark)).toEqual([]);
    expect(fitAlarms(twin, { ...mark, grade: 'good' })).toEqual([]);
    const care = fitAlarms(twin, { ...mark, grade: 'care' });
    expect(care[0]).toMatchObject({ code: 'fit-care', subject: 'lag' });
    expect(alarmFindings(care)[0]!.grade).toBe('care');
    expect(care[0]!.message).toMatch(/used with care\.$/);
    const why = markOfVerdict({ grade: 'care', reasons: ['u is late', 'gain rests on u'] });
    expect(fitAlarms(twin, { ...mark, ...why })[0]!.message).toMatch(
      /used with care: u is late \(and 1 more\)\.$/,
    );
    expect(markOfVerdict({ grade: 'good', reasons: [] })).toEqual({ grade: 'good' });
    expect(markOfVerdict({ grade: 'care', reasons: ['x'.repeat(900)] }).reason).toHaveLength(300);
    const bad = fitAlarms(twin, { ...mark, grade: 'unusable', fitted: false });
    expect(bad[0]!.message).toContain('their priors');
    expect(alarmFindings(bad)[0]!.grade).toBe('unusable');
  });
});

describe('the grade of a fit in a state', () => {
  it('is stored, and may be missing as in older states', () => {
    const twin = lagTwin(['gain', 'tau'], { simulation: { mode: 'steady-state' } });
    const model = { outputs: ['y'], evaluate: async () => [], close: async () => {} };
    const { filter } = createCalibrator({ twin, model }).initialState();
    const mark = { timeS: 100, samples: 60, fitted: true };
    const care = { ...mark, grade: 'care' as const };
    for (const refit of [mark, care, { ...care, reason: 'offset of y: 5 °C, “seen” — late' }]) {
      const arrays = encodeFilterState({ ...filter, refit });
      expect(arrays.refit).toHaveLength('grade' in refit ? 4 : 3);
      const shape = { parameters: 2, measured: 1, virtualSensors: 0, health: filter.health.length };
      expect(decodeFilterState(arrays, shape).refit).toEqual(refit);
    }
  });
});

describe('refits along a long record', () => {
  it('look at what may lie in the window only', async () => {
    const n = 4000;
    let looked = 0;
    const samples = new Proxy(
      Array.from(
        { length: n },
        (_, k): Sample => ({ timeS: k, inputs: new Float64Array(), measured: Float64Array.of(k) }),
      ),
      {
        get(target, key) {
          if (typeof key === 'string' && /^\d+$/.test(key)) looked++;
          return Reflect.get(target, key);
        },
      },
    );
    const calibrator = {
      step: async (state: CalibratorState, sample: Sample) => ({
        state: { ...state, timeS: sample.timeS },
        result: { timeS: sample.timeS, alarms: [] },
      }),
    } as unknown as Calibrator;
    const fitted: number[] = [];
    const windowS = 50;
    const refitter = {
      schedule: () => ({ windowS, everyS: 1000, firstValues: 1 }),
      begin: (state: CalibratorState) => state,
      window: (some: readonly Sample[], _: unknown, seen: number) =>
        some.slice(Math.max(0, seen - windowS), seen),
      isDue: (_: unknown, window: readonly Sample[]) => window.at(-1)!.timeS % 1000 === 999,
      refit: async (state: CalibratorState, window: readonly Sample[]) => {
        fitted.push(window.length);
        return { state, result: {} };
      },
    } as unknown as Refitter;
    const start = { timeS: Number.NEGATIVE_INFINITY, filter: {} } as unknown as CalibratorState;
    const run = await runWithRefits(calibrator, refitter, start, samples);
    expect(run.steps).toHaveLength(n);
    // Due at 999, 1999, 2999 and 3999, and once more at the end; each over the whole window.
    expect(fitted).toEqual([50, 50, 50, 50, 50]);
    expect(looked).toBeLessThan(10 * n);
  });

  it.each([
    [60, []],
    [120, [120]],
  ])(
    'end with one of the %i rows at hand only where the fit before had not far more',
    async (n, made) => {
      const fitted: number[] = [];
      const calibrator = {
        step: async (state: CalibratorState, sample: Sample) => ({
          state: { ...state, timeS: sample.timeS },
          result: { timeS: sample.timeS, alarms: [] },
        }),
      } as unknown as Calibrator;
      const refitter = {
        begin: (state: CalibratorState) => state,
        window: (some: readonly Sample[], _: unknown, seen: number) => some.slice(0, seen),
        isDue: () => false,
        refit: async (state: CalibratorState, window: readonly Sample[]) => {
          fitted.push(window.length);
          return { state, result: {} };
        },
      } as unknown as Refitter;
      const refit = { timeS: -1, samples: 200, fitted: true };
      const start = { timeS: -1, filter: { refit } } as unknown as CalibratorState;
      const samples = Array.from(
        { length: n },
        (_, k): Sample => ({ timeS: k, inputs: new Float64Array(), measured: Float64Array.of(k) }),
      );
      await runWithRefits(calibrator, refitter, start, samples);
      expect(fitted).toEqual(made);
    },
  );
});
