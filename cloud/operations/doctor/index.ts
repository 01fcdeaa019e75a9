/** Whether a system is well, from the model and the sensor to the result. */
export * from './check.js';
export * from './check-asset.js';
export * from './check-edge.js';
export * from './check-models.js';
export * from './check-permissions.js';
export * from './check-store.js';
export * from './diagnose.js';
export * from './local-system.js';
