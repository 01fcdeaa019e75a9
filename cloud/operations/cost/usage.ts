import {
  type DeploymentConfig,
  type FleetConfig,
  forecastStreams,
  jobCount,
  type TwinDefinition,
  twinStreams,
} from '../../../shared/config/index.js';
import { AVERAGE_S } from '../../dashboards/pace.js';
import { ASSET_METRICS, FORECAST_GRID_S, RUN_METRICS } from '../../worker/index.js';

/** Hours in a month as AWS reckons. */
export const HOURS_PER_MONTH = 730;

/** What a deployment's files don't say. */
export interface Assumptions {
  /** Seconds between two readings of a stream. */
  intervalS: number;
  /** The gateway sends what it has of a stream after this time, or ten values. */
  batchWaitS: number;
  /** Wall time of one calibration step on the job's vCPUs, seconds. */
  stepS: number;
  /** From the start of a job, billed, to its first step: image, process, model; seconds. */
  jobStartS: number;
  /** Days that values stay in SiteWise's hot tier. */
  retentionDays: number;
  editors: number;
  viewers: number;
  /** Hours a month that one dashboard is open somewhere. */
  dashboardHours: number;
  /** Seconds between two refreshes of a dashboard. */
  refreshS: number;
  /** The time that a dashboard shows, hours. */
  windowHours: number;
  assetsPerGateway: number;
}

/** What an estimate is reckoned from: amounts, not prices. */
export interface Usage {
  assets: number;
  /** Streams that the machine sends, and that a calibration writes; per asset. */
  machineStreams: number;
  resultStreams: number;
  /** Streams of the forecast of the coming week, and how often it is published a month. */
  forecastStreams: number;
  forecastsPerMonth: number;
  intervalS: number;
  /** Values of a stream that the gateway puts into one message. */
  valuesPerMessage: number;
  runsPerMonth: number;
  /** Samples that a run assimilates, per asset. */
  stepsPerRun: number;
  commitsPerRun: number;
  compute: {
    type: DeploymentConfig['compute']['type'];
    /** Jobs of one run. */
    jobs: number;
    vcpu: number;
    memoryGb: number;
    /** What the assets of one job take together, at one after the other. */
    busyS: number;
    /** Of one job, from the download of its image to its end: a run stops at `maxRunS`. */
    jobS: number;
    publicIpv4: boolean;
    natGateways: number;
  };
  /** What is read again to find readings that came late; see `calibration.lateCheckS`. */
  lateCheck: {
    /** Looks through the last hour, a month. */
    near: number;
    /** Looks through the whole late window, a month. */
    whole: number;
    windowS: number;
  };
  retentionDays: number;
  grafana: { editors: number; viewers: number };
  dashboard: {
    hours: number;
    refreshS: number;
    windowS: number;
    /** Machine streams are shown as averages over so many seconds; 0: every value. */
    averageS: number;
  };
  twinMakerEntities: number;
  gateways: number;
  /** Custom metrics, and the alarms on them, in CloudWatch. */
  metrics: number;
  alarms: number;
}

/** Alarms of the monitoring stack. */
const ALARMS = 5;
/** Values of a stream in one message at most: SiteWise meters by tens. */
export const MAX_VALUES_PER_MESSAGE = 10;
const FARGATE_MIN_S = 60;

