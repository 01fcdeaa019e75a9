import { durationText } from '../../shared/core/index.js';
import {
  type Alarm,
  alarmFindings,
  BAND_OF_NIS,
  countsText,
  type Finding,
  FOLLOWS_WITHIN,
  findingsOf,
  instantText,
  integrationErrorReasons,
  isNisTooHigh,
  isOfFit,
  isOfRecording,
  quantityVerdicts,
  type RecordingSummary,
  recordingFindings,
  SAMPLES_TO_JUDGE,
  type Verdict,
  verdictOf,
} from '../../shared/twin/index.js';
import { total } from './counts.js';
import type { LookBack, Progress } from './progress.js';
import type { AssetReport, RunReport } from './report.js';

const MOST_NAMED = 3;

/** What a run read of an asset, in the words of the other commands' summaries. */
export function recordingOf(progress: Progress): RecordingSummary {
  const { steps, skipped, quarantined, first, channels, channelFaults } = progress;
  const left = quarantined > 0 ? { ...skipped, quarantined } : skipped;
  return {
    rows: steps + total(left),
    used: steps,
    skipped: { ...left },
    unreadable: {},
    deadChannels: [...channels].flatMap(([name, c]) =>
      c.moves || c.count < SAMPLES_TO_JUDGE ? [] : [name],
    ),
    ...channelFaults,
    spanS: first === undefined || progress.newestS === undefined ? 0 : progress.newestS - first,
    periodS: progress.intervalS ?? null,
    ageS: progress.dataAgeS ?? null,
  };
}

/**
 * What speaks against the result of an asset's run. That nothing new was there to read does not, once
 * the asset has an estimate; that something was there of which nothing could be used does.
 */
function assetFindings(
  report: Omit<AssetReport, 'verdict' | 'quantities'>,
  everCalibrated: boolean,
  fitQuantities: Readonly<Record<string, Verdict>> = {},
  lookBack?: LookBack,
): Finding[] {
  const findings: Finding[] = [];
  const add = (grade: Finding['grade'], reason: string) => void findings.push({ grade, reason });
  const { outcome, recording } = report;
  if (report.error !== undefined) {
    add('unusable', `failed: ${report.error.message.replace(/\.$/, '')}`);
  }
  for (const fault of report.ledgerFaults) add('unusable', `the ledger does not add up: ${fault}`);
  if (outcome === 'starved') {
    const of = report.missing.length > 0 ? `; no value of ${report.missing.join(', ')}` : '';
    add(
      'unusable',
      `starved: none of ${recording.rows} samples was used: ${countsText(recording.skipped)}${of}`,
    );
  } else if (recording.rows > 0) {
    // A run is a short look: a machine at rest may well show the same all the while.
    const { deadChannels, frozenChannels = [], sameChannels = [] } = recording;
    const frozen = frozenChannels.map((f) => f.variable);
    findings.push(
      ...recordingFindings({ ...recording, deadChannels: [] }, [...frozen, ...sameChannels.flat()]),
    );
    for (const name of deadChannels.filter((n) => !frozen.includes(n))) {
      findings.push({
        grade: 'care',
        reason: `${name} never moved in this run: is the sensor connected?`,
        about: [name],
      });
    }
  } else if (!everCalibrated && (outcome === 'idle' || outcome === 'waiting')) {
    const within =
      lookBack === undefined ? '' : ` within the last ${durationText(lookBack.lookbackS)}`;
    add('care', `never calibrated yet: there are not enough readings for a first sample${within}`);
  }
  if (lookBack?.olderS !== undefined) {
    const begun = everCalibrated ? ' and move the state of the asset away' : '';
    add(
      'care',
      `readings up to ${instantText(lookBack.olderS)} are left out: the first run looks back ${durationText(lookBack.lookbackS)}. To take them raise calibration.lookbackS of the fleet${begun}`,
    );
  }
  if (report.fit !== undefined) findings.push(...findingsOf(report.fit, fitQuantities));
  if (outcome === 'stopped') add('care', 'stopped before its turn: the next run takes it');
  if (report.behindS !== undefined) {
    add(
      'care',
      `behind: readings of ${durationText(Math.round(report.behindS))} are left to the next run`,
    );
  }
  if (report.quarantined > 0) {
    add('care', `${report.quarantined} samples were set aside: the model fails at them`);
  }
  if (report.startValues.length > 0) {
    add(
      'care',
      `${report.startValues.join(', ')} never had a value: the FMU's start values stand in`,
    );
  }
  if (report.valuesRejected > 0) {
    add('care', `SiteWise refused ${report.valuesRejected} results: ${report.rejection ?? ''}`);
  }
  if (report.forecast?.fault !== undefined) {
    add('care', `no forecast of the coming week: ${report.forecast.fault.replace(/\.$/, '')}`);
  }
  // What these say has a finding of its own above.
  const told = (alarm: Alarm) =>
    alarm.code === 'sample-quarantined' ||
    (report.fit !== undefined && isOfFit(alarm.code)) ||
    (recording.rows > 0 && isOfRecording(alarm, recording));
  findings.push(...alarmFindings(report.alarms.filter((a) => !told(a))));
  return findings;
}

