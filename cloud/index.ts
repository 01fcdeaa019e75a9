/** What runs in the cloud, and what describes it. */
export * from './operations/cost/index.js';
export * from './operations/doctor/index.js';
export * from './operations/feed/index.js';
export * from './page/index.js';
export * from './worker/index.js';
