/** What a deployment costs: amounts from its files, prices from one list. */
export * from './estimate.js';
export * from './load.js';
export * from './price-list.js';
export * from './run-time.js';
export * from './usage.js';