/** A value of an input for which the estimate stands still. */
const waitFinding = ({ variable, timeS, value }: NonNullable<Progress['waitsFor']>): Finding => ({
  grade: 'care',
  reason: `${variable}: ${value} at ${instantText(timeS)} is far outside of all before: the estimate waits for up to ${FOLLOWS_WITHIN} samples after it, which tell whether it is an error code or the machine`,
  about: [variable],
});

/** That readings which were used are others in SiteWise now. */
function rewrittenFindings(rewritten: Readonly<Record<string, number>>): Finding[] {
  const streams = Object.entries(rewritten).filter(([, n]) => n > 0);
  if (streams.length === 0) return [];
  const named = streams.slice(0, MOST_NAMED).map(([alias, n]) => `${n} of ${alias}`);
  const more = streams.length > MOST_NAMED ? [`${streams.length - MOST_NAMED} more streams`] : [];
  return [
    {
      grade: 'care',
      reason: `${total(rewritten)} readings that were used were replaced in SiteWise by others of the same time, which are used now (${[...named, ...more].join(', ')}): was a clock set back, or does something else write there?`,
    },
  ];
}

/** That a run's readings were farther from their predictions than the bands say; alarms say it first. */
function nisFindings(alarms: readonly Alarm[], { nis, channels }: Progress['counted']): Finding[] {
  const told = alarms.some((a) => a.code === 'inconsistent' || a.code === 'state-noise');
  const mean = nis / channels;
  if (told || !isNisTooHigh(mean, channels)) return [];
  const reason = `in this run readings were ${Math.sqrt(mean).toPrecision(2)} times as far from what was predicted as the bands say (mean NIS per channel ${mean.toPrecision(3)}, ${BAND_OF_NIS.join(' to ')} where they are right)`;
  return [{ grade: 'care', reason }];
}

/** The grade of one asset's run, and where it has a twin to judge by that of each quantity. */
export function assetVerdicts(
  report: Omit<AssetReport, 'verdict' | 'quantities'>,
  everCalibrated: boolean,
  {
    twin,
    check,
    fitQuantities,
    integration,
    lookBack,
    waitsFor,
    counted,
    past,
    rewritten,
  }: Pick<
    Progress,
    | 'check'
    | 'fitQuantities'
    | 'twin'
    | 'integration'
    | 'lookBack'
    | 'waitsFor'
    | 'counted'
    | 'past'
    | 'rewritten'
  >,
): Pick<AssetReport, 'verdict' | 'quantities'> {
  const findings = [
    ...assetFindings(report, everCalibrated, fitQuantities, lookBack),
    ...(waitsFor === undefined ? [] : [waitFinding(waitsFor)]),
    ...rewrittenFindings(rewritten),
    ...nisFindings(report.alarms, counted),
    ...past,
    ...(check?.findings ?? []),
    ...(twin === undefined ? [] : integrationErrorReasons(twin, integration)).map((reason) => ({
      grade: 'care' as const,
      reason,
    })),
  ];
  return {
    verdict: verdictOf(findings),
    ...(twin === undefined || report.parameters === undefined
      ? {}
      : { quantities: quantityVerdicts(twin, findings, check?.hangsOn) }),
  };
}

