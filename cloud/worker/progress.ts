import {
  type AssetState,
  type ChannelFaults,
  type CrossCheck,
  type Finding,
  type IntegrationError,
  type NisSum,
  StepKeeper,
  type StepResult,
  type Twin,
  type Verdict,
} from '../../shared/twin/index.js';
import type { GatewayBacklog } from './gateway-backlog.js';
import type { AssetReport } from './report.js';

/** How far the first run of an asset looks back. */
export interface LookBack {
  /** `calibration.lookbackS` of the fleet. */
  lookbackS: number;
  /** The newest reading from before that, which the run leaves out, epoch seconds; absent where there is none. */
  olderS?: number;
}

/** What a run has done so far; the report is made from it, whichever way the run ends. */
export type Progress = Pick<
  AssetReport,
  | 'steps'
  | 'skipped'
  | 'valuesRead'
  | 'valuesWritten'
  | 'valuesRejected'
  | 'rejection'
  | 'dataAgeS'
  | 'identifiability'
  | 'quarantined'
  | 'waiting'
  | 'thinned'
  | 'gaps'
  | 'missing'
  | 'behindS'
  | 'startValues'
  | 'twinVersion'
  | 'forecast'
> & {
  nisSum: number;
  nisCount: number;
  /** What tells whether bands held in this run. */
  counted: NisSum;
  last: StepResult | undefined;
  /** The run's steps as what they say together needs them, … */
  kept: StepKeeper;
  /** … and what that is. */
  past: Finding[];
  /** What speaks against the run's fit of the constants, where one was made. */
  fit: Verdict | undefined;
  /** The same by quantity. */
  fitQuantities: Record<string, Verdict>;
  /** The asset's twin, once its run has begun. */
  twin: Twin | undefined;
  /** What the integration of the model misses, once samples were taken. */
  integration: IntegrationError | undefined;
  /** What sensors can tell of each other's errors, at the newest sample. */
  check: CrossCheck | undefined;
  /** A value of an input that samples to come must tell to be wild or not: the estimate stands until then. */
  waitsFor: { variable: string; timeS: number; value: number } | undefined;
  watermarkNs: bigint | undefined;
  /** Whether samples were left for the next run. */
  stopped: boolean;
  /** Mean time between the samples of the run, seconds. */
  intervalS: number | undefined;
  /** Time spent in the calibrator, seconds. */
  stepS: number;
  /** Readings by stream that came behind the estimate. */
  late: Record<string, number>;
  lateUnused: Record<string, number>;
  rewritten: Record<string, number>;
  /** What its gateway holds back, for so long that it will be late. */
  backlog: GatewayBacklog | undefined;
  /** Since when earlier runs have left work over, epoch nanoseconds; undefined where none did. */
  behindSinceNs: bigint | undefined;
  /** What the asset's first run leaves behind; undefined of an asset that was calibrated. */
  lookBack: LookBack | undefined;
  /** Up to here the run reads, epoch nanoseconds. */
  untilNs: bigint;
  /** The samples' first and newest instants of the run, epoch seconds. */
  first: number | undefined;
  newestS: number | undefined;
  /** The first sample's instant of the run, in the machine's own seconds. */
  fromS: number | undefined;
  /** Channels that are copies or hold values, and those that were frozen at some time of the run. */
  channelFaults: ChannelFaults;
  /** Measured variables: usable values in the run, and whether any differs from the first. */
  channels: Map<string, { count: number; first: number; moves: boolean }>;
  /** The newest state that is committed. */
  state: AssetState | undefined;
};

export function newProgress(): Progress {
  return {
    steps: 0,
    skipped: {},
    valuesRead: 0,
    valuesWritten: 0,
    valuesRejected: 0,
    quarantined: 0,
    waiting: 0,
    thinned: 0,
    gaps: [],
    missing: [],
    startValues: [],
    nisSum: 0,
    nisCount: 0,
    counted: { nis: 0, channels: 0 },
    last: undefined,
    kept: new StepKeeper(),
    past: [],
    fit: undefined,
    fitQuantities: {},
    twin: undefined,
    integration: undefined,
    check: undefined,
    waitsFor: undefined,
    watermarkNs: undefined,
    stopped: false,
    intervalS: undefined,
    stepS: 0,
    late: {},
    lateUnused: {},
    rewritten: {},
    backlog: undefined,
    behindSinceNs: undefined,
    lookBack: undefined,
    untilNs: 0n,
    first: undefined,
    newestS: undefined,
    fromS: undefined,
    channelFaults: { frozenChannels: [], sameChannels: [], heldChannels: [] },
    channels: new Map(),
    state: undefined,
  };
}