/** A deployment in amounts. All assets are taken to be of the fleet's mean kind. */
export function usageOf(
  {
    config,
    fleet,
    twins,
  }: {
    config: DeploymentConfig;
    fleet: FleetConfig;
    twins: ReadonlyMap<string, TwinDefinition>;
  },
  assumed: Assumptions,
): Usage {
  const enabled = fleet.assets.filter((a) => a.enabled);
  const mean = (of: (twin: TwinDefinition) => number) =>
    enabled.reduce((sum, a) => sum + of(twins.get(a.twin) as TwinDefinition), 0) /
    Math.max(1, enabled.length);
  const runS = config.schedule.everyMinutes * 60;
  const stepsPerRun = mean(
    (t) => runS / Math.max(assumed.intervalS, t.estimator.samplePeriodS ?? 0),
  );
  const streams = (origin: 'machine' | 'twin') =>
    mean((t) => twinStreams(t).filter((s) => s.origin === origin).length);
  return withAssets(
    {
      assets: 0,
      machineStreams: streams('machine'),
      resultStreams: streams('twin'),
      forecastStreams: fleet.calibration.forecast ? mean((t) => forecastStreams(t).length) : 0,
      forecastsPerMonth: config.schedule.enabled
        ? (HOURS_PER_MONTH * 3600) / Math.max(runS, FORECAST_GRID_S)
        : 0,
      intervalS: assumed.intervalS,
      valuesPerMessage: Math.min(
        MAX_VALUES_PER_MESSAGE,
        Math.max(1, Math.floor(assumed.batchWaitS / assumed.intervalS)),
      ),
      runsPerMonth: config.schedule.enabled ? (HOURS_PER_MONTH * 3600) / runS : 0,
      stepsPerRun,
      commitsPerRun: Math.ceil(stepsPerRun / fleet.calibration.commitEvery),
      compute: {
        type: config.compute.type,
        jobs: 0,
        vcpu: config.compute.vcpu,
        memoryGb: config.compute.memoryMiB / 1024,
        busyS: 0,
        jobS: 0,
        publicIpv4: !config.compute.privateNetwork,
        natGateways: config.compute.privateNetwork ? 1 : 0,
      },
      lateCheck: lateCheckOf(fleet, config.schedule.enabled ? runS : Number.POSITIVE_INFINITY),
      retentionDays: assumed.retentionDays,
      grafana: config.grafana
        ? { editors: assumed.editors, viewers: assumed.viewers }
        : { editors: 0, viewers: 0 },
      dashboard: {
        hours: config.grafana ? assumed.dashboardHours : 0,
        refreshS: assumed.refreshS,
        windowS: assumed.windowHours * 3600,
        averageS: AVERAGE_S,
      },
      twinMakerEntities: config.twinMaker ? 1 : 0,
      gateways: config.edge === undefined ? 0 : 1,
      metrics: 0,
      alarms: ALARMS,
    },
    { fleet, assumed },
    enabled.length,
    jobCount(fleet),
  );
}

function lateCheckOf({ calibration }: FleetConfig, runS: number): Usage['lateCheck'] {
  const { lateWindowS, lateCheckS } = calibration;
  const runs = (HOURS_PER_MONTH * 3600) / runS;
  const whole = (HOURS_PER_MONTH * 3600) / Math.max(runS, lateCheckS);
  return { near: runs - whole, whole, windowS: lateWindowS };
}

/** The same deployment with a fleet of another size. */
export function scaled(
  usage: Usage,
  context: { fleet: FleetConfig; assumed: Assumptions },
  assets: number,
): Usage {
  return withAssets(
    usage,
    context,
    assets,
    Math.ceil(assets / context.fleet.calibration.assetsPerJob),
  );
}

function withAssets(
  usage: Usage,
  { fleet, assumed }: { fleet: FleetConfig; assumed: Assumptions },
  assets: number,
  jobs: number,
): Usage {
  // A job shares its cores among its assets: their steps add up.
  const assetsPerJob = assets / Math.max(1, jobs);
  const busyS = assetsPerJob * usage.stepsPerRun * assumed.stepS;
  return {
    ...usage,
    assets,
    compute: {
      ...usage.compute,
      jobs,
      busyS,
      jobS: Math.max(FARGATE_MIN_S, assumed.jobStartS + Math.min(fleet.calibration.maxRunS, busyS)),
    },
    twinMakerEntities: usage.twinMakerEntities === 0 ? 0 : assets,
    gateways: usage.gateways === 0 ? 0 : Math.ceil(assets / assumed.assetsPerGateway),
    metrics: RUN_METRICS.length + ASSET_METRICS.length * assets,
  };
}

/**
 * What the seed project's settings use: a job on 40 vCPUs each minute, so that its instance never
 * rests, two NAT gateways, 9 streams fed one property a call and 52 results a run, dashboards with
 * 57 series over 15 minutes that refresh every 5 seconds.
 */
export function seedUsage(assumed: Assumptions): Usage {
  return {
    assets: 1,
    machineStreams: 9,
    resultStreams: 52,
    forecastStreams: 0,
    forecastsPerMonth: 0,
    intervalS: 9,
    valuesPerMessage: 1,
    runsPerMonth: HOURS_PER_MONTH * 60,
    stepsPerRun: 1,
    commitsPerRun: 1,
    compute: {
      type: 'ec2',
      jobs: 1,
      vcpu: 40,
      memoryGb: 80,
      busyS: 60,
      jobS: 60,
      publicIpv4: false,
      natGateways: 2,
    },
    lateCheck: { near: 0, whole: 0, windowS: 0 },
    retentionDays: assumed.retentionDays,
    grafana: { editors: assumed.editors, viewers: assumed.viewers },
    dashboard: { hours: assumed.dashboardHours, refreshS: 5, windowS: 900, averageS: 0 },
    twinMakerEntities: 1,
    gateways: 1,
    metrics: 0,
    alarms: 0,
  };
}
