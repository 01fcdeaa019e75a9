import { silentLogger } from '../../shared/core/index.js';
import { createCalibrator } from '../../shared/twin/calibrator/calibrator.js';
import { createFitModel } from '../../shared/twin/fit/index.js';
import type { Sample, Twin } from '../../shared/twin/index.js';
import { createTwinModel } from '../../shared/twin/model/twin-model.js';
import { createRefitter, runWithRefits } from '../../shared/twin/refit/index.js';

/** Takes a record through a calibrator with its refits. */
export async function calibrateWithRefits(twin: Twin, samples: readonly Sample[]) {
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
