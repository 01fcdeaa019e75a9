/** What every part of Twinloop has in common: errors, time, logging, randomness, files, commands. */
export * from './clock.js';
export * from './command-io.js';
export * from './csv.js';
export * from './errors.js';
export * from './files.js';
export * from './folder-lock.js';
export * from './json.js';
export * from './left-locks.js';
export * from './lifecycle.js';
export * from './logger.js';
export * from './package-root.js';
export * from './random.js';
export * from './scratch.js';
export * from './suggest.js';
export * from './time.js';
export * from './time-map.js';
export * from './tqv.js';
