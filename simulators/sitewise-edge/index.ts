/** A stand-in for an MQTT-enabled SiteWise Edge gateway: broker, offline buffer, publisher. */
export { type EdgeFaults, NO_FAULTS } from './faults.js';
export * from './sitewise-edge.js';
