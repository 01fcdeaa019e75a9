import { expect, it } from 'vitest';
import { createRng, packageFile } from '../../../shared/core/index.js';
import { createCalibrator, loadTwin } from '../../../shared/twin/index.js';
import { webLine } from '../../study/algebraic-web-line.js';
import { algebraicModel, runCell } from '../../study/cell.js';
import { SCENARIOS } from '../../study/scenarios.js';
import { loadTruth } from '../../study/truth.js';

const SIGMA = 1e-4;
const N = 9;

it('is not led away by a wrong explanation at the onset of slip', async () => {
  const twin = await loadTwin(packageFile('shared/twins/web-line/twin.json'));
  const truth = loadTruth(packageFile('../shared/data/web-line/case-1-30-days.csv'));
  const scenario = SCENARIOS.record!(truth);
  // With seed 44 R9 begins to slip just beyond what was expected; b9 once went to -8.5 there.
  const cell = { scenario: 'record', filter: 'trend', sigma: SIGMA, stride: 3 } as const;
  const score = await runCell(
    { ...cell, seeds: [44] },
    scenario,
    truth.timeS,
    twin,
    algebraicModel,
  );
  expect(score.lockUps).toBe(0);
  expect(score.falseAlarms).toBe(0);
  expect(score.recoveries[0]).toBeLessThan(5);
  expect(Math.sqrt(score.squaredB / score.countedB)).toBeLessThan(0.005);
});

it('finds back within ten samples from drags that are wrong and held for certain', async () => {
  const twin = await loadTwin(packageFile('shared/twins/web-line/twin.json'));
  const definition = {
    ...twin.definition,
    measured: twin.definition.measured.map((c) => ({ ...c, noiseStd: SIGMA })),
    virtualSensors: Array.from({ length: 21 }, (_, i) => ({
      variable: `v${i}`,
      alias: `/v/${i}`,
      unit: '',
    })),
  };
  const calibrator = createCalibrator({ twin: { ...twin, definition }, model: algebraicModel });
  const drag = new Float64Array(N);
  drag[2] = 0.086;
  drag[7] = 0.26;
  const exact = webLine(drag);
  // What one wrong explanation had left, and nine drags of which none is right.
  const beliefs = [
    [0.054, -0.03, 0.258, -0.009, -0.052, 1.518, 6.665, -8.455, -0.325],
    [0.27, 0.053, 0.433, 0.18, 0.334, 0.254, 0.119, 0.452, 0.491],
  ];
  for (const belief of beliefs) {
    const rng = createRng(1);
    const first = calibrator.initialState();
    const x = first.filter.x.slice();
    x.set(belief);
    const S = first.filter.S.map((v, k) => (k % (2 * N) < N ? Math.sign(v) * 0.005 : v));
    let state = { ...first, timeS: 0, sampleCount: 100, filter: { ...first.filter, x, S } };
    for (let k = 1; k <= 10; k++) {
      const step = await calibrator.step(state, {
        timeS: k * 1296,
        inputs: Float64Array.from(definition.inputs, (i) => i.value ?? 0),
        measured: Float64Array.from({ length: N }, (_, i) => exact[i]! + SIGMA * rng.normal()),
      });
      state = step.state as typeof state;
    }
    drag.forEach((b, i) => {
      expect(Math.abs(state.filter.x[i]! - b)).toBeLessThan(0.02);
    });
  }
});
