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

/** What is used of a service in a month, in the price's unit. */
type Used = readonly [service: string, what: string, price: PriceName, amount: number];

/** Amounts times prices. Free tiers of new accounts are left out, lasting ones are taken off. */
export function estimateCost(usage: Usage, { prices }: PriceList): Estimate {
  const used = [
    ...siteWiseUse(usage),
    ...computeUse(usage),
    ...storeUse(usage),
    ...viewUse(usage),
    ...watchUse(usage),
  ];
  const lines = used
    .filter(([, , , amount]) => !(amount <= 0))
    .map(([service, what, price, amount]): CostLine => {
      const { usd, per } = prices[price];
      return { service, what, price, amount, usd: (amount / per) * usd };
    });
  return { lines, totalUsd: lines.reduce((sum, l) => sum + l.usd, 0) };
}

/** Messages of values in and out, and what keeps them. */
function siteWiseUse(usage: Usage): Used[] {
  const { assets, dashboard, lateCheck } = usage;
  const messages = (what: string, amount: number): Used => [
    'IoT SiteWise',
    what,
    'siteWiseMessage',
    amount,
  ];
  const machineValues = (assets * usage.machineStreams * SECONDS_PER_MONTH) / usage.intervalS;
  const resultValues = assets * usage.resultStreams * usage.stepsPerRun * usage.runsPerMonth;
  // A run writes its results of a stream together, ten to a message.
  const resultMessages =
    assets *
    usage.resultStreams *
    usage.runsPerMonth *
    Math.ceil(usage.stepsPerRun / MAX_VALUES_PER_MESSAGE);
  const forecastMessages =
    assets *
    usage.forecastStreams *
    usage.forecastsPerMonth *
    Math.ceil(FORECAST_TIMES / MAX_VALUES_PER_MESSAGE);
  const valuesPerRun = SECONDS_PER_MONTH / Math.max(1, usage.runsPerMonth) / usage.intervalS;
  const readMessages =
    assets *
    usage.machineStreams *
    usage.runsPerMonth *
    Math.ceil(valuesPerRun / VALUES_PER_READ_MESSAGE);
  const lookedThrough = (spanS: number) =>
    Math.ceil(spanS / usage.intervalS / VALUES_PER_READ_MESSAGE);
  const lateMessages =
    assets *
    usage.machineStreams *
    (lateCheck.near * lookedThrough(NEAR_S) + lateCheck.whole * lookedThrough(lateCheck.windowS));
  const stepIntervalS = SECONDS_PER_MONTH / Math.max(1, usage.runsPerMonth * usage.stepsPerRun);
  const shownMessages = (streams: number, intervalS: number) =>
    streams * Math.ceil(dashboard.windowS / intervalS / VALUES_PER_READ_MESSAGE);
  const refreshes = dashboard.hours * (3600 / dashboard.refreshS);
  const storedValues =
    (machineValues + resultValues) * (usage.retentionDays / (HOURS_PER_MONTH / 24));
  return [
    messages('readings in', machineValues / usage.valuesPerMessage),
    messages('results in', resultMessages),
    messages('forecasts in', forecastMessages),
    messages('readings to the worker', readMessages),
    messages('late readings looked for', lateMessages),
    messages(
      'values to one open dashboard',
      refreshes *
        (shownMessages(usage.machineStreams, Math.max(usage.intervalS, dashboard.averageS)) +
          (usage.runsPerMonth === 0 ? 0 : shownMessages(usage.resultStreams, stepIntervalS))),
    ),
    [
      'IoT SiteWise',
      `hot storage of ${usage.retentionDays} days`,
      'siteWiseHotStorage',
      ((storedValues * BYTES_PER_VALUE) / 1e9) * (HOURS_PER_MONTH / 24),
    ],
  ];
}

const jobsPerMonth = ({ runsPerMonth, compute }: Usage): number => runsPerMonth * compute.jobs;

