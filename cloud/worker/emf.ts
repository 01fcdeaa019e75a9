import type { RunReport } from './report.js';

/** The namespace of the worker's metrics in CloudWatch. */
export const METRICS_NAMESPACE = 'Twinloop';

interface Metric {
  Name: string;
  Unit: 'Count' | 'Seconds' | 'None';
}

/** Metrics of an asset. */
export const ASSET_METRICS: readonly Metric[] = [
  { Name: 'Steps', Unit: 'Count' },
  { Name: 'Failed', Unit: 'Count' },
  { Name: 'DataAge', Unit: 'Seconds' },
  { Name: 'MeanNis', Unit: 'None' },
  { Name: 'Alarms', Unit: 'Count' },
  { Name: 'Late', Unit: 'Count' },
  { Name: 'LateUnused', Unit: 'Count' },
  { Name: 'Quarantined', Unit: 'Count' },
  { Name: 'Skipped', Unit: 'Count' },
  { Name: 'Behind', Unit: 'Seconds' },
  { Name: 'SecondsPerSample', Unit: 'Seconds' },
  { Name: 'LedgerFaults', Unit: 'Count' },
];
/** Metrics of a fleet. */
export const RUN_METRICS: readonly Metric[] = [
  { Name: 'RunSeconds', Unit: 'Seconds' },
  { Name: 'AssetsFailed', Unit: 'Count' },
  { Name: 'AssetsCalibrated', Unit: 'Count' },
  { Name: 'ValuesRead', Unit: 'Count' },
  { Name: 'ValuesWritten', Unit: 'Count' },
];

function line(
  timestampMs: number,
  dimensions: Record<string, string>,
  metrics: readonly Metric[],
  values: Record<string, number | undefined>,
): string {
  const present = metrics.filter(({ Name }) => Number.isFinite(values[Name]));
  return JSON.stringify({
    _aws: {
      Timestamp: timestampMs,
      CloudWatchMetrics: [
        {
          Namespace: METRICS_NAMESPACE,
          Dimensions: [Object.keys(dimensions)],
          Metrics: present,
        },
      ],
    },
    ...dimensions,
    ...Object.fromEntries(present.map(({ Name }) => [Name, values[Name]])),
  });
}

/**
 * A run's report as CloudWatch's embedded metric format, one JSON object a line: written to a log
 * that CloudWatch collects, each becomes metrics.
 *
 * @see https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
 */
export function toEmfLines(report: RunReport): string[] {
  const ms = Date.parse(report.startedAt);
  return [
    line(ms, { Fleet: report.fleet }, RUN_METRICS, {
      RunSeconds: report.seconds,
      AssetsFailed: report.totals.failed,
      AssetsCalibrated: report.totals.calibrated,
      ValuesRead: report.totals.valuesRead,
      ValuesWritten: report.totals.valuesWritten,
    }),
    ...report.assets.map((a) =>
      line(ms, { Fleet: report.fleet, Asset: a.asset }, ASSET_METRICS, {
        Steps: a.steps,
        Failed: a.outcome === 'failed' ? 1 : 0,
        DataAge: a.dataAgeS,
        MeanNis: a.meanNis,
        Alarms: a.alarms.length,
        Late: a.late,
        LateUnused: a.lateUnused,
        Quarantined: a.quarantined,
        Skipped: Object.values(a.skipped).reduce((sum, n) => sum + n, 0),
        Behind: a.behindS,
        SecondsPerSample: a.pace?.secondsPerSample,
        LedgerFaults: a.ledgerFaults.length,
      }),
    ),
  ];
}
