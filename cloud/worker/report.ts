import type { ErrorCode } from '../../shared/core/index.js';
import { keySegment } from '../../shared/store/index.js';
import type {
  Alarm,
  Estimate,
  Identifiability,
  Ledger,
  MachineGap,
  RecordingSummary,
  Verdict,
} from '../../shared/twin/index.js';

/** How the run of an asset ended. */
export type AssetOutcome =
  | 'calibrated' // samples were assimilated
  | 'late-data' // likewise, among them such that came behind the estimate; or some came too late
  | 'quarantined' // a sample at which the model fails again and again was set aside
  | 'behind' // work is left, see `behindS`
  | 'starved' // there were readings, but inputs or measurements are missing: see `skipped`, `missing`
  | 'waiting' // there were readings, of a sample that is not complete or not due yet
  | 'idle' // nothing was there to read
  | 'superseded' // another job was at the same asset and was first; nothing is lost
  | 'stopped' // on request, or before its turn; the rest is for the next run
  | 'failed'; // see `error`; the last good state stays

/** What one run did with one asset. */
export interface AssetReport {
  asset: string;
  twin: string;
  /** The version of the twin that it ran with, as the store keeps it; absent where it could not be read. */
  twinVersion?: string;
  outcome: AssetOutcome;
  /** Samples assimilated. */
  steps: number;
  /** Samples passed over, by reason. */
  skipped: Record<string, number>;
  /** Inputs without a value, by variable. */
  missing: string[];
  /** Inputs that never had a value and stand at the FMU's start values, by variable. */
  startValues: string[];
  /** Samples set aside. */
  quarantined: number;
  /** Readings of an instant that is not complete yet. */
  waiting: number;
  /** Instants that the sample period passed over. */
  thinned: number;
  /** Times without samples of which nothing is known, in the machine's own seconds: its states were widened, or begun anew. */
  gaps: MachineGap[];
  /** Readings that came behind the estimate and were taken in their place. */
  late: number;
  /** Readings that came too late for that. */
  lateUnused: number;
  /** Readings whose value was changed after they had been taken. */
  rewritten: number;
  /** Time between the estimate and what could be read, where work is left, seconds. */
  behindS?: number;
  /** What the run's fit of a moving machine's constants says of itself; absent where none was due. */
  fit?: Verdict;
  /** The forecast of the coming week: values published, or why there is none; absent where none was due. */
  forecast?: { values: number; modelRuns: number; fault?: string };
  /** What a sample took, and the time between samples, seconds; absent without a step. */
  pace?: { secondsPerSample: number; secondsBetweenSamples?: number };
  /** The fate of every reading and sample, over the asset's life; absent before the first commit. */
  ledger?: Ledger;
  /** Sums of the ledger that do not match: nothing of this should ever be here. */
  ledgerFaults: string[];
  /** The samples of this run, and what became of them. */
  recording: RecordingSummary;
  /** Whether the result may be acted on. */
  verdict: Verdict;
  /** The same for each parameter, virtual sensor and measured variable; absent when no step was made. */
  quantities?: Record<string, Verdict>;
  /** Values read from SiteWise. */
  valuesRead: number;
  /** Values that SiteWise took. */
  valuesWritten: number;
  /** Values that SiteWise will never take, with the first reason. */
  valuesRejected: number;
  rejection?: string;
  /** The newest instant dealt with, epoch nanoseconds; absent before the first. */
  watermarkNs?: string;
  /** How old the newest reading was when the run began, seconds; absent without any. */
  dataAgeS?: number;
  meanNis?: number;
  /** Estimates at the newest sample; absent when no step was made. */
  parameters?: Record<string, Estimate>;
  virtualSensors?: Record<string, Estimate>;
  alarms: Alarm[];
  /** What one sample of the sensors can tell, at the newest; absent when no step was made. */
  identifiability?: Identifiability;
  seconds: number;
  error?: { code: ErrorCode; message: string; retryable: boolean };
}

/** What one run of the worker did. */
export interface RunReport {
  runId: string;
  fleet: string;
  /** Position in the array job. */
  index: number;
  startedAt: string;
  seconds: number;
  /** From the start of the process to the first answer of a model; absent without a step. */
  secondsToFirstEvaluation?: number;
  assets: AssetReport[];
  summary: { verdict: Verdict; recording: RecordingSummary };
  totals: {
    assets: number;
    calibrated: number;
    failed: number;
    steps: number;
    valuesRead: number;
    valuesWritten: number;
  };
}

/** Where the report of a run is kept. */
export function reportKey(report: { fleet: string; startedAt: string; runId: string }): string {
  const [day = '', time = ''] = report.startedAt.split('T');
  return `reports/${keySegment(report.fleet)}/${day}/${time.replaceAll(':', '')}-${report.runId}.json`;
}

/** Where the newest report of an asset is kept, for whoever asks how it is. */
export function latestKey(fleet: string, assetId: string): string {
  return `latest/${keySegment(fleet)}/${keySegment(assetId)}.json`;
}
