/** The operator's page: what a twin, or a fleet of them, knows, live in a browser. */
export type { CalibrationRun } from './browser/protocol.js';
export type { OutlookSource } from './outlook.js';
export type { Pace, PageAsset } from './rooms.js';
export { type Page, type PageOptions, startPage } from './server.js';
export { keepHeapSmall } from './small-heap.js';
export type { PageStatus } from './status.js';
export { type ReadVerdicts, verdictsIn } from './verdicts.js';
