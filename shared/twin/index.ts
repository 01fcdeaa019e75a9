/** The twin model = FMU + twin definition, and its calibration against measurements. */

export { createCalibrator } from './calibrator/calibrator.js';
export { type CalibrationRun, runSamples } from './calibrator/run.js';
export { type Trial, type TuneResult, tuneEstimator } from './calibrator/tune.js';
export * from './data/align.js';
export { lacksInputs, scanToleranceNs } from './data/input-readings.js';
export {
  type RecordingOptions,
  readRecording,
  readTwinRecording,
  type TwinRecording,
  twinReadOptions,
} from './data/recording.js';
export { type AssumedInput, assumeInputs, startValuesOf } from './definition/assumed-inputs.js';
export * from './definition/twin.js';
export { addNis, BAND_OF_NIS, isNisTooHigh, type NisSum } from './filter/nis.js';
export { truncatedEstimate } from './filter/truncated.js';
export { createFitModel } from './fit/index.js';
export type { LimitDriver } from './forecast/drivers.js';
export type { ForecastEstimate, ForecastSeries } from './forecast/fan.js';
export {
  type Forecast,
  forecast,
} from './forecast/forecast.js';
export {
  type Identifiability,
  type IdentifiabilityReport,
  identifiability,
  identifiabilityOf,
} from './identifiability/identifiability.js';
export {
  type RankedSensor,
  rankSensors,
  type SensorOption,
  type SensorRanking,
} from './identifiability/sensor-ranking.js';
export {
  errorOfKept,
  integrationErrorReasons,
  keptError,
  withIntegrationError,
} from './model/integration-error.js';
export { isModelFault } from './model/model-faults.js';
export { openTwinFmu, type TwinFmu } from './model/twin-fmu.js';
export { createTwinModel } from './model/twin-model.js';
export { estimateVirtualSensors } from './model/virtual-sensors.js';
export { type Plan, type PlannedWay, plan, type Spread } from './plan/plan.js';
export {
  type ChannelFaults,
  channelAlarms,
  withChannelAlarms,
} from './readings/channel-faults.js';
export {
  type ChannelWatch,
  frozenIn,
  isWatchOf,
  newChannelWatch,
  sameIn,
  watchSample,
} from './readings/channel-watch.js';
export { type ErrorCode, errorCodesWithin, withoutCodes } from './readings/error-codes.js';
export { heldIn } from './readings/held-values.js';
export { levelFindings } from './readings/levels.js';
export { codesIn } from './readings/no-readings.js';
export { stillIn, stillText } from './readings/still-inputs.js';
export {
  type InputRanges,
  type JudgedInputs,
  judgeInputs,
  noInputRanges,
  wildInputsOf,
  withSample,
} from './readings/wild-inputs.js';
export { FOLLOWS_WITHIN, withoutWild } from './readings/wild-values.js';
export { wildWithin } from './readings/wild-watch.js';
export {
  beginRefits,
  createRefitter,
  MOST_SAMPLES,
  mayRefitBeDue,
  type Refitter,
  usableValues,
} from './refit/index.js';
export * from './report/alarms.js';
export { alarmFindings, calibrationFindings } from './report/calibration-findings.js';
export { type CrossCheck, crossCheck } from './report/cross-check.js';
export { isOfFit } from './report/fit-alarms.js';
export { correctedFindings } from './report/hindsight.js';
export { gapsOf, type MachineGap } from './report/machine-events.js';
export { quantityVerdicts } from './report/quantities.js';
export { countsText, isOfRecording, recordingFindings } from './report/recording-findings.js';
export {
  type RecordingSummary,
  SAMPLES_TO_JUDGE,
  summarizeRecording,
  summarizeStreams,
} from './report/recording-summary.js';
export { parameterEstimates } from './report/report.js';
export { type CalibrationOutput, summarize } from './report/results.js';
export { pastFindings, runAlarms } from './report/run-alarms.js';
export { type RunSteps, runStepsOf, StepKeeper, type StepTrace } from './report/step-trace.js';
export { instantText } from './report/time-axis.js';
export {
  type Finding,
  findingsOf,
  type Grade,
  type Verdict,
  verdictExitCode,
  verdictLines,
  verdictOf,
} from './report/verdict.js';
export * from './state/asset-state.js';
export * from './state/checkpoint.js';
export * from './state/ledger.js';
export * from './state/marks.js';
export * from './state/migrate.js';
export * from './state/migrate-states.js';
export {
  listStates,
  loadState,
  newestState,
  restoreState,
  type StoredState,
  saveState,
  stateKey,
} from './state/state-store.js';
export * from './state/versions.js';
export { type Steadiness, type SteadinessWindow, steadiness } from './transient/steadiness.js';
export type { IntegrationError } from './types.js';
export * from './types.js';
