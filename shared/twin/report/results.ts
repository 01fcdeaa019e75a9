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
import { calibrationFindings } from './calibration-findings.js';
import { crossCheckOf } from './cross-check.js';
import { hindsightFindings } from './hindsight.js';
import { eventsOf, gapsOf, type MachineEvent, type MachineGap } from './machine-events.js';
import { learntContradictions, learntFindings, pastContradictions } from './past-alarms.js';
import { pulledFindings } from './pulled-constants.js';
import { type HangsOn, quantityVerdicts } from './quantities.js';
import { type RecordingSummary, skippedSteps } from './recording-summary.js';
import { runAlarms } from './run-alarms.js';
import { statesNis } from './state-noise-alarm.js';
import { type RunSteps, runStepsOf, type StepTrace } from './step-trace.js';
import { type Finding, type Verdict, verdictOf } from './verdict.js';

/** Mean NIS per channel of the states alone; left out where constants are not fitted. */
function statesNisOf(steps: readonly StepTrace[]): { statesNisPerChannel?: number } {
  const { nis, channels } = statesNis(steps);
  return channels === 0 ? {} : { statesNisPerChannel: nis / channels };
}

/** What a calibration run gives out, beside its steps. */
export interface CalibrationOutput {
  twin: string;
  /** Its version: what a saved state depends on of definition and FMU. */
  twinVersion: string;
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
    /** Times without samples of which nothing is known: a moving machine's states were widened, or begun anew. */
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

/** Whether a sample that no sensor told of has an estimate of its own: a moving machine's, by its inputs. */
const isMovedOn = ({ definition }: Twin, { skipped }: StepResult): boolean =>
  skipped === 'no-usable-channel' && definition.simulation.mode === 'transient';

/**
 * Sums up the steps of a run.
 *
 * @param run its steps, or what was kept of them
 * @param slopes of its last step, `state` after it
 */
export function summarize(
  twin: Twin,
  run: readonly StepResult[] | RunSteps,
  wallS: number,
  slopes?: SensorSlopes,
  state?: CalibratorState,
): CalibrationOutput {
  const steps = 'traces' in run ? run : runStepsOf(run);
  const { traces, last: newest, lastUsed: last } = steps;
  // Inputs move a machine on, whatever its sensors say.
  const end = newest !== undefined && isMovedOn(twin, newest) ? newest : last;
  const used = traces.filter((s) => s.skipped === undefined);
  const total = (f: (s: StepTrace) => number) => used.reduce((sum, s) => sum + f(s), 0);
  const channels = total((s) => s.channels);
  const sources = slopes && state && bandSources(twin, state, slopes);
  const output: CalibrationOutput = {
    twin: twin.definition.name,
    twinVersion: versionOf(twin.hash),
    summary: {
      samples: traces.length,
      assimilated: used.length,
      skipped: traces.length - used.length,
      modelRuns: total((s) => s.diagnostics.modelRuns),
      meanNisPerChannel: channels === 0 ? null : total((s) => s.nis) / channels,
      ...statesNisOf(used),
      logLikelihood: total((s) => s.logLikelihood),
      wallS,
      parameters: end?.parameters ?? newest?.parameters ?? {},
      virtualSensors: end?.virtualSensors ?? {},
      alarms: allAlarms(end?.alarms ?? [], runAlarms(twin, steps)),
      events: eventsOf(traces),
      gaps: gapsOf(traces),
      recording: {
        rows: traces.length,
        used: used.length,
        skipped: skippedSteps(traces),
        unreadable: {},
        deadChannels: [],
        spanS: (traces.at(-1)?.timeS ?? 0) - (traces[0]?.timeS ?? 0),
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
  const check = crossCheckOf(twin, { lastUsed: last, slopes, state });
  const findings = [
    ...calibrationFindings(twin, output),
    ...pulledFindings(twin, steps.pulled),
    ...hindsightFindings(twin, steps.known, output.summary.parameters),
    ...learntFindings(learntBefore(twin, steps, state)),
    ...check.findings,
  ];
  judgeBy(twin, output, findings, check.hangsOn);
  return output;
}

/** Contradictions that the constants of a state learnt from in runs before this one. */
function learntBefore(
  twin: Twin,
  { traces, lastUsed, contradictions }: RunSteps,
  state: CalibratorState | undefined,
): Alarm[] {
  const used = traces.filter((s) => s.skipped === undefined);
  if (state === undefined || lastUsed === undefined || state.sampleCount <= used.length) return [];
  const told = pastContradictions(twin, used, contradictions, lastUsed.alarms);
  return learntContradictions(twin, state, [...lastUsed.alarms, ...told]);
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
