import { FORECAST_TIMES } from '../../worker/index.js';
import type { PriceList, PriceName } from './price-list.js';
import { HOURS_PER_MONTH, MAX_VALUES_PER_MESSAGE, type Usage } from './usage.js';

/** One line of the bill. */
export interface CostLine {
  service: string;
  what: string;
  price: PriceName;
  /** In the price's unit, a month. */
  amount: number;
  usd: number;
}

/** A month's bill. */
export interface Estimate {
  lines: CostLine[];
  totalUsd: number;
}

/** A retrieval of values is one message per so many. */
const VALUES_PER_READ_MESSAGE = 50;
/** A stored value: time, quality, value and what identifies the series. Not published: an estimate. */
const BYTES_PER_VALUE = 50;
/** The worker's image as it is downloaded, and unpacked in the registry; GB. Estimates. */
const IMAGE_GB = 0.1;
const IMAGE_STORED_GB = 0.25;
/** EMF lines of one asset and run. */
const LOG_BYTES_PER_ASSET = 600;
/** State, latest report and their noncurrent versions of one asset, bytes. */
const STORE_BYTES_PER_ASSET = 2e6;
/** Each run looks through so much before its watermark, seconds. */
const NEAR_S = 3600;
const SCHEDULER_FREE = 14e6;
const METRICS_AT_FIRST_PRICE = 10_000;
const SECONDS_PER_MONTH = HOURS_PER_MONTH * 3600;

