/** A stand-in for the Greengrass nucleus on this machine. */

export type { ComponentState } from './component-process.js';
export type { ExchangedCredentials } from './credentials-server.js';
export { MAX_PACKET_BYTES } from './ipc-server.js';
export * from './nucleus.js';
