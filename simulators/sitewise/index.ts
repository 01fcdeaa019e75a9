/** A stand-in for the IoT SiteWise API on this machine. */
export type { SiteWiseCounters } from './http/server.js';
export type { AcceptedCredentials } from './http/signature.js';
export * from './sitewise.js';
