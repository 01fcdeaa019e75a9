import { describe, expect, it } from 'vitest';
import { silentLogger } from '../../../shared/core/index.js';
import { createCalibrator } from '../../../shared/twin/calibrator.js';
import { createFitModel } from '../../../shared/twin/fit/index.js';
import type { Sample, Twin } from '../../../shared/twin/index.js';
import { createTwinModel } from '../../../shared/twin/model/twin-model.js';
import {
  createRefitter,
  isRefitDue,
  refitSchedule,
  runWithRefits,
} from '../../../shared/twin/refit/index.js';
import { PUBLISHED, simulateBox } from '../../study/real-box.js';
import { boxSamples, boxTwin, hasRecording } from '../../support/real-machines.js';
import { hasCompiler } from '../fmi/fixture-fmus.js';

async function calibrated(twin: Twin, samples: readonly Sample[]) {
  const options = { lanes: 1, logger: silentLogger };
  const model = await createTwinModel(twin, options);
  const fitModel = await createFitModel(twin, options);
  try {
    const calibrator = createCalibrator({ twin, model });
    const refitter = createRefitter(calibrator, fitModel, model)!;
    const start = calibrator.initialState(samples.slice(0, 200));
    return await runWithRefits(calibrator, refitter, start, samples);
  } finally {
    await fitModel.close();
    await model.close();
  }
}

/** A box whose samples come each 12 s. */
const slowBox = () =>
  boxTwin({ simulation: { mode: 'transient', interface: 'cs', stepSizeS: 12 } });

describe('when constants are fitted anew', () => {
  const { definition } = boxTwin();

  it('takes a window in which nothing wears, and never at rest or where sensors are redundant', () => {
    expect(refitSchedule(definition, 6)).toMatchObject({ windowS: (12 * 86_400) / 20 });
    const constant = definition.parameters.map((p) => ({ ...p, dynamics: 'constant' as const }));
    const still = { ...definition, parameters: constant };
    expect(refitSchedule(still, 6)).toMatchObject({ windowS: 30 * 86_400, everyS: 7.5 * 86_400 });
    const rest = { ...definition.simulation, mode: 'steady-state' as const };
    expect(refitSchedule({ ...definition, simulation: rest }, 6)).toBeUndefined();
    expect(refitSchedule({ ...definition, calibration: { refit: false } }, 6)).toBeUndefined();
    const measured = Array.from({ length: 4 }, () => definition.measured[0]!);
    expect(refitSchedule({ ...definition, measured }, 6)).toBeUndefined();
    const asked = { ...definition, measured, calibration: { refit: { everyS: 60 } } };
    expect(refitSchedule(asked, 6)).toMatchObject({ everyS: 60 });
  });

  it('waits for enough values, then for twice as many, then for its period', () => {
    const schedule = { windowS: 1000, everyS: 250, firstValues: 60 };
    const none = { timeS: Number.NEGATIVE_INFINITY, samples: 0, fitted: false };
    expect(isRefitDue(schedule, none, { samples: 59, values: 59, timeS: 59 })).toBe(false);
    expect(isRefitDue(schedule, none, { samples: 60, values: 60, timeS: 60 })).toBe(true);
    const first = { timeS: 60, samples: 60, fitted: true };
    expect(isRefitDue(schedule, first, { samples: 100, values: 100, timeS: 100 })).toBe(false);
    expect(isRefitDue(schedule, first, { samples: 120, values: 120, timeS: 120 })).toBe(true);
    expect(isRefitDue(schedule, first, { samples: 80, values: 80, timeS: 310 })).toBe(true);
  });
});

describe.skipIf(!hasCompiler)('a moving machine whose constants are fitted', () => {
  it('has its constants in the bands, of a model that is right and of one that lacks a term', async () => {
    for (const truth of [
      { title: 'right' },
      { title: 'wall mass, sensor lag', wall: 300, lagS: 20 },
    ]) {
      const run = await calibrated(slowBox(), simulateBox(truth, 3));
      const { G_box } = run.newest!.output.parameters;
      expect(G_box!.lower95).toBeLessThan(PUBLISHED.G_box!);
      expect(G_box!.upper95).toBeGreaterThan(PUBLISHED.G_box!);
      // Narrow enough to be of use: within a fifth either way.
      expect(G_box!.upper95 / G_box!.lower95).toBeLessThan(1.5);
      expect(run.state.filter.refit?.fitted).toBe(true);
      const after = run.steps.slice(-200);
      const nis = after.reduce((sum, s) => sum + s.nis, 0) / after.length;
      expect(nis).toBeGreaterThan(0.3);
      expect(nis).toBeLessThan(3);
    }
  }, 120_000);

  it.skipIf(!hasRecording('incubator/empty-2023.csv'))(
    'finds the published conductance in the recording of a real box, and knows no more than it can',
    async () => {
      const run = await calibrated(slowBox(), boxSamples('incubator/empty-2023.csv', 't3', 4));
      const { parameters, verdict } = run.newest!.output;
      for (const [name, value] of Object.entries(PUBLISHED)) {
        expect(parameters[name]!.lower95, name).toBeLessThan(value);
        expect(parameters[name]!.upper95, name).toBeGreaterThan(value);
      }
      expect(parameters.G_box!.upper95 / parameters.G_box!.lower95).toBeLessThan(1.25 ** 2);
      expect(verdict.grade).toBe('care');
    },
    120_000,
  );
});
