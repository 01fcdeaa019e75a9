import type { RecordingAccount } from './account.js';
import type { CellCounts } from './column-builder.js';
import type { ColumnName } from './names.js';

/** One column of numbers. */
export interface RecordingColumn extends ColumnName {
  /** One per row; `NaN` where the cell holds no good value. */
  values: Float64Array;
  counts: CellCounts;
}

/** A recording as it was read: rows in ascending order of time, each time once. */
export interface RecordingTable {
  source: string;
  columns: readonly RecordingColumn[];
  rowCount: number;
  /** Seconds after `originS`, ascending. */
  timeS: Float64Array;
  /**
   * Seconds since 1970 in UTC where `calendar`, else since an origin of the recording's own: 0, or the
   * first row's second where rows are so near each other that a double could not tell them apart.
   */
  originS: number;
  /** The row in the file, 0-based from the first below the header. */
  row: Int32Array;
  /** Whether times are of the calendar. */
  calendar: boolean;
  /** Time of a row in nanoseconds, exact. */
  timeNsAt(row: number): bigint;
  /** Whether rows were readings of one tag each. */
  long: boolean;
  account: RecordingAccount;
}
