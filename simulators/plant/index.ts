/** The machine on one's desk: simulated with a hidden truth or replayed, behind a real OPC UA server. */
export * from './machine.js';
export * from './opcua-server.js';
export * from './plant.js';
export * from './recording.js';
export * from './scenario.js';
export * from './simulated-machine.js';
