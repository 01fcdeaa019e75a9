import { expect, it } from 'vitest';
import { createCalibrator, forecast } from '../../../shared/calibration/index.js';
import { createRng } from '../../../shared/core/index.js';
import { linearModel, sample, smallTwin } from './fixtures.js';

it('expects a growing parameter to pass its limit when it will', async () => {
  const twin = smallTwin();
  const model = linearModel();
  const calibrator = createCalibrator({ twin, model });
  const rng = createRng(3);
  let state = calibrator.initialState();
  for (let k = 0; k <= 200; k++) {
    const p = 0.1 + 0.001 * k;
    const y = [p, 0.1, p + 0.1].map((v) => v + 0.01 * rng.normal());
    ({ state } = await calibrator.step(state, sample(k, y)));
  }
  const result = await forecast({ twin, model, state, horizonS: 1000, points: 40 });
  const t = result.parameters.p!.timeToLimitS!;
  // p is 0.3 now and passes 0.5 in 200 s.
  expect(t['p2.5']!).toBeLessThan(200);
  expect(t.p50!).toBeGreaterThan(120);
  expect(t.p50!).toBeLessThan(320);
  expect(t.p25!).toBeLessThanOrEqual(t.p50!);
  await expect(
    forecast({ twin, model, state, horizonS: 10, inputs: { nope: 1 } }),
  ).rejects.toMatchObject({ code: 'VARIABLE_UNKNOWN' });
});
