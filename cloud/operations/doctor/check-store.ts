import { messageOf, nsToDate, nsToSeconds, TwinError } from '../../../shared/core/index.js';
import { getText, keySegment, type ObjectStore } from '../../../shared/store/index.js';
import {
  ALARM_MEANINGS,
  type Alarm,
  ledgerFaults,
  ledgerTotals,
  type Twin,
  wholeLedger,
} from '../../../shared/twin/index.js';
import {
  type AssetReport,
  type AssetState,
  type CalibrationEngine,
  decodeAssetState,
  latestKey,
  type RunReport,
  stateKey,
} from '../../worker/index.js';
import { type Check, duration, failed, few, ok, warning } from './check.js';

/**
 * Whether an asset's state can be read and is of this twin.
 *
 * @param more what else a sound state is looked at for
 */
export async function checkState(
  fleet: string,
  assetId: string,
  twin: Twin,
  store: ObjectStore,
  engine: CalibrationEngine,
  more: (state: AssetState) => Promise<Check[]> = () => Promise.resolve([]),
): Promise<Check[]> {
  const key = stateKey(fleet, assetId);
  try {
    const found = await store.get(key);
    if (found === undefined) {
      const remedy = 'The first calibration with enough data makes it; see the runs below.';
      return [warning('state', assetId, 'there is none yet', remedy)];
    }
    const state = decodeAssetState(found.body, assetId, key);
    const check = stateCheck(assetId, key, state, twin, engine);
    // What cannot be read does not tell what it has taken either.
    return check.status === 'failed' ? [check] : [check, ...(await more(state))];
  } catch (error) {
    if (!(error instanceof TwinError)) throw error;
    return [failed('state', assetId, error.message, 'See the message.')];
  }
}

function stateCheck(
  assetId: string,
  key: string,
  state: AssetState,
  twin: Twin,
  engine: CalibrationEngine,
): Check {
  if (state.twinHash !== twin.hash) {
    return failed(
      'state',
      assetId,
      `${key} was calibrated with another twin definition or FMU`,
      'Run `twinloop state migrate` with the new twin.json, put the old ones back, or move the object away to begin again.',
    );
  }
  if (state.checkpoint.length > 0) engine.decodeCheckpoint(state.checkpoint, twin);
  const faults = ledgerFaults(wholeLedger(state));
  if (faults.length > 0) {
    return failed(
      'state',
      assetId,
      `its ledger does not add up: ${few(faults)}`,
      'A reading or sample was lost on its way through the worker. Keep the state, and report it.',
    );
  }
  const totals = ledgerTotals(wholeLedger(state));
  if (totals.lateUnused + totals.quarantined + totals.skipped > 0) {
    return warning(
      'state',
      assetId,
      `of ${totals.received} readings ${totals.lateUnused} came too late to be used; of ${totals.samples} samples ${totals.skipped} were skipped and ${totals.quarantined} set aside`,
      'See `skipped` and `alarms` in the newest report, and quarantine/ in the store.',
    );
  }
  const { rows } = state.pending;
  const until = nsToDate(state.watermarkNs).toISOString();
  return rows.length > 0
    ? warning(
        'state',
        assetId,
        `readable, but results of ${rows.length} samples are not in SiteWise yet`,
        'The next run sends them; if this stays, look at the permission to write.',
      )
    : ok('state', assetId, `readable, of this twin; ${state.samples} samples up to ${until}`);
}

/** What a calibration says of single sensors. */
const OF_SENSORS: ReadonlySet<Alarm['code']> = new Set([
  'sensor-fault',
  'sensor-frozen',
  'sensor-copied',
  'sensor-held',
]);

/**
 * Whether the newest run that found something out about an asset has a word against its sensors: one that
 * contradicts the others, stands still, is another's copy, or holds old values.
 */
