export * from './options.js';
export * from './progress.js';
