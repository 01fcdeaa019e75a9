/** A stand-in for the IoT SiteWise API on this machine. */
export type { ServerCertificate } from './http/certificate.js';
export { generateCertificate, keepCertificate } from './http/certificate.js';
export type { FaultRule, FaultRules } from './http/fault-rules.js';
export { AWS_QUOTAS, NO_QUOTAS, type Quotas } from './http/quotas.js';
export { CONTROL_PATH, type SiteWiseCounters } from './http/server.js';
export type { AcceptedCredentials } from './http/signature.js';
export * from './operations.js';
export * from './sitewise.js';
