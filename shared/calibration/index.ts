/** The twin model = FMU + twin definition, and its calibration against measurements. */
export * from './align.js';
export { createCalibrator, filterSettings } from './calibrator.js';
export * from './checkpoint.js';
export { parameterEstimates } from './report.js';
export { truncatedEstimate } from './truncated.js';
export * from './twin.js';
export { createTwinModel } from './twin-model.js';
export * from './types.js';
