/** What historians export, as numbers over time, with an account of what was read. */
export {
  accountLines,
  deadColumns,
  type RecordingAccount,
  timeText,
} from './account.js';
export { type BesideColumns, besideTexts } from './beside.js';
export type { CellCounts, Unreadable } from './column-builder.js';
export { type ColumnName, columnName, findColumn } from './names.js';
export { type LongForm, type ReadOptions, TIME_FORMATS, type TimeFormat } from './options.js';
export { readTable, recordingColumn } from './read.js';
export type { RecordingColumn, RecordingTable } from './table.js';
