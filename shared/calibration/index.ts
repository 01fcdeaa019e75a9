/** The twin model = FMU + twin definition, and its calibration against measurements. */
export * from './align.js';
export * from './twin.js';
export * from './types.js';
