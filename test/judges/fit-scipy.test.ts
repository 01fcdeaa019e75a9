import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { packageFile } from '../../shared/core/index.js';
import { commission, createFitModel } from '../../shared/twin/fit/index.js';
import type { Sample, Twin } from '../../shared/twin/index.js';
import {
  boxSamples,
  boxTwin,
  hasRecording,
  tankSamples,
  tanksTwin,
} from '../support/real-machines.js';
import { hasCompiler } from '../unit/fmi/fixture-fmus.js';

const python = [process.env.TWINLOOP_SCIPY_PYTHON, 'python3'].find(
  (command) =>
    command !== undefined && spawnSync(command, ['-c', 'import scipy.optimize']).status === 0,
);
const BOX = 'incubator/empty-2023.csv';
const TANKS = 'tanks/estimation.csv';

/** How far free runs of ours and of scipy's least squares miss the same rows. */
async function compare(
  model: 'box' | 'tanks',
  twin: Twin,
  samples: Sample[],
  starts: number[][],
  rail: number,
) {
  const holdOut = 0.5;
  const judge = spawnSync(python!, [packageFile('test/judges/free_run.py')], {
    input: JSON.stringify({
      model,
      t: samples.map((s) => s.timeS),
      u: samples.map((s) => [...s.inputs]),
      y: samples.map((s) => (s.measured[0]! < rail ? s.measured[0]! : null)),
      train: Math.round(samples.length * (1 - holdOut)),
      starts,
    }),
    encoding: 'utf8',
    timeout: 60_000,
  });
  expect(judge.status, judge.stderr).toBe(0);
  const theirs = JSON.parse(judge.stdout) as { rmseTrain: number; rmseHeldOut: number };
  const fitModel = await createFitModel(twin, { lanes: 2 });
  try {
    const { output, test } = await commission(twin, fitModel, samples, { holdOut });
    const { record, prediction } = test!.fit;
    const errors = [...record.data].map((v, i) => v - prediction[i]!).filter(Number.isFinite);
    const rmseTrain = Math.sqrt(errors.reduce((sum, e) => sum + e * e, 0) / errors.length);
    const rmseHeldOut = Object.values(output.heldOut!.channels)[0]!.rmse;
    return { theirs, ours: { rmseTrain, rmseHeldOut } };
  } finally {
    await fitModel.close();
  }
}

describe('free runs beside scipy’s least squares on the same equations', () => {
  it.skipIf(!hasCompiler || python === undefined || !hasRecording(BOX))(
    'a heated box (needs a Python with scipy, TWINLOOP_SCIPY_PYTHON names it, and the recording)',
    { timeout: 120_000 },
    async () => {
      const twin = boxTwin({ simulation: { mode: 'transient', interface: 'cs', stepSizeS: 6 } });
      const samples = boxSamples(BOX, 't3', 4);
      const first = samples[0]!.measured[0]!;
      const starts = [
        [200, 0.7, 250, 2].map(Math.log).concat(first, first),
        [400, 0.84, 150, 1.4].map(Math.log).concat(first + 5, first),
      ];
      const { ours, theirs } = await compare('box', twin, samples, starts, 1e9);
      expect(ours.rmseTrain).toBeLessThan(1.1 * theirs.rmseTrain);
      expect(ours.rmseHeldOut).toBeLessThan(1.1 * theirs.rmseHeldOut);
    },
  );

  it.skipIf(!hasCompiler || python === undefined || !hasRecording(TANKS))(
    'two tanks (needs a Python with scipy, TWINLOOP_SCIPY_PYTHON names it, and the recording)',
    { timeout: 120_000 },
    async () => {
      const starts = [
        [0.05, 0.05, 0.05, 0.05].map(Math.log).concat(5, 5.2),
        [0.1, 0.06, 0.03, 0.035].map(Math.log).concat(5, 5.2),
      ];
      const { ours, theirs } = await compare('tanks', tanksTwin(), tankSamples(), starts, 9.98);
      expect(ours.rmseTrain).toBeLessThan(1.1 * theirs.rmseTrain);
      expect(ours.rmseHeldOut).toBeLessThan(1.1 * theirs.rmseHeldOut);
    },
  );
});
