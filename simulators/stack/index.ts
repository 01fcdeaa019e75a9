/** The whole loop on one machine: what `twinloop up` starts, and its summary. */
export type { WorkerPlace } from './cloud.js';
export { catchUp, drain } from './drain.js';
export type { EdgeDeployment } from './edge-process.js';
export * from './stack.js';
export * from './summary.js';
