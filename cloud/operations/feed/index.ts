/** First data for an asset: a recording, fed into SiteWise. */
export * from './feed.js';
export * from './progress.js';
export * from './recording-values.js';
export * from './time-shift.js';
