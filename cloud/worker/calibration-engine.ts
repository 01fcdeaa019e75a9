import {
  createCalibrator,
  createFitModel,
  createRefitter,
  createTwinModel,
  decodeCheckpoint,
  encodeCheckpoint,
  startValuesOf,
} from '../../shared/twin/index.js';
import type { CalibrationEngine } from './engine.js';

/** Sensor noise is estimated from at most so many samples: more would hardly tell more. */
const INITIAL_SAMPLES = 50;

/** The calibration of shared/twin, on FMUs. */
export const calibrationEngine: CalibrationEngine = {
  createModel: (twin, options) => createTwinModel(twin, options),
  createCalibrator: (options) => createCalibrator(options),
  async createRefitter(calibrator, model, options) {
    const fitModel = await createFitModel(calibrator.twin, options);
    const refitter = createRefitter(calibrator, fitModel, model, options.logger);
    if (refitter === undefined) await fitModel.close();
    return refitter === undefined ? undefined : { ...refitter, close: () => fitModel.close() };
  },
  encodeCheckpoint,
  decodeCheckpoint,
  startValues: startValuesOf,
  initialSamples: INITIAL_SAMPLES,
};
