/** A stand-in for the API of IoT TwinMaker on this machine. */
export * from './client.js';
export type { SiteWiseAs } from './resources/connector.js';
export * from './twinmaker.js';
