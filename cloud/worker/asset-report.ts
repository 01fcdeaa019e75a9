import type { FleetAsset } from '../../shared/config/index.js';
import { messageOf, TwinError } from '../../shared/core/index.js';
import { type Alarm, ledgerFaults, wholeLedger } from '../../shared/twin/index.js';
import type { Progress } from './progress.js';
import type { AssetOutcome, AssetReport } from './report.js';
import { assetVerdict, recordingOf } from './verdict.js';

const total = (counts: Record<string, number>) => Object.values(counts).reduce((a, b) => a + b, 0);

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
  if (progress.quarantined > 0) {
    alarms.push({
      code: 'sample-quarantined',
      subject: twin,
      message: `${progress.quarantined} samples were set aside: the model failed at them in three runs. The store has them under quarantine/, to be tried again.`,
    });
  }
  const { steps, stepS, intervalS, behindS } = progress;
  if (behindS !== undefined && intervalS !== undefined && stepS / steps > intervalS) {
    alarms.push({
      code: 'falling-behind',
      subject: twin,
      message: `A sample takes ${(stepS / steps).toPrecision(2)} s, the next comes after ${intervalS.toPrecision(2)} s; the estimate is ${Math.round(behindS)} s behind and grows older. Use a longer estimator.samplePeriodS, or more vCPUs.`,
    });
  }
  return alarms;
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
    nisSum,
    nisCount,
    watermarkNs,
    stopped: _stopped,
    stepS,
    intervalS,
    late,
    lateUnused,
    rewritten,
    state,
    first: _first,
    newestS: _newest,
    channels: _channels,
    ...counts
  } = progress;
  const superseded = fault instanceof TwinError && fault.code === 'CONFLICT';
  const failed = fault !== undefined && !superseded && !aborted;
  const ledger = state === undefined ? undefined : wholeLedger(state);
  const { steps } = progress;
  const report: Omit<AssetReport, 'verdict'> = {
    asset: asset.id,
    twin: asset.twin,
    outcome: outcomeOf(progress, { superseded, failed, aborted }),
    ...counts,
    late: total(late),
    lateUnused: total(lateUnused),
    rewritten: total(rewritten),
    ...(watermarkNs === undefined ? {} : { watermarkNs: watermarkNs.toString() }),
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
    alarms: [...(last?.alarms ?? []), ...accountAlarms(asset.twin, progress)],
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
    verdict: assetVerdict(report, (state?.samples ?? 0) > 0),
  };
}
