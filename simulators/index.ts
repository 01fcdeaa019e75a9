export * from './greengrass/index.js';
export * from './monitor/index.js';
export * from './plant/index.js';
export * from './sitewise/index.js';
export * from './sitewise-edge/index.js';
