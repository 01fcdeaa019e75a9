/** The monitor: a page on loopback that shows a twin live. */
export { type Monitor, type MonitorOptions, startMonitor } from './monitor.js';
export type { CalibrationRun } from './page/protocol.js';
export type { MonitorStatus } from './status.js';
