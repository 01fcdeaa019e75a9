/** Where state and reports are kept: one small port, a folder or S3 behind it. */
export * from './object-store.js';
