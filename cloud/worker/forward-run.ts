import type {
  Calibrator,
  CalibratorState,
  ChannelWatch,
  ErrorCode,
  JudgedInputs,
  Mark,
} from '../../shared/twin/index.js';
import type { AssetDeps, AssetJob } from './asset-job.js';
import type { Committed } from './commit.js';
import type { Progress } from './progress.js';
import type { AssetState } from './state.js';

/** A run on its way: where it stands, and what it has not committed yet. */
export interface Forward {
  job: AssetJob;
  deps: AssetDeps;
  progress: Progress;
  key: string;
  state: AssetState;
  committed: Committed | undefined;
  mark: Mark;
  history: Mark[];
  arrivals: AssetState['arrivals'];
  /** What tells frozen channels, copies and held values, up to the newest sample. */
  channels: ChannelWatch;
  rows: { timeNs: bigint; values: (number | string | null)[] }[];
  /** Wild values of inputs that this run has found. */
  wildInputs: JudgedInputs['wild'];
  /** Error codes of measured variables that it has found. */
  codes: ErrorCode[];
  /** Up to here it replays what is committed already: nothing is committed before that is done. */
  replayUntilNs: bigint | undefined;
  calibrator: Calibrator | undefined;
  calibratorState: CalibratorState | undefined;
  overtime: () => boolean;
  signal: AbortSignal;
}
