import {
  createCalibrator,
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
  encodeCheckpoint,
  decodeCheckpoint,
  startValues: startValuesOf,
  initialSamples: INITIAL_SAMPLES,
};
