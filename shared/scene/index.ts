/** The machine in space, from a twin definition's layout: one glTF for TwinMaker and the monitor. */
export * from './machine-model.js';
export * from './own-model.js';
export * from './part-names.js';
export * from './web-path.js';
