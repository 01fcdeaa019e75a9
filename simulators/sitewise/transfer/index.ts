/** A store's values to files and back. */
export * from './export.js';
export * from './import.js';
