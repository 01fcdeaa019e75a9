/** The files that users write: one zod schema each, and how they are read. */
export * from './load.js';
export * from './twin.js';
