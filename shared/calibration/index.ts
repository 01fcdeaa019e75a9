/** The twin model = FMU + twin definition, and its calibration against measurements. */
export * from './alarms.js';
export * from './align.js';
export { createCalibrator, filterSettings } from './calibrator.js';
export * from './checkpoint.js';
export {
  positiveNumber,
  progressBar,
  wholeNumber,
} from './command-options.js';
export { calibrationCommands } from './commands.js';
export {
  type Forecast,
  type ForecastEstimate,
  type ForecastSeries,
  forecast,
} from './forecast.js';
export {
  type Identifiability,
  type IdentifiabilityReport,
  identifiability,
  identifiabilityOf,
} from './identifiability.js';
export { type RecordingOptions, readRecording } from './recording.js';
export { parameterEstimates } from './report.js';
export { type CalibrationOutput, resultsCsv, summarize } from './results.js';
export { type CalibrationRun, runSamples } from './run.js';
export {
  type RankedSensor,
  rankSensors,
  type SensorOption,
  type SensorRanking,
} from './sensor-ranking.js';
export {
  listStates,
  loadState,
  restoreState,
  type StoredState,
  saveState,
  stateKey,
} from './state-store.js';
export { type Steadiness, type SteadinessWindow, steadiness } from './steadiness.js';
export { truncatedEstimate } from './truncated.js';
export { type Trial, type TuneResult, tuneEstimator } from './tune.js';
export * from './twin.js';
export { createTwinModel } from './twin-model.js';
export * from './types.js';
