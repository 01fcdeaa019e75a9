import type { ErrorCode } from '../../shared/core/index.js';
import { keySegment } from '../../shared/store/index.js';
import type { Alarm, Estimate, Identifiability } from '../../shared/twin/index.js';

/** How the run of an asset ended. */
export type AssetOutcome =
  | 'calibrated' // samples were assimilated
  | 'idle' // nothing new to assimilate
  | 'superseded' // another job was at the same asset and was first; nothing is lost
  | 'stopped' // on request or out of time; the rest is for the next run
  | 'failed'; // see `error`; the last good state stays

/** What one run did with one asset. */
export interface AssetReport {
  asset: string;
  twin: string;
  outcome: AssetOutcome;
  /** Samples assimilated. */
  steps: number;
  /** Samples passed over, by reason. */
  skipped: Record<string, number>;
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