/** Jobs, their network and image, and what starts them. */
function computeUse(usage: Usage): Used[] {
  const { compute } = usage;
  const jobs = jobsPerMonth(usage);
  const jobHours = (jobs * compute.jobS) / 3600;
  const isFargate = compute.type.startsWith('fargate');
  const spot = compute.type === 'fargate-spot';
  const used: Used[] = isFargate
    ? [
        [
          'Fargate',
          'vCPUs of jobs',
          spot ? 'fargateSpotVcpu' : 'fargateVcpu',
          jobHours * compute.vcpu,
        ],
        [
          'Fargate',
          'memory of jobs',
          spot ? 'fargateSpotMemory' : 'fargateMemory',
          jobHours * compute.memoryGb,
        ],
      ]
    : [
        [
          'EC2',
          'vCPUs of jobs',
          compute.type === 'ec2-spot' ? 'ec2SpotVcpu' : 'ec2Vcpu',
          jobHours * compute.vcpu,
        ],
      ];
  if (compute.publicIpv4) used.push(['VPC', 'public addresses of jobs', 'publicIpv4', jobHours]);
  used.push(['VPC', 'NAT gateways', 'natGateway', compute.natGateways * HOURS_PER_MONTH]);
  if (compute.natGateways > 0 && isFargate) {
    used.push(['VPC', 'images through NAT gateways', 'natData', jobs * IMAGE_GB]);
  }
  return [
    ...used,
    ['ECR', 'the image', 'ecrStorage', IMAGE_STORED_GB],
    [
      'EventBridge Scheduler',
      'runs beyond the free ones',
      'schedulerInvocation',
      usage.runsPerMonth - SCHEDULER_FREE,
    ],
  ];
}

const assetRuns = ({ assets, runsPerMonth }: Usage): number => assets * runsPerMonth;

/** Each commit is written twice (state, then "sent"); beside it the latest report. */
function storeUse(usage: Usage): Used[] {
  const jobs = jobsPerMonth(usage);
  const runs = assetRuns(usage);
  return [
    ['S3', 'writes', 's3Put', runs * (2 * usage.commitsPerRun + 1) + jobs],
    ['S3', 'reads', 's3Get', runs + 3 * jobs],
    ['S3', 'state and reports', 's3Storage', (usage.assets * STORE_BYTES_PER_ASSET) / 1e9],
    ['KMS', 'the key', 'kmsKey', 1],
  ];
}

/** What people look at, and the gateways. */
const viewUse = ({ grafana, twinMakerEntities, gateways }: Usage): Used[] => [
  ['Managed Grafana', 'editors', 'grafanaEditor', grafana.editors],
  ['Managed Grafana', 'viewers', 'grafanaViewer', grafana.viewers],
  ['IoT TwinMaker', 'entities', 'twinMakerEntity', twinMakerEntities],
  ['IoT Greengrass', 'gateways', 'greengrassCore', gateways],
];

/** What watches over all of it. */
const watchUse = (usage: Usage): Used[] => [
  ['CloudWatch', 'metrics', 'cloudWatchMetric', Math.min(usage.metrics, METRICS_AT_FIRST_PRICE)],
  [
    'CloudWatch',
    'metrics beyond 10,000',
    'cloudWatchMetricBeyond',
    usage.metrics - METRICS_AT_FIRST_PRICE,
  ],
  ['CloudWatch', 'alarms', 'cloudWatchAlarm', usage.alarms],
  ['CloudWatch', 'logs', 'cloudWatchLogs', (assetRuns(usage) * LOG_BYTES_PER_ASSET) / 1e9],
];

/** A bill by service, the dearest first. */
export function byService(estimate: Estimate): { service: string; usd: number }[] {
  const sums = new Map<string, number>();
  for (const { service, usd } of estimate.lines) sums.set(service, (sums.get(service) ?? 0) + usd);
  return [...sums].map(([service, usd]) => ({ service, usd })).sort((a, b) => b.usd - a.usd);
}
