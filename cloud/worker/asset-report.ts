import type { FleetAsset } from '../../shared/config/index.js';
import {
  durationText,
  messageOf,
  nsToSeconds,
  secondsToNs,
  TwinError,
} from '../../shared/core/index.js';
import {
  type Alarm,
  channelAlarms,
  ledgerFaults,
  wholeLedger,
  withChannelAlarms,
} from '../../shared/twin/index.js';
import { total } from './counts.js';
import type { Progress } from './progress.js';
import type { AssetOutcome, AssetReport } from './report.js';
import { assetVerdicts, recordingOf } from './verdict.js';

function outcomeOf(
  progress: Progress,
  how: { superseded: boolean; failed: boolean; aborted: boolean },
): AssetOutcome {
  if (how.superseded) return 'superseded';
  if (how.failed) return 'failed';
  if (how.aborted) return 'stopped';
  if (progress.quarantined > 0) return 'quarantined';
  if (progress.stopped) return progress.behindS === undefined ? 'stopped' : 'behind';
  if (total(progress.late) + total(progress.lateUnused) > 0) return 'late-data';
  if (progress.steps > 0) return 'calibrated';
  if (total(progress.skipped) > 0) return 'starved';
  return progress.waiting + progress.thinned > 0 ? 'waiting' : 'idle';
}

/** What happened to the readings that a person should know of. */
export function accountAlarms(twin: string, progress: Progress): Alarm[] {
  const alarms: Alarm[] = [];
  const unused = Object.entries(progress.lateUnused).filter(([, n]) => n > 0);
  if (unused.length > 0) {
    alarms.push({
      code: 'late-unused',
      subject: twin,
      message: `${total(progress.lateUnused)} readings came too late to be used (${unused.map(([alias, n]) => `${n} of ${alias}`).join(', ')}): raise calibration.lateWindowS, or see why the gateway was away so long.`,
    });
  }
  const { backlog } = progress;
  if (backlog !== undefined) {
    alarms.push({
      code: 'gateway-backlog',
      subject: twin,
      message: `The gateway holds ${backlog.values} values back, the oldest for ${durationText(Math.round(backlog.oldestS))}: they will be taken in their place when they come, and may change the estimate.`,
    });
  }
  if (progress.quarantined > 0) {
    alarms.push({
      code: 'sample-quarantined',
      subject: twin,
      message: `${progress.quarantined} samples were set aside: the model failed at them in three runs. The store has them under quarantine/, to be tried again.`,
    });
  }
  return alarms;
}

/** How long a sample takes beside the time to the next, as a sentence; none where it is not known. */
function paceText({ steps, stepS, intervalS }: Progress): string {
  return steps === 0 || intervalS === undefined
    ? ''
    : ` A sample takes ${(stepS / steps).toPrecision(2)} s, the next comes after ${durationText(Number(intervalS.toPrecision(2)))}.`;
}

/**
 * An alarm while an asset is behind for longer than its schedule: a run before left work over, and
 * the estimate has not come to where the machine was then.
 *
 * @param atNs where the estimate is
 */
export function behindAlarms(twin: string, progress: Progress, atNs: bigint): Alarm[] {
  const { steps, stepS, intervalS, behindS, behindSinceNs, untilNs } = progress;
  const remedy = 'Use a longer estimator.samplePeriodS, or more vCPUs.';
  const alarm = (message: string): Alarm[] => [{ code: 'falling-behind', subject: twin, message }];
  // The last sample of a run that catches up lies up to an interval before what could be read.
  const caughtUpNs = atNs + secondsToNs(1.5 * (intervalS ?? 0));
  if (behindSinceNs !== undefined && caughtUpNs < behindSinceNs) {
    const ageS = Math.round(nsToSeconds(untilNs - atNs));
    const sinceS = Math.round(nsToSeconds(untilNs - behindSinceNs));
    return alarm(
      `The estimate has been behind for ${durationText(sinceS)}, longer than the time between runs; it is ${durationText(ageS)} old.${paceText(progress)} ${remedy}`,
    );
  }
  if (behindS !== undefined && intervalS !== undefined && stepS / steps > intervalS) {
    return alarm(
      `The estimate is ${durationText(Math.round(behindS))} behind and grows older.${paceText(progress)} ${remedy}`,
    );
  }
  return [];
}

/** A run of an asset as it is reported. */
export function toAssetReport(
  asset: FleetAsset,
  progress: Progress,
  fault: unknown,
  aborted: boolean,
  seconds: number,
): AssetReport {
  const {
    last,
    kept: _kept,
    past,
    fit,
    fitQuantities,
    integration,
    twin,
    check,
    nisSum,
    nisCount,
    counted,
    watermarkNs,
    stopped: _stopped,
    stepS,
    intervalS,
    late,
    lateUnused,
    rewritten,
    state,
    behindSinceNs: _since,
    lookBack,
    waitsFor,
    untilNs: _until,
    first: _first,
    newestS: _newest,
    channels: _channels,
    fromS: _from,
    channelFaults,
    ...counts
  } = progress;
  const superseded = fault instanceof TwinError && fault.code === 'CONFLICT';
  const failed = fault !== undefined && !superseded && !aborted;
  const ledger = state === undefined ? undefined : wholeLedger(state);
  const { steps } = progress;
  const report: Omit<AssetReport, 'verdict' | 'quantities'> = {
    asset: asset.id,
    twin: asset.twin,
    outcome: outcomeOf(progress, { superseded, failed, aborted }),
    ...counts,
    late: total(late),
    lateUnused: total(lateUnused),
    rewritten: total(rewritten),
    ...(watermarkNs === undefined ? {} : { watermarkNs: watermarkNs.toString() }),
    ...(fit === undefined ? {} : { fit }),
    ...(nisCount === 0 ? {} : { meanNis: nisSum / nisCount }),
    ...(last === undefined
      ? {}
      : { parameters: last.parameters, virtualSensors: last.virtualSensors }),
    ...(steps === 0
      ? {}
      : {
          pace: {
            secondsPerSample: stepS / steps,
            ...(intervalS === undefined ? {} : { secondsBetweenSamples: intervalS }),
          },
        }),
    ...(ledger === undefined ? {} : { ledger }),
    ledgerFaults: ledger === undefined ? [] : ledgerFaults(ledger),
    alarms: [
      ...withChannelAlarms(last?.alarms ?? [], channelAlarms([], channelFaults)),
      ...accountAlarms(asset.twin, progress),
      ...behindAlarms(asset.twin, progress, watermarkNs ?? progress.untilNs),
    ],
    recording: recordingOf(progress),
    seconds,
    ...(failed
      ? {
          error: {
            code: fault instanceof TwinError ? fault.code : ('INTERNAL' as const),
            message: messageOf(fault),
            retryable: fault instanceof TwinError ? fault.retryable : false,
          },
        }
      : {}),
  };
  return {
    ...report,
    ...assetVerdicts(report, (state?.samples ?? 0) > 0, {
      twin,
      check,
      fitQuantities,
      integration,
      lookBack,
      waitsFor,
      counted,
      past,
      rewritten,
    }),
  };
}
