/** What runs in the cloud, and what describes it. */
export * from './commands.js';
export * from './cost/index.js';
export * from './doctor/index.js';
export * from './feed/index.js';
export * from './worker/index.js';
