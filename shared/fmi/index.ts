/** The FMU importer: reads, checks and runs FMUs of FMI 2.0 in processes of their own. */
export { type ArchiveLimits, DEFAULT_ARCHIVE_LIMITS, defaultCacheDir } from './archive.js';
export { fmiCommands } from './commands.js';
export { type Fmu, type OpenFmuOptions, openFmu } from './fmu.js';
export type { FmiLogMessage, InterfaceType } from './instance.js';
export type { SettleRequest, SettleResult } from './lane-protocol.js';
export * from './model-description.js';
export { readModelDescription } from './parse.js';
export { createFmuPool, FmuPool, type FmuPoolOptions, type RunOptions } from './pool.js';
export { FmiCallError } from './status.js';