/** Amounts times prices. Free tiers of new accounts are left out, lasting ones are taken off. */
export function estimateCost(usage: Usage, { prices }: PriceList): Estimate {
  const lines: CostLine[] = [];
  const add = (service: string, what: string, price: PriceName, amount: number) => {
    if (amount <= 0) return;
    const { usd, per } = prices[price];
    lines.push({ service, what, price, amount, usd: (amount / per) * usd });
  };
  const { assets, compute, dashboard, grafana } = usage;
  const jobsPerMonth = usage.runsPerMonth * compute.jobs;

  const machineValues = (assets * usage.machineStreams * SECONDS_PER_MONTH) / usage.intervalS;
  const resultValues = assets * usage.resultStreams * usage.stepsPerRun * usage.runsPerMonth;
  // A run writes its results of a stream together, ten to a message.
  const resultMessages =
    assets *
    usage.resultStreams *
    usage.runsPerMonth *
    Math.ceil(usage.stepsPerRun / MAX_VALUES_PER_MESSAGE);
  const valuesPerRun = SECONDS_PER_MONTH / Math.max(1, usage.runsPerMonth) / usage.intervalS;
  const readMessages =
    assets *
    usage.machineStreams *
    usage.runsPerMonth *
    Math.ceil(valuesPerRun / VALUES_PER_READ_MESSAGE);
  const stepIntervalS = SECONDS_PER_MONTH / Math.max(1, usage.runsPerMonth * usage.stepsPerRun);
  const shownMessages = (streams: number, intervalS: number) =>
    streams * Math.ceil(dashboard.windowS / intervalS / VALUES_PER_READ_MESSAGE);
  const refreshes = dashboard.hours * (3600 / dashboard.refreshS);
  const siteWise = 'IoT SiteWise';
  add(siteWise, 'readings in', 'siteWiseMessage', machineValues / usage.valuesPerMessage);
  add(siteWise, 'results in', 'siteWiseMessage', resultMessages);
  add(
    siteWise,
    'forecasts in',
    'siteWiseMessage',
    assets *
      usage.forecastStreams *
      usage.forecastsPerMonth *
      Math.ceil(FORECAST_TIMES / MAX_VALUES_PER_MESSAGE),
  );
  add(siteWise, 'readings to the worker', 'siteWiseMessage', readMessages);
  const { lateCheck } = usage;
  const lookedThrough = (spanS: number) =>
    Math.ceil(spanS / usage.intervalS / VALUES_PER_READ_MESSAGE);
  add(
    siteWise,
    'late readings looked for',
    'siteWiseMessage',
    assets *
      usage.machineStreams *
      (lateCheck.near * lookedThrough(NEAR_S) + lateCheck.whole * lookedThrough(lateCheck.windowS)),
  );
  add(
    siteWise,
    'values to one open dashboard',
    'siteWiseMessage',
    refreshes *
      (shownMessages(usage.machineStreams, Math.max(usage.intervalS, dashboard.averageS)) +
        (usage.runsPerMonth === 0 ? 0 : shownMessages(usage.resultStreams, stepIntervalS))),
  );
  const storedValues =
    (machineValues + resultValues) * (usage.retentionDays / (HOURS_PER_MONTH / 24));
  add(
    siteWise,
    `hot storage of ${usage.retentionDays} days`,
    'siteWiseHotStorage',
    ((storedValues * BYTES_PER_VALUE) / 1e9) * (HOURS_PER_MONTH / 24),
  );

  const jobHours = (jobsPerMonth * compute.jobS) / 3600;
  if (compute.type.startsWith('fargate')) {
    const spot = compute.type === 'fargate-spot';
    add(
      'Fargate',
      'vCPUs of jobs',
      spot ? 'fargateSpotVcpu' : 'fargateVcpu',
      jobHours * compute.vcpu,
    );
    add(
      'Fargate',
      'memory of jobs',
      spot ? 'fargateSpotMemory' : 'fargateMemory',
      jobHours * compute.memoryGb,
    );
  } else {
    const price = compute.type === 'ec2-spot' ? 'ec2SpotVcpu' : 'ec2Vcpu';
    add('EC2', 'vCPUs of jobs', price, jobHours * compute.vcpu);
  }
  if (compute.publicIpv4) add('VPC', 'public addresses of jobs', 'publicIpv4', jobHours);
  add('VPC', 'NAT gateways', 'natGateway', compute.natGateways * HOURS_PER_MONTH);
  if (compute.natGateways > 0 && compute.type.startsWith('fargate')) {
    add('VPC', 'images through NAT gateways', 'natData', jobsPerMonth * IMAGE_GB);
  }
  add('ECR', 'the image', 'ecrStorage', IMAGE_STORED_GB);
  add(
    'EventBridge Scheduler',
    'runs beyond the free ones',
    'schedulerInvocation',
    usage.runsPerMonth - SCHEDULER_FREE,
  );

  // Each commit is written twice (state, then "sent"); beside it the latest report.
  const assetRuns = assets * usage.runsPerMonth;
  add('S3', 'writes', 's3Put', assetRuns * (2 * usage.commitsPerRun + 1) + jobsPerMonth);
  add('S3', 'reads', 's3Get', assetRuns + 3 * jobsPerMonth);
  add('S3', 'state and reports', 's3Storage', (assets * STORE_BYTES_PER_ASSET) / 1e9);
  add('KMS', 'the key', 'kmsKey', 1);

  add('Managed Grafana', 'editors', 'grafanaEditor', grafana.editors);
  add('Managed Grafana', 'viewers', 'grafanaViewer', grafana.viewers);
  add('IoT TwinMaker', 'entities', 'twinMakerEntity', usage.twinMakerEntities);
  add('IoT Greengrass', 'gateways', 'greengrassCore', usage.gateways);
  add('CloudWatch', 'metrics', 'cloudWatchMetric', Math.min(usage.metrics, METRICS_AT_FIRST_PRICE));
  add(
    'CloudWatch',
    'metrics beyond 10,000',
    'cloudWatchMetricBeyond',
    usage.metrics - METRICS_AT_FIRST_PRICE,
  );
  add('CloudWatch', 'alarms', 'cloudWatchAlarm', usage.alarms);
  add('CloudWatch', 'logs', 'cloudWatchLogs', (assetRuns * LOG_BYTES_PER_ASSET) / 1e9);
  return { lines, totalUsd: lines.reduce((sum, l) => sum + l.usd, 0) };
}

/** A bill by service, the dearest first. */
export function byService(estimate: Estimate): { service: string; usd: number }[] {
  const sums = new Map<string, number>();
  for (const { service, usd } of estimate.lines) sums.set(service, (sums.get(service) ?? 0) + usd);
  return [...sums].map(([service, usd]) => ({ service, usd })).sort((a, b) => b.usd - a.usd);
}
