/** The operator's page: what a twin knows, live in a browser. */

export type { CalibrationRun } from './browser/protocol.js';
export { type Monitor, type MonitorOptions, startMonitor } from './monitor.js';
export type { MonitorStatus } from './status.js';
