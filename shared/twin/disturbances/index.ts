export * from './force.js';
export * from './force-basis.js';
export * from './force-model.js';
export * from './targets.js';
