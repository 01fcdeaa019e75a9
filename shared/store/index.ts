export { type BackedUp, backUpStore, type Restored, restoreStore } from './backup.js';
/** Where state and reports are kept: one small port, a folder or S3 behind it. */
export * from './folder-store.js';
export * from './keys.js';
export * from './object-store.js';
export * from './open-store.js';
export * from './operations.js';
export * from './s3-store.js';
