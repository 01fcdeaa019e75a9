export * from './sitewise/index.js';
