/** What calibrates assets in the cloud: one pass over a share of the fleet. */
export * from './emf.js';
export * from './engine.js';
export * from './fleet-source.js';
export { FORECAST_GRID_S, FORECAST_TIMES } from './publish-forecast.js';
export { type Reconciled, reconcileStreams } from './reconcile.js';
export * from './report.js';
export { formatAlarms } from './results.js';
export { runWorkerJob, type WorkerArgs } from './run-job.js';
export * from './run-worker.js';
export * from './state.js';
export { exitCodeOf, jobExitCodeOf } from './verdict.js';