/** The grade of a run over many assets: the gravest decides, each reason names who it concerns. */
export function runVerdict(assets: readonly AssetReport[]): Verdict {
  const byReason = new Map<string, { grade: Finding['grade']; ids: string[] }>();
  for (const { asset, verdict } of assets) {
    if (verdict.grade === 'good') continue;
    for (const reason of verdict.reasons) {
      const found = byReason.get(reason) ?? { grade: verdict.grade, ids: [] };
      if (verdict.grade === 'unusable') found.grade = 'unusable';
      found.ids.push(asset);
      byReason.set(reason, found);
    }
  }
  return verdictOf(
    [...byReason].map(([reason, { grade, ids }]) => {
      const more = ids.length - MOST_NAMED;
      const who = ids.slice(0, MOST_NAMED).join(', ') + (more > 0 ? ` and ${more} more` : '');
      return { grade, reason: `${who}: ${reason}` };
    }),
  );
}

/** What a run read of all its assets together. */
export function runRecording(assets: readonly AssetReport[]): RecordingSummary {
  const skipped: Record<string, number> = {};
  for (const { recording } of assets) {
    for (const [reason, n] of Object.entries(recording.skipped)) {
      skipped[reason] = (skipped[reason] ?? 0) + n;
    }
  }
  const all = assets.map((a) => a.recording);
  const periods = all.flatMap((r) => r.periodS ?? []).sort((a, b) => a - b);
  const ages = all.flatMap((r) => r.ageS ?? []);
  const stillInputs = namedByAsset(assets, (r) => r.stillInputs);
  return {
    rows: all.reduce((n, r) => n + r.rows, 0),
    used: all.reduce((n, r) => n + r.used, 0),
    skipped,
    unreadable: {},
    deadChannels: assets.flatMap((a) => a.recording.deadChannels.map((c) => `${a.asset} ${c}`)),
    frozenChannels: namedByAsset(assets, (r) => r.frozenChannels),
    sameChannels: assets.flatMap((a) =>
      (a.recording.sameChannels ?? []).map(([p, q]): [string, string] => [
        `${a.asset} ${p}`,
        `${a.asset} ${q}`,
      ]),
    ),
    ...(stillInputs.length === 0 ? {} : { stillInputs }),
    wildValues: namedByAsset(assets, (r) => r.wildValues),
    heldChannels: namedByAsset(assets, (r) => r.heldChannels),
    spanS: all.reduce((most, r) => Math.max(most, r.spanS), 0),
    periodS: periods[(periods.length - 1) >> 1] ?? null,
    ageS: ages.length === 0 ? null : ages.reduce((most, a) => Math.max(most, a)),
  };
}

/** What was found of channels, their names with those of their assets. */
const namedByAsset = <T extends { variable: string }>(
  assets: readonly AssetReport[],
  of: (recording: RecordingSummary) => readonly T[] | undefined,
): T[] =>
  assets.flatMap(({ asset, recording }) =>
    (of(recording) ?? []).map((found) => ({ ...found, variable: `${asset} ${found.variable}` })),
  );

/** Faults of a model that need not come again, e.g. where memory ran out. */
const PERHAPS_ONCE: ReadonlySet<string> = new Set(['FMU_CRASHED', 'FMU_TIMEOUT']);

/** 2 where every failure needs someone to mend something, 1 where trying again may help. */
export function faultExitCode(faults: readonly { code: string; retryable: boolean }[]): 1 | 2 {
  return faults.some((f) => f.retryable || PERHAPS_ONCE.has(f.code)) ? 1 : 2;
}

/**
 * 0 where the result may be used; 2 where every failure needs someone to mend something; 1 where
 * trying again may help, and where the verdict is `unusable` (with `strict`: not `good`).
 */
export function exitCodeOf(report: RunReport, strict = false): number {
  const faults = report.assets.flatMap((a) => (a.error === undefined ? [] : [a.error]));
  if (faults.length > 0) return faultExitCode(faults);
  const { grade } = report.summary.verdict;
  return grade === 'unusable' || (strict && grade === 'care') ? 1 : 0;
}

/**
 * The exit code for whoever starts jobs again by it: 1 only where the same job may end better. What
 * a verdict says of the data stays as it is until new data come, which the next run on the schedule
 * takes: that is 2.
 */
export function jobExitCodeOf(report: RunReport, strict = false): number {
  const code = exitCodeOf(report, strict);
  const failed = report.assets.some((a) => a.error !== undefined);
  return code === 1 && !failed ? 2 : code;
}
