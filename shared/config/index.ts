/** The files that users write: one zod schema each, and how they are read. */

export * from './decisions.js';
export * from './deployment.js';
export * from './disturbances.js';
export * from './edge.js';
export * from './edge-example.js';
export { brokerAccess, type SecretConfig, secretSchema } from './edge-source-fields.js';
export * from './edge-sources.js';
export * from './estimation.js';
export * from './fleet.js';
export * from './forecast-streams.js';
export * from './layout.js';
export * from './load.js';
export * from './picture.js';
export * from './sample.js';
export * from './stack.js';
export * from './streams.js';
export * from './twin.js';
export * from './twin-aliases.js';
