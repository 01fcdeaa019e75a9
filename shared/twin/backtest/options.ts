import type { RecordingSummary } from '../report/recording-summary.js';

/** How a twin is tested on its record. */
export interface BacktestOptions {
  /** Samples ahead; default 1, 10 and 100. */
  horizons?: readonly number[];
  /** Times that the twin is fitted anew, each on more of the record; default 3. */
  folds?: number;
  /** Points that the first search begins from; default 4. */
  starts?: number;
  /** Seed of the record that the twin itself makes; default 1. */
  seed?: number;
  /** Leave out the tests on a record of the twin's own. */
  withoutYardstick?: boolean;
  recording?: RecordingSummary;
  signal?: AbortSignal;
  onPass?: (passes: number) => void;
}
