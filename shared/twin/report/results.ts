import { formatCsv } from '../../core/index.js';
import { versionOf } from '../definition/twin.js';
import { type Identifiability, identifiabilityOf } from '../identifiability/identifiability.js';
import type {
  Alarm,
  CalibratorState,
  Estimate,
  IntegrationError,
  SensorSlopes,
  StepResult,
  Twin,
} from '../types.js';
import { type BandSources, bandSources } from './band-sources.js';
import { crossCheckOf } from './cross-check.js';
import { eventsOf, gapsOf, type MachineEvent, type MachineGap } from './machine-events.js';
import { type HangsOn, quantityVerdicts } from './quantities.js';
import { statesNis } from './state-noise-alarm.js';
import {
  calibrationFindings,
  type Finding,
  type RecordingSummary,
  runAlarms,
  skippedSteps,
  type Verdict,
  verdictOf,
} from './verdict.js';

/** Mean NIS per channel of the states alone; left out where constants are not fitted. */
function statesNisOf(steps: readonly StepResult[]): { statesNisPerChannel?: number } {
  const { nis, channels } = statesNis(steps);
  return channels === 0 ? {} : { statesNisPerChannel: nis / channels };
}

/** What a calibration run gives out. */
export interface CalibrationOutput {
  twin: string;
  /** Its version: what a saved state depends on of definition and FMU. */
  twinVersion: string;
  steps: StepResult[];
  summary: {
    samples: number;
    assimilated: number;
    skipped: number;
    modelRuns: number;
    /** Mean NIS per channel: near 1 when the noise is right. */
    meanNisPerChannel: number | null;
    /** The same of a moving machine's states alone, constants held at their fits, events left out. */
    statesNisPerChannel?: number;
    logLikelihood: number;
    wallS: number;
    parameters: Record<string, Estimate>;
    virtualSensors: Record<string, Estimate>;
    alarms: Alarm[];
    /** What happened to the machine that the model lacks; without `untilS` what still lasts. */
    events: MachineEvent[];
    /** Times without samples after which a moving machine's states were begun anew. */
    gaps: MachineGap[];
    /** What was read, and what became of it. */
    recording: RecordingSummary;
    /** Whether the result may be acted on, and why not. */
    verdict: Verdict;
    /** The same for each parameter, virtual sensor and measured variable. */
    quantities: Record<string, Verdict>;
    /** What the model values miss by because of the integration's steps, which is in the bands. */
    integrationError?: IntegrationError;
    /** Where bands come from, as shares of their variance by variable; of moving machines, the newest fit's. */
    bands?: { sources: Record<string, BandSources> };
    /** What one sample of the sensors can tell where the run ended; absent without a step. */
    identifiability?: Identifiability;
  };
}

/**
 * Sums up the steps of a run.
 *
 * @param slopes of its last step, `state` after it
 */
export function summarize(
  twin: Twin,
  steps: StepResult[],
  wallS: number,
  slopes?: SensorSlopes,
  state?: CalibratorState,
): CalibrationOutput {
  const used = steps.filter((s) => s.skipped === undefined);
  const last = used.at(-1);
  const total = (f: (s: StepResult) => number) => used.reduce((sum, s) => sum + f(s), 0);
  const channels = total((s) => s.channels);
  const sources = slopes && state && bandSources(twin, state, slopes);
  const output: CalibrationOutput = {
    twin: twin.definition.name,
    twinVersion: versionOf(twin.hash),
    steps,
    summary: {
      samples: steps.length,
      assimilated: used.length,
      skipped: steps.length - used.length,
      modelRuns: total((s) => s.diagnostics.modelRuns),
      meanNisPerChannel: channels === 0 ? null : total((s) => s.nis) / channels,
      ...statesNisOf(used),
      logLikelihood: total((s) => s.logLikelihood),
      wallS,
      parameters: last?.parameters ?? steps.at(-1)?.parameters ?? {},
      virtualSensors: last?.virtualSensors ?? {},
      alarms: allAlarms(last?.alarms ?? [], runAlarms(twin, { steps })),
      events: eventsOf(steps),
      gaps: gapsOf(steps),
      recording: {
        rows: steps.length,
        used: used.length,
        skipped: skippedSteps(steps),
        unreadable: {},
        deadChannels: [],
        spanS: (steps.at(-1)?.timeS ?? 0) - (steps[0]?.timeS ?? 0),
        periodS: null,
        ageS: null,
      },
      verdict: { grade: 'good', reasons: [] },
      quantities: {},
      ...(sources === undefined ? {} : { bands: { sources } }),
      ...(slopes === undefined
        ? {}
        : {
            identifiability: identifiabilityOf(twin, slopes.slope, slopes.noiseStd, slopes.active),
          }),
    },
  };
  const check = crossCheckOf(twin, { steps, slopes, state });
  judgeBy(twin, output, [...calibrationFindings(twin, output), ...check.findings], check.hangsOn);
  return output;
}

/** The last sample's alarms and those of the run, which say more where both speak of the same. */
function allAlarms(ofLast: readonly Alarm[], ofRun: readonly Alarm[]): Alarm[] {
  const told = (a: Alarm) => ofRun.some((b) => a.code === b.code && a.subject === b.subject);
  return [...ofLast.filter((a) => !told(a)), ...ofRun];
}

/** Puts the verdict that findings make into a run's summary, for the whole and by quantity. */
export function judgeBy(
  twin: Twin,
  { summary }: CalibrationOutput,
  findings: readonly Finding[],
  hangsOn: HangsOn,
): void {
  summary.verdict = verdictOf(findings);
  summary.quantities = quantityVerdicts(twin, findings, hangsOn);
}

const KEYS = ['mean', 'std', 'lower95', 'upper95'] as const;

/** The steps as a flat table, one row each. */
export function resultsCsv(twin: Twin, output: CalibrationOutput): string {
  const names = [
    ...twin.definition.parameters.map((p) => ['parameters', p.variable] as const),
    ...twin.definition.virtualSensors.map((s) => ['virtualSensors', s.variable] as const),
  ];
  const columns = ['timeS', 'row', 'mode', 'nis', 'alarms'];
  for (const [, name] of names) for (const key of KEYS) columns.push(`${name}.${key}`);
  return formatCsv(
    columns,
    output.steps.map((step) => [
      step.timeS,
      step.row,
      step.diagnostics.mode,
      Number.isFinite(step.nis) ? step.nis : undefined,
      step.alarms.map((a) => `${a.code}:${a.subject}`).join(' '),
      ...names.flatMap(([kind, name]) => KEYS.map((key) => step[kind][name]?.[key])),
    ]),
  );
}
