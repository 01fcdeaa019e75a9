import { describe, expect, it } from 'vitest';
import { createRng } from '../../../shared/core/index.js';
import {
  createCalibrator,
  decodeCheckpoint,
  encodeCheckpoint,
  gapsOf,
  type StepResult,
  summarize,
  type TwinModel,
} from '../../../shared/twin/index.js';
import { sample, smallTwin } from './fixtures.js';
import { linearDynamics, overrides } from './linear-dynamics.js';

/** A moving machine that begins at rest and is given 100 s to come to it. */
function settling(transient: { maxGapS?: number } = {}) {
  const { model, asked } = linearDynamics();
  const twin = smallTwin({
    ...overrides,
    simulation: { mode: 'transient', maxTimeS: 100 },
    transient: { initialState: 'settled', ...transient },
  });
  return { calibrator: createCalibrator({ twin, model }), asked };
}

describe('rest, motion and gaps of the joint filter', () => {
  it('settles anew after a gap longer than simulation.maxTimeS', async () => {
    const { calibrator, asked } = settling();
    let { state } = await calibrator.step(calibrator.initialState(), sample(0, [0.1, 0.1, 0.2]));
    expect(asked.settled).toBe(5);
    for (const timeS of [1, 2, 3, 103]) {
      ({ state } = await calibrator.step(state, sample(timeS, [0.1, 0.1, 0.2])));
    }
    expect(asked.settled).toBe(5);
    const late = await calibrator.step(state, sample(204, [0.1, 0.1, 0.2]));
    expect(asked.settled).toBe(10);
    expect(late.result.skipped).toBeUndefined();
    expect(late.result.gapS).toBe(101);
  });

  it('carries its states through samples that are further apart than simulation.maxTimeS', async () => {
    const { calibrator, asked } = settling();
    let state = calibrator.initialState();
    for (let k = 0; k < 8; k++) {
      ({ state } = await calibrator.step(state, sample(900 * k, [0.1, 0.1, 0.2])));
    }
    expect(asked.settled).toBe(5);
    // A weekend without samples is a gap of this machine, too.
    const late = await calibrator.step(state, sample(900 * 8 + 200_000, [0.1, 0.1, 0.2]));
    expect(asked.settled).toBe(10);
    expect(gapsOf([late.result])).toEqual([{ sinceS: 900 * 7, untilS: 900 * 8 + 200_000 }]);
  });

  it('begins anew after transient.maxGapS where that is given, however long the model may settle', async () => {
    const gapsWith = async (maxGapS: number, times: readonly number[]) => {
      const { calibrator } = settling({ maxGapS });
      const steps: StepResult[] = [];
      let state = calibrator.initialState();
      for (const timeS of times) {
        const step = await calibrator.step(state, sample(timeS, [0.1, 0.1, 0.2]));
        ({ state } = step);
        steps.push(step.result);
      }
      return gapsOf(steps);
    };
    expect(await gapsWith(10, [0, 1, 2, 12, 23])).toEqual([{ sinceS: 12, untilS: 23 }]);
    expect(await gapsWith(500, [0, 1, 2, 502])).toEqual([]);
  });

  it('names each gap in what it sums up, also where the sample after it is left out', async () => {
    const { calibrator } = settling();
    const steps: StepResult[] = [];
    let state = calibrator.initialState();
    for (const timeS of [0, 1, 2, 203, 204, 405]) {
      const values = timeS === 405 ? [1e6, -1e6, 1e6] : [0.1, 0.1, 0.2];
      const step = await calibrator.step(state, sample(timeS, values));
      ({ state } = step);
      steps.push(step.result);
    }
    const { summary } = summarize(calibrator.twin, steps, 0);
    expect(summary.gaps).toEqual([
      { sinceS: 2, untilS: 203 },
      { sinceS: 204, untilS: 405 },
    ]);
    const { summary: none } = summarize(calibrator.twin, steps.slice(0, 3), 0);
    expect(none.gaps).toEqual([]);
  });

  it('takes a machine that comes to no rest in time for one that moves, in mode auto', async () => {
    const { model } = linearDynamics();
    const twin = smallTwin({
      ...overrides,
      simulation: { mode: 'auto', maxTimeS: 600 },
      transient: { initialState: 'start-values' },
    });
    const restless: TwinModel = {
      ...model,
      evaluate: async (points) => points.map(() => new Error('no rest')),
      transient: {
        ...model.transient!,
        settle: async (points) => points.map(() => new Error('no rest')),
      },
    };
    const calibrator = createCalibrator({ twin, model: restless });
    let state = calibrator.initialState();
    for (let k = 0; k < 4; k++) {
      const step = await calibrator.step(state, sample(900 * k, [0.1, 0.1, 0.2]));
      expect(step.result.skipped).toBeUndefined();
      expect(step.result.diagnostics.mode).toBe('transient');
      state = step.state;
    }
  });

  it('changes between rest and motion in mode auto, and goes on from any checkpoint bit for bit', async () => {
    const { model } = linearDynamics();
    const twin = smallTwin({
      ...overrides,
      simulation: { mode: 'auto' },
      transient: { initialState: 'settled', settlingTimeS: 5 },
      estimator: {},
    });
    const atRest: TwinModel = {
      ...model,
      evaluate: async (points, inputs) =>
        (await model.transient!.settle(points, inputs)).map((r) =>
          r instanceof Error ? r : r.outputs,
        ),
    };
    const calibrator = createCalibrator({ twin, model: atRest });
    const rng = createRng(8);
    const course = Array.from({ length: 40 }, (_, k) => {
      const moved = k < 15 || k > 25 ? 0 : 0.3 * Math.sin((k - 14) / 2);
      return [0.11 + moved, 0.1, 0.2 + moved].map((y) => y + 0.01 * rng.normal());
    });
    const modes: string[] = [];
    let state = calibrator.initialState();
    let resumed = state;
    for (const [k, y] of course.entries()) {
      const step = await calibrator.step(state, sample(k, y));
      state = step.state;
      modes.push(step.result.diagnostics.mode);
      const again = decodeCheckpoint(encodeCheckpoint(resumed), twin);
      resumed = (await calibrator.step(again, sample(k, y))).state;
    }
    expect(encodeCheckpoint(resumed)).toEqual(encodeCheckpoint(state));
    expect(modes.slice(6, 15)).toEqual(new Array(9).fill('steady-state'));
    expect(modes.slice(15, 31)).toEqual(new Array(16).fill('transient'));
    expect(modes.slice(33)).toEqual(new Array(7).fill('steady-state'));
  });
});
