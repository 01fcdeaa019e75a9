import {
  assumeInputs,
  createCalibrator,
  createFitModel,
  createRefitter,
  createTwinModel,
  decodeCheckpoint,
  encodeCheckpoint,
  forecast,
  startValuesOf,
} from '../../shared/twin/index.js';
import type { CalibrationEngine } from './engine.js';

/** Sensor noise is estimated from at most so many samples: more would hardly tell more. */
const INITIAL_SAMPLES = 50;

/** Courses of a forecast: bands of 95 % rest on 15 at either side. */
const FORECAST_COURSES = 600;

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
  async forecast(options) {
    const { inputs } = await assumeInputs(options.twin, {}, options.state);
    return forecast({ ...options, inputs, paths: FORECAST_COURSES, effort: 'quick' });
  },
  encodeCheckpoint,
  decodeCheckpoint,
  startValues: startValuesOf,
  initialSamples: INITIAL_SAMPLES,
};