export async function checkSensors(
  fleet: string,
  assetId: string,
  store: ObjectStore,
): Promise<Check[]> {
  let report: Pick<AssetReport, 'alarms' | 'recording'>;
  try {
    const text = await getText(store, latestKey(fleet, assetId));
    if (text === undefined) return [];
    report = JSON.parse(text) as AssetReport;
  } catch (error) {
    // A store that cannot be read is said with the state.
    if (error instanceof TwinError) return [];
    const remedy = 'The next run that finds something new writes it anew.';
    return [failed('runs', assetId, `its newest report is damaged: ${messageOf(error)}`, remedy)];
  }
  const { alarms = [], recording } = report;
  const told = alarms.filter((a) => OF_SENSORS.has(a.code));
  const still = (recording?.deadChannels ?? []).filter((n) => !told.some((a) => a.subject === n));
  return [
    ...told.map(({ code, subject, message }) =>
      warning('data', `${assetId} ${subject}`, message, ALARM_MEANINGS[code].meaning),
    ),
    ...still.map((name) =>
      warning(
        'data',
        `${assetId} ${name}`,
        'never moved in the newest run',
        'Where the machine runs, check the sensor and its cable.',
      ),
    ),
  ];
}

/** Whether the fleet's runs go on, and how the newest one ended. */
export async function checkRuns(
  fleet: string,
  store: ObjectStore,
  nowNs: bigint,
  maxAgeS: number,
): Promise<Check[]> {
  let report: RunReport;
  try {
    const keys = await store.list(`reports/${keySegment(fleet)}/`);
    const newest = keys.at(-1);
    if (newest === undefined) {
      return [
        failed(
          'runs',
          fleet,
          'no run has left a report',
          'Start one by hand with `twinloop worker run`; then see whether the schedule is on.',
        ),
      ];
    }
    report = JSON.parse((await getText(store, newest)) ?? '') as RunReport;
  } catch (error) {
    return [failed('runs', fleet, messageOf(error), 'Check the store and the access to it.')];
  }
  const ageS = nsToSeconds(nowNs) - Date.parse(report.startedAt) / 1000;
  const checks: Check[] = [
    ageS > maxAgeS
      ? failed(
          'runs',
          fleet,
          `the newest run with new data began ${duration(ageS)} ago, more than ${duration(maxAgeS)}`,
          'Where data are fresh, look at schedule, queue and dead letters.',
        )
      : ok(
          'runs',
          fleet,
          `the newest run began ${duration(ageS)} ago, made ${report.totals.steps} steps in ${duration(report.seconds)}`,
        ),
  ];
  const reasons = new Map<string, string[]>();
  for (const { asset, error } of report.assets) {
    if (error === undefined) continue;
    const reason = `${error.code}: ${error.message}`;
    reasons.set(reason, [...(reasons.get(reason) ?? []), asset]);
  }
  for (const [reason, assets] of reasons) {
    checks.push(
      failed('runs', few(assets), `failed in the newest run: ${reason}`, 'Mend what it names.'),
    );
  }
  for (const asset of report.assets) checks.push(...paceChecks(asset));
  return checks;
}

/** Room that a pace should leave, as a share of it. */
const ROOM = 1.25;

/** Whether an asset's calibration keeps up with its samples; if not, what would help, in figures. */
function paceChecks({ asset, pace, behindS }: AssetReport): Check[] {
  const { secondsPerSample: takes, secondsBetweenSamples: between } = pace ?? {};
  if (takes === undefined || between === undefined || takes * ROOM < between) {
    return behindS === undefined
      ? []
      : [
          warning(
            'runs',
            asset,
            `the newest run left ${duration(behindS)} of readings to the next`,
            'After an outage that is well. If it stays, raise calibration.maxRunS or run more often.',
          ),
        ];
  }
  const found = `a sample takes ${takes.toPrecision(2)} s, the next comes after ${between.toPrecision(2)} s`;
  const remedy = `Set estimator.samplePeriodS to ${Math.ceil(takes * ROOM)} s or more, or give a job ${Math.ceil((takes * ROOM) / between)} times the vCPUs (a step's model runs are spread over them).`;
  return behindS === undefined
    ? [warning('runs', asset, `${found}: there is no room`, remedy)]
    : [failed('runs', asset, `${found}: it is ${duration(behindS)} behind`, remedy)];
}
