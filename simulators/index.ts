/** What stands in for hardware and AWS on one machine. */
export * from './cloudformation/index.js';
export * from './greengrass/index.js';
export * from './plant/index.js';
export * from './s3/index.js';
export * from './scheduler/index.js';
export * from './sitewise/index.js';
export * from './sitewise-edge/index.js';
export * from './stack/index.js';
export * from './twinmaker/index.js';
