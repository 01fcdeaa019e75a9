import { expect, test } from 'vitest';
import { z } from 'zod';
import { type AssetReport, type RunReport, toEmfLines } from '../../../cloud/index.js';

const dimensionValue = z.string().min(1).max(1024);
/**
 * The structure that CloudWatch extracts metrics from.
 *
 * @see https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
 */
const emf = z
  .object({
    _aws: z.strictObject({
      Timestamp: z.int().positive(),
      CloudWatchMetrics: z
        .array(
          z.strictObject({
            Namespace: z.string().min(1).max(1024),
            Dimensions: z.array(z.array(z.string().min(1).max(250)).max(30)).min(1),
            Metrics: z
              .array(
                z.strictObject({
                  Name: z.string().min(1).max(1024),
                  Unit: z.enum(['Seconds', 'Milliseconds', 'Count', 'Percent', 'Bytes', 'None']),
                }),
              )
              .min(1)
              .max(100),
          }),
        )
        .min(1),
    }),
  })
  .loose()
  .superRefine((line, context) => {
    for (const { Dimensions, Metrics } of line._aws.CloudWatchMetrics) {
      for (const name of Dimensions.flat()) {
        if (!dimensionValue.safeParse(line[name]).success) {
          context.addIssue({ code: 'custom', message: `${name} is no dimension's value` });
        }
      }
      for (const { Name } of Metrics) {
        if (!Number.isFinite(line[Name])) {
          context.addIssue({ code: 'custom', message: `${Name} is no metric's value` });
        }
      }
    }
  });

const recording = {
  rows: 3,
  used: 3,
  skipped: {},
  unreadable: {},
  deadChannels: [],
  spanS: 20,
  periodS: 10,
  ageS: 12.5,
};
const asset: AssetReport = {
  asset: 'line-1',
  twin: 'web-line',
  outcome: 'calibrated',
  steps: 3,
  skipped: {},
  gaps: [],
  missing: [],
  startValues: [],
  recording,
  verdict: { grade: 'good', reasons: [] },
  quarantined: 0,
  waiting: 0,
  thinned: 0,
  late: 4,
  lateUnused: 0,
  rewritten: 0,
  ledgerFaults: [],
  valuesRead: 36,
  valuesWritten: 366,
  valuesRejected: 0,
  dataAgeS: 12.5,
  meanNis: 0.9,
  alarms: [],
  seconds: 1.5,
};
const { meanNis: _nis, dataAgeS: _age, ...bare } = asset;
const report: RunReport = {
  runId: 'r',
  fleet: 'lines',
  index: 0,
  startedAt: '2026-11-24T16:00:00.000Z',
  seconds: 2,
  assets: [asset, { ...bare, asset: 'line-2', outcome: 'failed', steps: 0 }],
  summary: { verdict: { grade: 'good', reasons: [] }, recording },
  totals: { assets: 2, calibrated: 1, failed: 1, steps: 3, valuesRead: 36, valuesWritten: 366 },
};

test('each line of metrics is what CloudWatch extracts metrics from, and small enough for a log', () => {
  const lines = toEmfLines(report);
  expect(lines).toHaveLength(3);
  for (const line of lines) {
    expect(line).not.toContain('\n');
    expect(Buffer.byteLength(line)).toBeLessThan(256 * 1024);
    expect(emf.safeParse(JSON.parse(line))).toMatchObject({ success: true });
  }
  const [run, first, second] = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(run).toMatchObject({ Fleet: 'lines', AssetsFailed: 1, AssetsCalibrated: 1 });
  expect(first).toMatchObject({ Fleet: 'lines', Asset: 'line-1', Failed: 0, DataAge: 12.5 });
  // What is not known is left out, not 0.
  expect(second).toMatchObject({ Asset: 'line-2', Failed: 1 });
  expect(second).not.toHaveProperty('MeanNis');
  expect(second).not.toHaveProperty('DataAge');
});
