import type { DeploymentConfig, FleetConfig } from '../../../shared/config/index.js';
import type { QuotaList } from './price-list.js';
import { MAX_VALUES_PER_MESSAGE, type Usage } from './usage.js';

/** One limit that a fleet meets as it grows. */
export interface LoadCheck {
  what: string;
  load: number;
  limit: number;
  unit: string;
  ok: boolean;
  /** What to do where it is too much. */
  remedy: string;
}

/** Entries of one put request. */
const ENTRIES_PER_PUT = 10;

/** What a fleet asks of AWS's quotas, and of its own schedule. */
export function checkLoad(
  usage: Usage,
  config: DeploymentConfig,
  fleet: FleetConfig,
  { quotas }: QuotaList,
): LoadCheck[] {
  const { compute } = usage;
  const checks: LoadCheck[] = [];
  const add = (what: string, load: number, limit: number, unit: string, remedy: string) =>
    checks.push({ what, load, limit, unit, ok: load <= limit, remedy });
  const ask = (adjustable: boolean, other: string) =>
    adjustable ? `ask AWS for a higher quota, or ${other}` : other;

  const messagesPerS =
    (usage.assets * usage.machineStreams) / usage.intervalS / usage.valuesPerMessage;
  // A request takes ten streams of one gateway.
  const streamsPerGateway = (usage.assets * usage.machineStreams) / Math.max(1, usage.gateways);
  const putsPerS = messagesPerS / Math.min(ENTRIES_PER_PUT, Math.max(1, streamsPerGateway));
  const requests = quotas.siteWiseDataRequests;
  add(
    'requests that write readings',
    putsPerS,
    requests.value,
    requests.unit,
    ask(requests.adjustable, 'send readings less often'),
  );
  const perProperty = quotas.siteWiseValuesPerProperty;
  add(
    'readings of one stream',
    1 / usage.intervalS,
    perProperty.value,
    perProperty.unit,
    ask(perProperty.adjustable, 'send readings less often'),
  );
  const results =
    (usage.assets * usage.resultStreams * Math.ceil(usage.stepsPerRun / MAX_VALUES_PER_MESSAGE)) /
    ENTRIES_PER_PUT;
  const parallelJobs = Math.max(1, Math.floor(config.compute.maxVcpus / compute.vcpu));
  const waves = Math.ceil(compute.jobs / parallelJobs);
  const passS = waves * compute.jobS;
  const periodS = config.schedule.everyMinutes * 60;
  const wavesInPeriod = Math.floor(periodS / compute.jobS);
  const passRemedy =
    wavesInPeriod < 1
      ? 'lower calibration.assetsPerJob, or raise schedule.everyMinutes'
      : `raise compute.maxVcpus to ${Math.ceil(Math.ceil(compute.jobs / wavesInPeriod) * compute.vcpu)}, or schedule.everyMinutes`;
  add(
    'requests that write results, on average of a pass',
    results / Math.max(1, passS),
    requests.value,
    requests.unit,
    ask(requests.adjustable, 'lower compute.maxVcpus'),
  );
  const array = quotas.batchArraySize;
  add('jobs of a run', compute.jobs, array.value, array.unit, 'raise calibration.assetsPerJob');
  const { maxRunS, assetsPerJob } = fleet.calibration;
  const share = Math.max(
    1,
    Math.floor((assetsPerJob * maxRunS) / Math.max(maxRunS, compute.busyS)),
  );
  add(
    'the calibrations of one job',
    compute.busyS,
    maxRunS,
    'seconds (calibration.maxRunS)',
    share < assetsPerJob
      ? `lower calibration.assetsPerJob to ${share}, or raise compute.vcpu`
      : `raise compute.vcpu or calibration.maxRunS, or let the twins take a sample each ${Math.ceil(((periodS / Math.max(1, usage.stepsPerRun)) * compute.busyS) / maxRunS)} s (estimator.samplePeriodS)`,
  );
  add(
    `a pass over the fleet with ${config.compute.maxVcpus} vCPUs`,
    passS / 60,
    config.schedule.everyMinutes,
    'minutes',
    passRemedy,
  );
  return checks;
}
